"""A missed run is noticed even if no scheduler works, and notified once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from lib.archive.archive import Archive
from lib.archive.local_store import LocalStore
from lib.archive.record import adapter_of
from lib.schedule.due import look
from lib.schedule.expected import missed, overviews
from lib.schedule.firing_record import Attempt, Occurrence, State
from lib.schedule.firings import Ledger
from lib.schedule.settings import Entry, Schedule
from lib.verdict.verdict import Verdict
from tests.environments import NEEDED_SETTINGS

START = datetime(2026, 1, 17, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURLY = Entry("hourly", "day1_monitoring", "0 * * * *", "UTC", "local")
SCHEDULE = Schedule({"hourly": HOURLY})

Posted = list[dict[str, Any]]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "outputs")


@pytest.fixture
def posted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Posted]:
    """The messages to the channel of the environment `noisy`."""
    messages: Posted = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    (tmp_path / "environments").mkdir()
    settings = {
        **NEEDED_SETTINGS,
        "notifications": {"channels": [{"variable": "TOLD"}]},
    }
    (tmp_path / "environments" / "noisy.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.setenv("RUNBOOK_ENVIRONMENTS", str(tmp_path / "environments"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        monkeypatch.setenv("TOLD", f"json://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield messages
        server.shutdown()
        thread.join()


def run_at(archive: Archive, entry: Entry, now: datetime) -> None:
    """Run a scheduler at this time, whose runs pass at once."""
    ledger = Ledger(archive.store)
    for firing in look([entry], archive, ledger, now):
        claimed = Occurrence.of(entry, firing.planned_at, State.CLAIMED, now)
        assert ledger.claim(claimed)
        ledger.write(claimed.ended(State.ENDED, now, attempts=(Attempt("", 0, Verdict.PASS, "all is well"),)))


def hours_missed(archive: Archive, now: datetime, schedule: Schedule = SCHEDULE) -> list[int]:
    return [(run.planned_at - START) // HOUR for run in missed(schedule, archive.store, now)]


def is_neglected(archive: Archive, now: datetime) -> bool:
    [overview] = overviews(SCHEDULE, archive.store, now, 0)
    return overview.is_neglected


def test_a_dead_scheduler_is_noticed_without_another(archive: Archive) -> None:
    run_at(archive, HOURLY, START)
    assert hours_missed(archive, START + HOUR) == []
    assert hours_missed(archive, START + 2 * HOUR) == []  # the first may still begin
    assert hours_missed(archive, START + 3.5 * HOUR) == [2, 1]
    assert "no scheduler" in missed(SCHEDULE, archive.store, START + 3 * HOUR)[0].reason
    assert not is_neglected(archive, START + 2 * HOUR)
    assert is_neglected(archive, START + 3.5 * HOUR)
    run_at(archive, HOURLY, START + 8 * HOUR)
    assert not is_neglected(archive, START + 8 * HOUR)  # though missed runs are shown


def test_unexpected_times_are_not_missed(archive: Archive) -> None:
    assert hours_missed(archive, START + 100 * HOUR) == []  # never run
    run_at(archive, HOURLY, START)
    at_half_past = Schedule({"hourly": replace(HOURLY, cron="30 * * * *")})
    later = START + 5 * HOUR
    assert hours_missed(archive, later, at_half_past) == []  # not run since this change
    run_at(archive, at_half_past.entries["hourly"], later)
    assert hours_missed(archive, later, at_half_past) == []


def test_a_missed_run_is_shown_for_a_day_and_until_the_next_run(archive: Archive) -> None:
    run_at(archive, HOURLY, START)
    after_a_night = START + 8 * HOUR
    run_at(archive, HOURLY, after_a_night)
    assert hours_missed(archive, after_a_night) == [6, 5, 4, 3, 2, 1]
    for hour in range(9, 40):
        run_at(archive, HOURLY, START + hour * HOUR)
    assert hours_missed(archive, START + 29 * HOUR) == [6, 5]
    assert hours_missed(archive, START + 39 * HOUR) == []

    weekly = Entry("weekly", "day1_monitoring", "0 9 * * 6", "UTC", "local")
    run_at(archive, weekly, START)
    run_at(archive, weekly, START + 173 * HOUR)
    assert hours_missed(archive, START + 300 * HOUR, Schedule({"weekly": weekly})) == [168]


def test_a_scheduler_killed_before_its_run_is_noticed(archive: Archive) -> None:
    ledger = Ledger(archive.store)
    ledger.expect(HOURLY, START - HOUR)
    claimed = Occurrence.of(HOURLY, START, State.CLAIMED, START)
    assert ledger.claim(replace(claimed, machine="elsewhere"))
    assert hours_missed(archive, START + HOUR) == []
    given_up = claimed.give_up_at + timedelta(seconds=1)
    assert [run.reason for run in missed(SCHEDULE, archive.store, given_up)] == ["its scheduler was killed"]
    look([HOURLY], archive, ledger, given_up)
    assert ledger.read(HOURLY, START).reason == "its scheduler was killed before it ran"


def test_orphans_of_another_machine_are_closed_however_often_the_entry_runs(archive: Archive) -> None:
    often = replace(HOURLY, cron="*/5 * * * *")
    ledger = Ledger(archive.store)
    ledger.expect(often, START - timedelta(minutes=1))
    assert ledger.claim(replace(Occurrence.of(often, START, State.CLAIMED, START), machine="elsewhere"))
    for minutes in range(5, 120, 5):
        run_at(archive, often, START + timedelta(minutes=minutes))
    assert ledger.read(often, START).state is State.MISSED


class InStep(LocalStore):
    """Two schedulers first read a record at the same time."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder)
        self._name = name
        self._both = threading.Barrier(2)
        self._reads = threading.local()

    def read(self, name: str) -> bytes:
        content = super().read(name)
        count = getattr(self._reads, "count", 0)
        if name == self._name and count < 2:
            self._reads.count = count + 1
            self._both.wait(60)
        return content


