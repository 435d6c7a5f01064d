"""The strip of a runbook: 30 days in its operators' time zone, each with its worst verdict."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lib.archive.archive import Archive
from lib.archive.record import RunError, RunRecord, RunStatus
from lib.errors import UserError
from lib.site.build import build_site
from lib.verdict.check import Question
from lib.verdict.verdict import Verdict
from tests.site.runs import REPAIR, START, archive_run, record

DAY = timedelta(days=1)
LATE = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)  # the evening before in New York, noon in Tokyo
DEPLOYED = Question("deployed_together", "Both services deployed", {"worker": "2026-11-20 23:30:00 EST"})
MISTYPED = RunError("step-3", "UserError", "names no lock", UserError.exit_code)


def strip_of(archive: Archive, now: datetime = START) -> tuple[list[str], str]:
    """Return the tooltips of the only runbook's days, and the text for people who cannot see the strip."""
    build_site(archive, now=now)
    [svg] = re.findall(r'<td class="days">.*?</td>', archive.store.read("index.html").decode())
    return re.findall("<title>(.*?)</title>", svg), re.findall('aria-label="(.*?)"', svg)[0]


@pytest.mark.parametrize(
    ("runs", "shown"),
    {
        "the evening in New York": ([record(started_at=LATE)], ["2026-11-23 · PASS (1 run)"]),
        "noon in Tokyo": ([record(started_at=LATE, timezone="Asia/Tokyo")], ["2026-11-24 · PASS (1 run)"]),
        "the worst of a day": (
            [record(verdict, started_at=START - DAY + number * timedelta(hours=1)) for number, verdict in enumerate(
                [Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS]
            )],
            ["2026-11-23 · FAIL (worst of 4 runs)"],
        ),
        "what tells nothing of how things are": (
            [record(), record(status=RunStatus.FAILED, error=MISTYPED)],
            ["2026-11-24 · PASS (1 run)"],
        ),
        "the first day and the one before": (
            [record(started_at=START - 29 * DAY), record(started_at=START - 30 * DAY)],
            ["2026-10-26 · PASS (1 run)"],
        ),
        "a deploy, marked by the day of its operators": (
            [replace(record(), checks=(DEPLOYED.passes("both"),))],
            ["2026-11-20 · no run · Deploy of worker, 2026-11-20 23:30:00 EST", "2026-11-24 · PASS (1 run)"],
        ),
        "a change": ([record(changed=(REPAIR,))], ["2026-11-24 · PASS (1 run) · 15 rows removed"]),
    }.values(),
)  # fmt: skip
def test_each_day_shows_its_worst_verdict(tmp_path: Path, runs: list[RunRecord], shown: list[str]) -> None:
    archive = Archive(tmp_path)
    for run in runs:
        archive_run(archive, run)
    days, _ = strip_of(archive)
    assert len(days) == 30
    assert [day for day in days if not day.endswith("no run")] == shown
    assert [day[:10] for day in days] == sorted(day[:10] for day in days)


def test_the_strip_is_described_for_people_who_cannot_see_it(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    for ago, verdict in ((0, Verdict.PASS), (1, Verdict.FAIL), (3, Verdict.FAIL), (4, Verdict.WARN)):
        archive_run(archive, record(verdict, started_at=START - ago * DAY, changed=(REPAIR,) if ago == 1 else ()))
    assert strip_of(archive)[1] == (
        "30 days to 2026-11-24: FAIL on 2026-11-21, 2026-11-23; WARN on 2026-11-20; PASS on 1 day; no run on 26; "
        "changed on 2026-11-23"
    )
