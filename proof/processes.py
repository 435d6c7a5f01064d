"""Coordinators, workers and operators as real processes, killed and paused at random moments.

The warehouse's file admits one process at a time, so two transactions never overlap here;
the simulation and the model cover that. The campaign interrupts everything inside and around
one transaction: a half-done merge, a lock whose holder is dead or wakes up late, staging that
was merged but not dropped. A process that is paused with the file open blocks all others
until it continues.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import re
import signal
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from proof.part import PartResult
from proof.process_checks import violations
from proof.process_roles import Site, coordinate, play, steal, write
from tests.locking.backends import Backend
from tests.locking.emulator import HOST_VARIABLE, find_jar, running_emulator

Role = Callable[[Site, int], None]

CROWD: dict[Role, int] = {coordinate: 3, write: 1}
STOPS_PER_STRIKE = 0.3
STEALS_PER_STRIKE = 0.1
FINISHED_WITHIN_SECONDS = 180.0

_TITLE = "Real processes, killed and paused"
_WORTH_COUNTING = {
    "locks taken over": "Taking over expired",
    "leases lost": "LeaseLost",
    "tokens refused": "StaleToken",
    "forced releases": "Force-released",
}


@dataclass(frozen=True)
class Campaign:
    """What was done at a site, and the violations found afterwards."""

    locks: str
    kills: int
    stops: int
    consolidations: int
    met: dict[str, int]
    violations: list[str]

    def __str__(self) -> str:
        met = ", ".join(f"{times} {what}" for what, times in self.met.items())
        return f"{self.locks}: {self.kills} kills, {self.stops} pauses, {self.consolidations} consolidations, {met}"


class Crowd:
    """The processes of a site."""

    def __init__(self, site: Site, seed: int) -> None:
        self._site = site
        self._chance = random.Random(seed)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["proof.process_roles", "lib.gcp.firestore_locks"])
        self._started: list[ForkServerProcess] = []
        self._playing: defaultdict[Role, list[ForkServerProcess]] = defaultdict(list)
        self._goes_on_at: dict[ForkServerProcess, float] = {}
        self.kills = 0
        self.stops = 0

    def strike(self, kills: int) -> None:
        """Kill that many working processes, one after another, and pause some of them for a while."""
        while self.kills < kills:
            self._fill_up()
            self._wait_until_more_is_done()
            at_work = self._at_work()
            if not at_work:
                continue
            victim = self._chance.choice(at_work[-2:])
            if self._chance.random() < STOPS_PER_STRIKE:
                self._stop(victim)
                continue
            victim.kill()
            victim.join()
            self.kills += victim.exitcode == -signal.SIGKILL

    def finish(self) -> list[str]:
        """Without further faults, wait until everything is done; return a line for each process that failed."""
        self._let_go_on(everyone=True)
        self._fill_up()
        deadline = time.monotonic() + FINISHED_WITHIN_SECONDS
        for process in self._playing[write]:
            process.join(max(0.0, deadline - time.monotonic()))
        self._site.over.touch()
        for process in self._started:
            process.join(max(0.0, deadline - time.monotonic()))
        ends = {process.name: process.exitcode for process in self._started}
        stuck = [f"progress: {name} is still at work" for name, end in ends.items() if end is None]
        return stuck + [f"error: {name} ended with {end}" for name, end in ends.items() if end and end > 0]

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.join()

    def _fill_up(self) -> None:
        for role, wanted in CROWD.items():
            alive = sum(process.is_alive() for process in self._playing[role])
            for _ in range(wanted - alive):
                self._start(role)
        if self._chance.random() < STEALS_PER_STRIKE:
            self._start(steal)

    def _wait_until_more_is_done(self) -> None:
        """Draw moments by logged lines, not seconds, so that a slow machine is interrupted at work just as often."""
        wanted = self._log_bytes() + self._chance.randrange(1500)
        deadline = time.monotonic() + self._site.lease_seconds
        while self._log_bytes() < wanted and time.monotonic() < deadline:
            time.sleep(0.005)
            self._let_go_on()
        time.sleep(self._chance.uniform(0.0, 0.05))

    def _log_bytes(self) -> int:
        return self._site.log.stat().st_size

    def _at_work(self) -> list[ForkServerProcess]:
        """Return the live processes that have logged something, the most recent one last."""
        pids = re.findall(r"^\S+ \S+ (\d+) ", self._site.log.read_text(), re.MULTILINE)
        last_line = {int(pid): number for number, pid in enumerate(pids)}
        seen = [process for process in self._started if process.pid in last_line and process.is_alive()]
        return sorted(seen, key=lambda process: last_line[process.pid or 0])

    def _start(self, role: Role) -> None:
        number = len(self._started) + 1
        process = self._context.Process(
            target=play, args=(role, self._site, number), name=f"{role.__name__} {number}", daemon=True
        )
        process.start()
        self._started.append(process)
        self._playing[role].append(process)

    def _stop(self, victim: ForkServerProcess) -> None:
        """Pause a process for up to two and a half leases."""
        if victim.is_alive() and victim.pid is not None:
            os.kill(victim.pid, signal.SIGSTOP)
            self._goes_on_at[victim] = time.monotonic() + self._chance.uniform(0.1, 2.5) * self._site.lease_seconds
            self.stops += 1

    def _let_go_on(self, *, everyone: bool = False) -> None:
        for process, when in list(self._goes_on_at.items()):
            if everyone or time.monotonic() >= when:
                del self._goes_on_at[process]
                if process.is_alive() and process.pid is not None:
                    os.kill(process.pid, signal.SIGCONT)


def strike_site(site: Site, kills: int, seed: int) -> Campaign:
    """Run one campaign, from an empty warehouse to the last check."""
    site.folder.mkdir(parents=True, exist_ok=True)
    site.staged.touch()
    site.log.touch()
    with closing(Crowd(site, seed)) as crowd:
        crowd.strike(kills)
        found = crowd.finish()
    log = site.log.read_text()
    return Campaign(
        locks=site.backend.kind,
        kills=crowd.kills,
        stops=crowd.stops,
        consolidations=log.count("Executing MERGE"),
        met={what: log.count(text) for what, text in _WORTH_COUNTING.items()},
        violations=found or violations(site),
    )


def sqlite_site(folder: Path) -> Site:
    return Site(folder, Backend("sqlite", str(folder / "locks.sqlite")))


@contextmanager
def firestore_site(folder: Path) -> Iterator[Site]:
    """Yield a site with its own project on the emulator, which this process uses too."""
    folder.mkdir(parents=True)
    with running_emulator(folder / "emulator.log") as host, pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOST_VARIABLE, host)
        yield Site(folder, Backend("firestore", f"test-{uuid.uuid4().hex[:12]}"), emulator=host, lease_seconds=1.5)


def process_campaign(kills: int, seed: int) -> PartResult:
    """Run half of the kills with locks in SQLite, half with locks in the Firestore emulator."""
    if not (find_jar() or HOST_VARIABLE in os.environ):
        return PartResult(_TITLE, False, "not run: there is no Firestore emulator", "")
    with tempfile.TemporaryDirectory() as folder:
        campaigns = [strike_site(sqlite_site(Path(folder, "sqlite")), kills - kills // 2, seed)]
        with firestore_site(Path(folder, "firestore")) as site:
            campaigns.append(strike_site(site, kills // 2, seed))
    holds = not any(campaign.violations for campaign in campaigns)
    return PartResult(_TITLE, holds, "; ".join(map(str, campaigns)), _markdown(campaigns))


def _markdown(campaigns: Sequence[Campaign]) -> str:
    return "\n".join(
        [
            "Coordinators, workers and operators run as processes on one warehouse file. SIGKILL hits working",
            "processes at random moments; in three of ten cases SIGSTOP pauses one for up to two and a half leases;",
            "operators release locks by force. Afterwards everything staged must be merged exactly once; the ledger's",
            "runs, replayed by a few lines of Python, must produce the table and the recorded figures; and the fence",
            "must not be older than the ledger. Transactions of two processes never overlap here, because the file",
            "admits one process at a time.",
            "",
            "| locks in | killed | violations |",
            "| --- | ---: | --- |",
            *(f"| {one.locks} | {one.kills} | {'; '.join(one.violations) or 'none'} |" for one in campaigns),
        ]
    )