def test_one_of_two_schedulers_that_find_an_orphan_notifies(archive: Archive, posted: Posted, tmp_path: Path) -> None:
    noisy = replace(HOURLY, environment="noisy")
    ledger = Ledger(archive.store)
    ledger.expect(noisy, START - HOUR)
    claimed = Occurrence.of(noisy, START, State.CLAIMED, START)
    assert ledger.claim(replace(claimed, machine="elsewhere"))
    archive.store = InStep(tmp_path / "outputs", "_schedule/noisy/hourly/20260117T090000Z.json")
    given_up = claimed.give_up_at + timedelta(seconds=1)
    with ThreadPoolExecutor(2) as pool:
        looks = [pool.submit(look, [noisy], archive, Ledger(archive.store), given_up) for _ in range(2)]
    assert [future.exception() for future in looks] == [None, None]
    assert [message["title"] for message in posted] == ["UNKNOWN: a scheduled run was missed (noisy)"]


class EndedBehindTheReader(LocalStore):
    """A claimed record is ended, and its process exits, just after another process has read it."""

    def __init__(self, folder: Path, name: str, ended: Occurrence, owner: subprocess.Popen[bytes]) -> None:
        super().__init__(folder)
        self._name, self._ended, self._owner = name, ended, owner

    def read(self, name: str) -> bytes:
        content = super().read(name)
        if name == self._name and self._owner.returncode is None:
            self.write(name, adapter_of(Occurrence).dump_json(self._ended))
            self._owner.kill()
            self._owner.wait()
        return content


def test_a_record_that_was_ended_meanwhile_is_unchanged(archive: Archive, tmp_path: Path) -> None:
    Ledger(archive.store).expect(HOURLY, START - HOUR)
    # It waits for its input, and so also ends if this test fails.
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as owner:
        claimed = replace(Occurrence.of(HOURLY, START, State.CLAIMED, START), pid=owner.pid)
        assert Ledger(archive.store).claim(claimed)
        skipped = claimed.ended(State.SKIPPED, START, "day1_monitoring was still running")
        name = "_schedule/local/hourly/20260117T090000Z.json"
        archive.store = EndedBehindTheReader(tmp_path / "outputs", name, skipped, owner)
        look([HOURLY], archive, Ledger(archive.store), START + timedelta(minutes=1))
        assert owner.returncode is not None
    assert Ledger(archive.store).read(HOURLY, START) == skipped


@pytest.mark.parametrize("is_pipe", [False, True])
def test_an_unreadable_record_is_not_a_run(archive: Archive, *, is_pipe: bool) -> None:
    run_at(archive, HOURLY, START)
    name = "_schedule/local/hourly/20260117T090000Z.json"
    archive.store.write(name, b"{")
    if is_pipe:
        archive.store.delete(name)
        os.mkfifo(archive.store.address(name))
    [run] = missed(SCHEDULE, archive.store, START)
    assert run.reason.startswith("its record cannot be read")
    look([HOURLY], archive, Ledger(archive.store), START)  # it is not run again


def test_missed_runs_are_notified_once_and_together(archive: Archive, posted: Posted) -> None:
    noisy = replace(HOURLY, environment="noisy")
    run_at(archive, noisy, START)
    assert posted == []
    run_at(archive, noisy, START + 4 * HOUR)
    run_at(archive, noisy, START + 4.5 * HOUR)
    [message] = posted
    assert message["title"] == "UNKNOWN: 2 scheduled runs were missed (noisy)"
    assert message["message"].splitlines()[0] == (
        "day1_monitoring (hourly), planned for 2026-01-17 05:00:00 EST: no scheduler was running"
    )
