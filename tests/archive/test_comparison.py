"""Changes between two runs, and the choice of the run to compare with."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.archive import comparison
from lib.archive.archive import Archive, Run
from lib.archive.comparison import Changed, ChangeKind, compare
from lib.archive.record import Origin, RunError, RunRecord, RunStatus
from lib.errors import Unavailable, UserError
from lib.verdict.check import Check, Question
from lib.verdict.verdict import Verdict
from lib.words.quantities import Quantity, Value, percent, seconds, size_in_bytes
from tests.site.runs import START, record

VALUES = st.one_of(
    st.integers(0, 10**9),
    st.builds(seconds, st.floats(0, 1e6)),
    st.builds(Quantity, st.floats(0, 1e6), st.sampled_from(["%", "B", "keys", "rows"])),
    st.datetimes().map(str),
    st.text(),
    st.none(),
    st.lists(st.integers() | st.text()),
)
CHECKS = st.builds(
    lambda id, **fields: Check(id=id, name=id.capitalize(), **fields),
    id=st.sampled_from(["duplicates", "locks", "rows"]),
    verdict=st.sampled_from(Verdict),
    summary=st.datetimes().map(str) | st.text(),
    evidence=st.dictionaries(st.sampled_from(["rows", "longest", "batch"]), VALUES),
)
RECORDS = st.builds(
    lambda verdict, checks, error, parameters: replace(
        record(verdict, error=error), checks=tuple(checks), parameters=parameters
    ),
    st.sampled_from(Verdict),
    st.lists(CHECKS, max_size=4),
    st.none() | st.builds(RunError, st.text(), st.text(), st.text()),
    st.dictionaries(st.sampled_from(["game_date", "hours"]), VALUES),
)
MIRRORED = {
    ChangeKind.WORSE: ChangeKind.BETTER,
    ChangeKind.BETTER: ChangeKind.WORSE,
    ChangeKind.APPEARED: ChangeKind.GONE,
    ChangeKind.GONE: ChangeKind.APPEARED,
}


@given(RECORDS)
def test_a_run_equals_itself(run: RunRecord) -> None:
    found = compare(run, run, tolerance=0)
    assert (found.changes, found.is_worse) == ((), False)


@given(RECORDS, RECORDS, st.floats(0, 2))
def test_what_got_worse_one_way_got_better_the_other_way(one: RunRecord, other: RunRecord, tolerance: float) -> None:
    there, back = compare(one, other, tolerance), compare(other, one, tolerance)
    mirrored = [
        (MIRRORED.get(kind, kind), where, after, before) for kind, where, before, after in map(_changes, back.changes)
    ]
    assert Counter(map(_changes, there.changes)) == Counter(mirrored)


def _changes(change: Changed) -> tuple[ChangeKind, str, str, str]:
    return change.kind, change.where, repr(change.before), repr(change.after)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_figure_matters_beyond_the_tolerance(before: int, after: int) -> None:
    changes = compare(_finding(before), _finding(Quantity(after, "rows")), 0.1).changes
    assert any(change.matters for change in changes) == (abs(before - after) > 0.1 * max(before, after))


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (0, 1, ChangeKind.FIGURE),
        (seconds(200), seconds(205), ChangeKind.NEAR),
        (seconds(200), seconds(240), ChangeKind.FIGURE),
        (seconds(0.1), seconds(0.4), ChangeKind.NEAR),  # too small to notice
        (size_in_bytes(1.5e9), size_in_bytes(1.45e9), ChangeKind.NEAR),
        (percent(12), percent(20), ChangeKind.FIGURE),
        (seconds(12), percent(12), ChangeKind.TEXT),
        (5, "5 of 12", ChangeKind.TEXT),
        (False, True, ChangeKind.TEXT),
        ([1, 2], [1, 3], ChangeKind.TEXT),
        ("rows: 5", "rows: 6", ChangeKind.TEXT),  # figures are not parsed from text
        ("503 Service Unavailable", "503 Service Temporarily Unavailable", ChangeKind.TEXT),
        ("at 2026-01-17T18:00:00Z, 5 rows", "at 2026-01-24 19:31:07 EST, 5 rows", ChangeKind.NEAR),
        ("5 rows of 2026-01-17", "50 rows of 2026-01-18", ChangeKind.TEXT),
        ("the lock is free", "the lock is held", ChangeKind.TEXT),
        (None, 5, ChangeKind.APPEARED),
        (date(2026, 1, 17), date(2026, 1, 18), ChangeKind.NEAR),
    ],
)
def test_figures_are_compared_with_their_units(before: Value, after: Value, kind: ChangeKind) -> None:
    [change] = compare(_finding(before), _finding(after), 0.1).changes
    assert (change.kind, change.before, change.after) == (kind, before, after)


def test_a_summary_is_text_and_a_numeric_parameter_is_a_figure() -> None:
    changes = compare(
        replace(
            _finding(5, "5 rows of 2026-01-17"), parameters={"hours": 24, "day": "2026-01-17", "game_date": "today"}
        ),
        replace(_finding(5, "5 rows of 2026-01-18"), parameters={"hours": 48, "day": "2026-01-18", "date": "today"}),
    ).changes
    assert [(change.kind, change.where) for change in changes] == [
        (ChangeKind.FIGURE, "parameter hours"),
        (ChangeKind.NEAR, "parameter day"),
        (ChangeKind.NEAR, "Duplicates"),
    ]


@pytest.mark.parametrize(
    ("before", "after", "is_worse"),
    [
        ([Verdict.PASS], [Verdict.WARN], True),
        ([Verdict.UNKNOWN], [Verdict.FAIL], True),
        ([Verdict.FAIL], [Verdict.PASS], False),
        ([Verdict.PASS], [Verdict.PASS, Verdict.WARN], True),
        ([Verdict.FAIL], [Verdict.FAIL, Verdict.WARN], True),
        ([Verdict.PASS], [Verdict.PASS, Verdict.PASS], False),
        ([Verdict.PASS, Verdict.FAIL], [Verdict.PASS], False),
        ([], [Verdict.WARN], False),  # that run reached no check, so no check is new
    ],
)
def test_worse_is_a_worse_verdict_or_new_trouble(
    before: list[Verdict], after: list[Verdict], *, is_worse: bool
) -> None:
    assert compare(_of(before), _of(after)).is_worse is is_worse


def test_a_new_figure_of_a_passing_check_is_not_worse() -> None:
    found = compare(_finding(None), _finding(5))
    assert [(change.kind, change.where) for change in found.changes] == [(ChangeKind.APPEARED, "Duplicates: rows")]
    assert not found.is_worse


def test_checks_of_another_day_are_the_same_question() -> None:
    before, after = (
        replace(record(), checks=(Question("rows", f"Rows of {day}", {f"{day} longest": seconds(5)}).passes("fine"),))
        for day in ("2026-01-17", "2026-01-18")
    )
    assert not [change for change in compare(before, after).changes if change.matters]


def test_runs_of_two_runbooks_cannot_be_compared() -> None:
    with pytest.raises(UserError, match="of daily_quality cannot be compared with one of day1_monitoring"):
        compare(record(), record(runbook="daily_quality"))


def _finding(value: Value, summary: str = "fine") -> RunRecord:
    return replace(record(), checks=(Question("duplicates", "Duplicates", {"rows": value}).passes(summary),))


def _of(verdicts: list[Verdict]) -> RunRecord:
    checks = [
        Question(f"check_{letter}", f"Check {letter}").answer(verdict, "so")
        for letter, verdict in zip("abc", verdicts, strict=False)
    ]
    verdict = max(verdicts, key=lambda verdict: verdict.badness, default=Verdict.UNKNOWN)
    return replace(record(verdict), checks=tuple(checks))


def _archived(archive: Archive, *days_before: float, verdict: Verdict = Verdict.PASS, **of_run: str) -> list[Run]:
    return [
        archive.begin(record(verdict, started_at=START - timedelta(days=days), **of_run))  # type: ignore[arg-type]
        for days in days_before
    ]


def test_last_green_run_passed_before_it_and_asked_the_same(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    [run] = _archived(archive, 0, verdict=Verdict.FAIL)
    with pytest.raises(Unavailable, match="no run of day1_monitoring in local passed before"):
        comparison.last_green(archive, run)
    _archived(archive, 1, environment="production")
    _archived(archive, 1, runbook="daily_quality")
    _archived(archive, -1)
    [warned] = _archived(archive, 2, verdict=Verdict.WARN)
    assert comparison.last_green(archive, run).place == warned.place
    [passed, _] = _archived(archive, 3, 4)
    assert comparison.last_green(archive, run).place == passed.place


def test_week_before_uses_the_planned_time(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    late = archive.begin(record(started_at=START + timedelta(hours=20), origin=Origin("hourly", START)))
    _archived(archive, 5, 6, 6.4, 7.6, 8)
    with pytest.raises(Unavailable, match=r"near 2026-11-17 19:00 UTC, a week before"):
        comparison.week_before(archive, late)
    [near, _] = _archived(archive, 7.1, 7.3)
    assert comparison.week_before(archive, late).place == near.place
    week = timedelta(days=7)
    late_too = archive.begin(record(started_at=START - week / 2, origin=Origin("hourly", START - week)))
    assert comparison.week_before(archive, late).place == late_too.place


def test_a_running_run_is_not_compared_yet() -> None:
    running = record(status=RunStatus.RUNNING)
    with pytest.raises(Unavailable, match="has not ended yet"):
        comparison.ended(Run("local/day1_monitoring/20261124T190000Z-0000", running))
