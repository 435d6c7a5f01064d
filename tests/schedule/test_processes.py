"""Real schedulers and runs as processes, which are killed."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from lib import places
from lib.archive.archive import Archive, Run
from lib.archive.local_store import LocalStore
from lib.archive.record import RunStatus
from lib.environment import load_environment
from lib.errors import RunbookError, Unavailable
from lib.schedule.attempt import only_run
from lib.schedule.firing import Runner, run_due
from lib.schedule.firing_record import Occurrence
from lib.schedule.firings import Ledger
from lib.schedule.settings import Schedule
from tests import warm
from tests.site.pages import text_of

WriteSchedule = Callable[..., Schedule]
WAIT_SECONDS = 60
# Due once during a test, unless it runs at this midnight.
DAILY = {"cron": "0 0 * * *", "catch_up_seconds": 86_400}
DAY = timedelta(days=1)


def runs(tmp_path: Path) -> list[Run]:
    """Return the archived runs, in order."""
    return [run for run in reversed(Archive(tmp_path / "outputs").runs()) if isinstance(run, Run)]


def occurrences(tmp_path: Path, schedule: Schedule, name: str) -> list[Occurrence]:
    """Return an entry's records, oldest first."""
    ledger = Ledger(Archive(tmp_path / "outputs").store)
    return list(ledger.newest(schedule.entries[name]))[::-1]


def once(*options: str, now: datetime | None = None) -> dict[str, Any]:
    """Run `runbook schedule once`; return its output and exit code."""
    moment = {"RUNBOOK_NOW": now.isoformat()} if now else {}
    ended = warm.run(
        [sys.executable, "-m", "lib.cli", "schedule", "once", "--json", *options], env={**os.environ, **moment}
    )
    assert ended.stdout, ended.stderr
    return {"exit_code": ended.returncode, **json.loads(ended.stdout.splitlines()[-1])}


