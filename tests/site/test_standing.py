"""The status of a runbook: a result is never hidden by a run about something else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from lib.archive.archive import Archive
from lib.archive.record import Origin, RunRecord, RunStatus
from lib.verdict.verdict import Verdict
from tests.site.pages import built
from tests.site.runs import START, archive_run, record

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FAIL = Verdict.FAIL
HOURLY = Origin(schedule="hourly", planned_at=START - 2 * HOUR)
OF_TODAY = {"game_date": "2026-11-24"}


def bad(hours_ago: float = 2, **about: object) -> RunRecord:
    return record(FAIL, headline="24 keys twice", started_at=START - hours_ago * HOUR, **about)  # type: ignore[arg-type]


def good(hours_ago: float = 1, **about: object) -> RunRecord:
    return record(Verdict.PASS, started_at=START - hours_ago * HOUR, **about)  # type: ignore[arg-type]


LOCKS = "stuck_lock_release"
REPAIR = {"game_date": "2026-11-24", "repair_date": "2026-11-24", "plan": "5c81", "reason": "a race"}
ANSWERED = {
    "the same date": (bad(), good()),
    "the same date in other words": (bad(parameters={"game_date": "today"}), good(parameters=OF_TODAY)),
    "yesterday, asked today": (bad(24), good(parameters={"game_date": "yesterday"})),
    "a repair of the date": (bad(), good(parameters=REPAIR)),
    "a lock that was released": (
        bad(runbook=LOCKS, parameters={"release": ""}),
        good(runbook=LOCKS, parameters={"release": "consolidation_2026-11-24", "plan": "5c81", "reason": "killed"}),
    ),
    "the next firing of the entry": (
        bad(26, origin=Origin("hourly", START - DAY - 2 * HOUR)),
        good(origin=Origin("hourly", START - HOUR)),
    ),
    "a person's look at the entry's date": (bad(origin=HOURLY), good()),
    "a rerun of the run": (bad(origin=HOURLY), good(origin=Origin("hourly", HOURLY.planned_at, rerun_of="x"))),
    "a retry of the run": (bad(origin=HOURLY), good(origin=Origin("hourly", HOURLY.planned_at, "x", attempt=2))),
    "eight days": (bad(8 * 24), good()),
}
OPEN = {
    "another date": (bad(), good(parameters={"game_date": "2026-11-01"})),
    "another entry": (bad(origin=HOURLY), good(origin=Origin("daily", START - HOUR))),
    "a rerun of last week's": (
        bad(origin=HOURLY),
        good(origin=Origin("hourly", START - 7 * DAY, rerun_of="x"), parameters={"game_date": "today"}),
    ),
    "a rerun of last week's about the same date": (
        bad(),
        good(origin=Origin(planned_at=START - 7 * DAY, rerun_of="x")),
    ),
    "one that goes on": (bad(), record(status=RunStatus.RUNNING, started_at=START + 36_500 * DAY)),
    "nothing for a month": (bad(30 * 24),),
}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


@pytest.mark.parametrize("runs", ANSWERED.values(), ids=ANSWERED)
def test_a_superseded_result_does_not_count(archive: Archive, runs: tuple[RunRecord, ...]) -> None:
    for run in runs:
        archive_run(archive, run)
    assert "PASS local 1 of 1 passed" in built(archive)


@pytest.mark.parametrize("runs", OPEN.values(), ids=OPEN)
def test_a_result_that_is_not_superseded_counts(archive: Archive, runs: tuple[RunRecord, ...]) -> None:
    for run in runs:
        archive_run(archive, run)
    page = built(archive)
    assert page.startswith("FAIL · Consolidation runbooks")
    assert "FAIL local 0 of 1 passed 24 keys twice" in page
    assert ("No newer run has checked" in page) == any(run.verdict is Verdict.PASS for run in runs)
    assert built(archive, "_site/runbooks/local/" + runs[0].runbook + "/index.html").startswith("FAIL · ")


def test_each_date_of_a_backfill_counts(archive: Archive) -> None:
    for days in range(100, 0, -1):
        verdict = FAIL if days == 99 else Verdict.PASS
        about = {"game_date": f"{START - days * DAY:%Y-%m-%d}"}
        archive_run(archive, record(verdict, parameters=about, started_at=START - days * timedelta(minutes=1)))
    assert "FAIL local 0 of 1 passed" in built(archive)
