"""Runs expected by the schedule: no page is green because a run is missing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lib.archive.archive import Archive
from lib.schedule.firing_record import Attempt, Occurrence, State
from lib.schedule.firings import Ledger
from lib.schedule.settings import Entry, load_schedule
from lib.verdict.verdict import Verdict
from tests.site.pages import built
from tests.site.runs import START, archive_run, record
from tests.site.schedules import begin_hourly_schedule

HOUR = timedelta(hours=1)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path / "outputs")
    archive_run(archive, record(Verdict.PASS))
    return archive


@pytest.fixture
def begin(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Entry]:
    def begun(since: datetime, settings: str = "") -> Entry:
        begin_hourly_schedule(archive, tmp_path, since, monkeypatch, settings)
        return load_schedule().entries["hourly_watch"]

    return begun


def expected_at(archive: Archive) -> str:
    html = archive.store.read("index.html").decode()
    return html.partition('data-expected-at="')[2].partition('"')[0]


def test_missed_runs_are_shown_once_per_entry_and_the_environment_is_not_healthy(
    archive: Archive, begin: Callable[..., Entry]
) -> None:
    begin(START - 4 * HOUR)
    page = built(archive)
    assert (
        "UNKNOWN local 1 of 1 passed day1_monitoring missed its run at 2026-11-24 12:00:00 EST "
        "no scheduler has run since; 1 earlier run was also missed Next Check"
    ) in page
    archive_run(archive, record(Verdict.FAIL, runbook="deploy_verify", headline="one is old"))
    page = built(archive)
    assert "FAIL local 1 of 2 passed one is old" in page
    assert (
        "MISSED Overdue: day1_monitoring (hourly_watch) was planned for 2026-11-24 12:00:00 EST and has not run: "
        "no scheduler has run since; 1 earlier run was also missed"
    ) in page


def test_a_paused_entry_is_not_green_even_if_a_later_run_passed(archive: Archive, begin: Callable[..., Entry]) -> None:
    entry = begin(START - 30 * HOUR, "on_failure: pause")
    ledger = Ledger(archive.store)
    failed = Occurrence.of(entry, START - 29 * HOUR, State.CLAIMED, START - 29 * HOUR)
    ledger.write(failed.ended(State.ENDED, START - 29 * HOUR, attempts=(Attempt("run", 1, Verdict.FAIL, "twice"),)))
    for hours in range(29):
        ledger.claim(Occurrence.of(entry, START - hours * HOUR, State.SKIPPED, START - hours * HOUR, "paused"))
    page = built(archive)
    assert page.startswith("UNKNOWN · ")
    assert "UNKNOWN local 1 of 1 passed day1_monitoring is not run: schedule entry hourly_watch is paused" in page
    assert "runbook schedule resume hourly_watch" in page
    assert page.count("paused since its run at 2026-11-23 14:00 UTC was FAIL") == 1
    assert expected_at(archive) == ""


def test_an_overdue_run_that_may_still_start_is_waited_for(archive: Archive, begin: Callable[..., Entry]) -> None:
    entry = begin(START - HOUR / 2, "catch_up_seconds: 21600")
    later = START + HOUR / 2
    page = built(archive, now=later)
    assert expected_at(archive) == "2026-11-24T19:00:00Z"
    assert "As of 14:30 EST · a run has been due since 14:00 EST" in page
    Ledger(archive.store).claim(Occurrence.of(entry, START, State.CLAIMED, later))
    page = built(archive, now=later)
    assert expected_at(archive) == "2026-11-24T20:00:00Z"
    assert "As of 14:30 EST · next run due 15:00 EST" in page


@pytest.mark.parametrize(
    ("schedule", "reason"),
    [
        ("entries: 7", "schedule.yaml has no entries"),
        ("entries: {other: {runbook: day1_monitoring, cron: '0 * * * *'}}", "it shares no entry with this one"),
    ],
)
def test_an_unreadable_schedule_leaves_nothing_green(
    archive: Archive, begin: Callable[..., Entry], tmp_path: Path, schedule: str, reason: str
) -> None:
    begin(START - HOUR / 2)
    assert built(archive).startswith("PASS · ")
    (tmp_path / "schedule.yaml").write_text(schedule, encoding="utf-8")
    page = built(archive)
    assert page.startswith("UNKNOWN · ")
    assert "UNKNOWN local 1 of 1 passed Missed runs cannot be determined" in page
    assert reason in page