@contextmanager
def scheduler_in_a_run(tmp_path: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Start `runbook schedule run`; yield once the cell of its run signals through a named pipe that it runs."""
    os.mkfifo(tmp_path / "ready")
    pipe = os.open(tmp_path / "ready", os.O_RDONLY | os.O_NONBLOCK)
    command = [sys.executable, "-m", "lib.cli", "schedule", "run", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as scheduler:
        try:
            readable, _, _ = select.select([pipe], [], [], WAIT_SECONDS)
            assert readable
            (tmp_path / "ready").unlink()
            yield scheduler
        finally:
            os.close(pipe)
            scheduler.kill()


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def await_end(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=WAIT_SECONDS)
    assert alive == []


@pytest.mark.parametrize("also", ["scheduler", "scheduler and run"])
def test_after_being_killed_in_a_run_it_continues_with_the_next(
    tmp_path: Path, write_schedule: WriteSchedule, also: str
) -> None:
    entry = {"runbook": "holds_once", **DAILY, "parameters": {"folder": str(tmp_path)}, "retries": 1}
    schedule = write_schedule({"watch": entry})
    with scheduler_in_a_run(tmp_path) as scheduler:
        family = psutil.Process(scheduler.pid).children(recursive=True)
        runner = next(process for process in family if process.cmdline()[-2:] == ["schedule", "attempt"])
        scheduler.kill()
        if also == "scheduler and run":
            runner.kill()
        await_end(family)  # nothing it started continues without it
    [killed] = runs(tmp_path)
    by_itself = also == "scheduler"  # the run noticed, and archived itself
    assert killed.record.status is (RunStatus.INTERRUPTED if by_itself else RunStatus.ABANDONED)

    [claimed] = occurrences(tmp_path, schedule, "watch")
    assert once()["occurrences"] == []  # closed, and not run again
    assert killed.record.headline in text_of(Archive(tmp_path / "outputs"))
    [closed] = occurrences(tmp_path, schedule, "watch")
    assert (closed.state, closed.verdict, closed.exit_code) == ("ended", "UNKNOWN", 3)
    assert [attempt.run_id for attempt in closed.attempts] == [killed.run_id]

    answer = once(now=claimed.planned_at + DAY)
    assert [run["exit_code"] for run in answer["occurrences"]] == [0]
    _, following = occurrences(tmp_path, schedule, "watch")
    assert following.planned_at == closed.planned_at + DAY
    assert once(now=following.planned_at)["occurrences"] == []
    assert [run.record.origin.planned_at for run in runs(tmp_path)] == [closed.planned_at, following.planned_at]
    # It runs as of its planned time.
    assert runs(tmp_path)[-1].record.checks[0].summary.startswith(f"{following.planned_at:%Y-%m-%d %H:%M}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_after_a_stop_signal_it_archives_its_runs(
    tmp_path: Path, write_schedule: WriteSchedule, number: signal.Signals
) -> None:
    entry = {"runbook": "holds_once", **DAILY, "parameters": {"folder": str(tmp_path)}, "retries": 3}
    # Later in the file, and not due.
    yearly = {"runbook": "healthy", "cron": "0 0 29 2 *"}
    schedule = write_schedule({"watch": entry, "yearly": yearly}, concurrency=1)
    with scheduler_in_a_run(tmp_path, "--stop-grace-seconds", "0") as scheduler:
        family = psutil.Process(scheduler.pid).children(recursive=True)
        scheduler.send_signal(number)
        assert scheduler.wait(WAIT_SECONDS) == 0
        assert scheduler.stderr is not None
        assert len(scheduler.stderr.read().splitlines()) == 3  # started, the run, stopped
    await_end(family)
    # It continued to check while all its workers were busy.
    assert Ledger(Archive(tmp_path / "outputs").store).since(schedule.entries["yearly"]) is not None
    [stopped] = runs(tmp_path)
    assert stopped.record.status is RunStatus.INTERRUPTED
    [occurrence] = occurrences(tmp_path, schedule, "watch")
    assert (occurrence.state, occurrence.exit_code) == ("ended", 3)
    assert [attempt.run_id for attempt in occurrence.attempts] == [stopped.run_id]


def test_only_runs_without_an_answer_are_retried(tmp_path: Path, write_schedule: WriteSchedule) -> None:
    retried = {**DAILY, "retries": 1, "retry_delay_seconds": 0}
    schedule = write_schedule(
        {
            "blind": {"runbook": "could_not_look", **retried},
            "bad": {"runbook": "broken_rule", **retried},
            "good": {"runbook": "healthy", "parameters": {"game_date": "yesterday"}, **retried},
        }
    )
    answer = once()
    assert answer["exit_code"] == 1
    assert {run["entry"]: run["exit_code"] for run in answer["occurrences"]} == {"blind": 3, "bad": 1, "good": 0}
    [blind] = occurrences(tmp_path, schedule, "blind")
    by_id = {run.run_id: run.record.origin for run in runs(tmp_path)}
    tries = [by_id[attempt.run_id] for attempt in blind.attempts]
    assert [(origin.attempt, origin.retry_of) for origin in tries] == [(1, ""), (2, blind.attempts[0].run_id)]
    assert {(origin.schedule, origin.planned_at) for origin in tries} == {("blind", blind.planned_at)}
    assert len(by_id) == 2 + 1 + 1
    assert once("--entry", "good", now=blind.planned_at) == {"exit_code": 0, "occurrences": []}


def test_runs_of_a_runbook_do_not_overlap(tmp_path: Path, write_schedule: WriteSchedule) -> None:
    entry = {"runbook": "healthy", **DAILY}
    schedule = write_schedule({"watch": entry})
    with only_run("healthy", load_environment("local"), "a run that goes on"):
        answer = once()
    assert answer["exit_code"] == 0
    [occurrence] = occurrences(tmp_path, schedule, "watch")
    assert occurrence.state == "skipped"
    assert occurrence.reason.startswith("healthy was still running: batch a run that goes on on ")
    assert runs(tmp_path) == []
    following = f"{occurrence.planned_at + DAY:%Y-%m-%dT%H:%M:%SZ}"
    assert f'data-expected-at="{following}"' in (tmp_path / "outputs" / "index.html").read_text()


class PartlyAway(LocalStore):
    """A bucket that cannot create one object, and once fails to write another."""

    def __init__(self, folder: Path, closed: str, away_once: str) -> None:
        super().__init__(folder)
        self._closed, self._away_once = closed, [away_once]

    def create(self, name: str, content: bytes) -> bool:
        if name.startswith(self._closed):
            raise Unavailable("the bucket is away")
        return super().create(name, content)

    def write(self, name: str, content: bytes, *, durable: bool = False) -> None:
        if name in self._away_once:
            self._away_once.remove(name)
            raise Unavailable("the bucket is away")
        super().write(name, content, durable=durable)


def test_an_unreachable_archive_does_not_hide_other_runs(tmp_path: Path, write_schedule: WriteSchedule) -> None:
    schedule = write_schedule(
        {"shut": {"runbook": "could_not_look", **DAILY}, "watch": {"runbook": "healthy", **DAILY}}
    )
    archive = Archive(tmp_path / "outputs")
    today = f"{datetime.now(UTC):%Y%m%d}T000000Z.json"
    archive.store = PartlyAway(tmp_path / "outputs", "_schedule/local/shut/", f"_schedule/local/watch/{today}")
    ended: list[Occurrence] = []
    problems: list[RunbookError] = []
    found = run_due(schedule, Runner(archive), places.now(), ended.append, problems.append)
    assert [str(problem) for problem in problems] == ["the bucket is away"]
    assert [(occurrence.entry, occurrence.exit_code) for occurrence in found] == [("watch", 0)]
    assert ended == found == occurrences(tmp_path, schedule, "watch")
