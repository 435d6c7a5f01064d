"""Nights as the services wrote them, in each of their dialects: the same findings in all."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from lib.embedded.logs import append_entries
from lib.operations.changes.plan import Approval
from lib.operations.criteria.criteria import evaluate
from lib.operations.deployment.first_consolidation import first_consolidation
from lib.operations.locks.acquisitions import lock_activity
from lib.operations.locks.waits import lock_waits
from lib.operations.logs.events import EventKind
from lib.operations.logs.monitoring import consolidations, errors, log_freshness
from lib.operations.logs.timeline import Progress
from lib.operations.performance.durations import checked_review, durations, slowdown
from lib.operations.rollback import rollback_advice
from lib.operations.scope import Scope, scope_of
from lib.operations.staging.writes import staging_writes
from lib.operations.timeout.phases import phases
from lib.platform import Platform
from lib.ports.logs import LogEntry
from lib.verdict.check import Check
from lib.verdict.section import Section
from lib.verdict.verdict import Verdict
from lib.words.quantities import percent
from rehearsal.service_nights import (
    BATCH,
    COORDINATOR,
    DAY,
    DIALECTS,
    WORKER,
    delayed,
    killed,
    night,
    one_of_twelve_gave_up,
    position,
    printed,
    write,
)

Play = Callable[..., Scope]

pytestmark = pytest.mark.parametrize("dialect", DIALECTS)


@pytest.fixture
def play(platform: Platform, home: Path) -> Play:
    def played(*nights: list[LogEntry], hours: float = 24) -> Scope:
        return scope_of(platform, game_date=str(DAY), hours=hours, now=write(home, nights))

    return played


def the_check(section: Section) -> Check:
    (check,) = section.checks
    return check


def is_advised(seen: Scope) -> bool:
    return "ADVISED, " in the_check(rollback_advice(seen, Approval("service", "", "", ""))).summary


def test_a_clean_night_passes(dialect: str, play: Play) -> None:
    seen = play(night(dialect, "clean"))
    steps = (first_consolidation, log_freshness, lock_activity, lock_waits, consolidations, errors, phases)
    checks = [check for step in steps for check in step(seen).checks] + [*evaluate(seen, "success").checks]
    assert {(check.name, check.verdict) for check in checks} == {(check.name, Verdict.PASS) for check in checks}
    (run,) = seen.history.consolidations
    assert (run.batch_id, run.game_date, run.rows, run.staging_tables, run.duplicates) == (BATCH, DAY, 587, 15, 0)
    # The line says 9.0 s and more, which counts from before the lock.
    assert run.merge_seconds == pytest.approx(8.2)
    assert not is_advised(seen)


def test_a_wait_is_reported_as_a_wait_and_not_as_a_failure(dialect: str, play: Play) -> None:
    seen = play(delayed(night(dialect, "waited_120s"), 130, "Acquired consolidation lock"))
    check = the_check(phases(seen))
    assert check.verdict is Verdict.WARN
    assert "95% of it waiting for the lock" in check.summary
    assert the_check(lock_activity(seen)).summary == "1 attempt, none failed"
    assert (the_check(lock_waits(seen)).verdict, the_check(lock_waits(seen)).evidence["waits"]) == (Verdict.WARN, 1)
    for step in (first_consolidation, consolidations, lock_activity):
        assert the_check(step(seen)).verdict is Verdict.PASS
    assert the_check(evaluate(seen, "success")).verdict is Verdict.PASS
    assert not is_advised(seen)


def test_contention_is_counted_once_and_is_not_a_fault_of_the_lock_service(dialect: str, play: Play) -> None:
    seen = play(*one_of_twelve_gave_up(dialect))
    check = the_check(lock_activity(seen))
    assert (check.verdict, check.evidence["tried"], check.evidence["failed"]) == (Verdict.WARN, 12, 1)
    criteria = the_check(evaluate(seen, "rollback")).evidence
    assert criteria["Lock acquisition fails consistently (>10% of batches)"] == percent(100 / 12)
    assert str(criteria["Firestore errors (quota exceeded, permission denied)"]) == "0 lines"
    assert not is_advised(seen)


def test_longer_waits_in_week_two_are_named_and_are_not_a_slowdown(dialect: str, play: Play) -> None:
    before = [night(dialect, "clean", day=DAY - timedelta(days=number)) for number in range(14, 26)]
    after = [night(dialect, "waited_120s", day=DAY - timedelta(days=number)) for number in range(12)]
    seen = play(*before, *after, hours=24 * 40)
    review = checked_review(seen, str(DAY - timedelta(days=12)), 10.0)
    assert (len(review.before), len(review.after)) == (12, 12)
    check = the_check(slowdown(review))
    assert check.verdict is Verdict.PASS
    assert check.summary.startswith("no slowdown")
    assert "not counting lock waits: 12 of 12 waited, up to 2 min 0 s" in check.summary
    assert the_check(durations(review)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("name", "kind", "verdict", "summary"),
    [
        ("bad_request", EventKind.MERGE_FAILED, Verdict.FAIL, "Inserted row has wrong column count"),
        ("merge_zero_rows", EventKind.MERGE_EMPTY, Verdict.FAIL, "MERGE affected 0 rows"),
        ("five_duplicates", EventKind.VALIDATION_FAILED, Verdict.FAIL, "found duplicates"),
        ("lock_not_acquired", EventKind.ACQUISITION_FAILED, Verdict.WARN, "did not get the lock"),
        ("validation_could_not_run", EventKind.NOT_VALIDATED, Verdict.WARN, "the validation could not run"),
    ],
)
def test_each_result_is_recognised(
    dialect: str, play: Play, name: str, kind: EventKind, verdict: Verdict, summary: str
) -> None:
    seen = play(night(dialect, name))
    (run,) = seen.history.consolidations
    assert kind in run.events
    assert (run.batch_id, run.game_date) == (BATCH, DAY)
    check = the_check(consolidations(seen))
    assert (check.verdict, summary in check.summary) == (verdict, True), check.summary
    assert seen.history.lock_service_errors == []


def test_a_validation_that_could_not_run_found_nothing(dialect: str, play: Play) -> None:
    (run,) = play(night(dialect, "validation_could_not_run")).history.consolidations
    assert EventKind.VALIDATED in run.events
    assert run.duplicates is None


def test_print_output_alone_shows_a_run_and_nothing_of_its_lock(dialect: str, play: Play) -> None:
    seen = play(printed(night(dialect, "clean")))
    (run,) = seen.history.consolidations
    assert (seen.history.progress(run), run.batch_id, run.rows) == (Progress.COMPLETED, BATCH, 587)
    assert the_check(consolidations(seen)).verdict is Verdict.PASS
    for step in (first_consolidation, lock_activity, lock_waits, phases):
        check = the_check(step(seen))
        found = "only print output of prediction-coordinator" in check.summary
        assert (check.verdict, found) == (Verdict.UNKNOWN, True)
    assert not is_advised(seen)


def test_a_run_that_was_killed_in_its_merge_is_reported(dialect: str, play: Play) -> None:
    check = the_check(phases(play(killed(night(dialect, "clean")))))
    assert (check.verdict, "in phase MERGE" in check.summary) == (Verdict.FAIL, True)


def test_two_batches_of_one_date_in_one_instance_keep_their_lines(dialect: str, play: Play) -> None:
    """The second waits while the first merges; their lines without a batch belong to the right one."""
    first, second = BATCH, BATCH.replace("batch_", "regen_")
    waiting = delayed(night(dialect, "waited_120s", batch=second), 2)
    seen = play(night(dialect, "clean", batch=first), waiting)
    runs = seen.history.consolidations
    assert [(run.batch_id, run.missing, run.rows) for run in runs] == [(first, (), 587), (second, (), 587)]
    assert [seen.history.progress(run) for run in runs] == [Progress.COMPLETED] * 2
    assert [round(run.lock_wait_seconds or 0) for run in runs] == [0, 120]
    assert the_check(consolidations(seen)).verdict is Verdict.PASS


UNKNOWN_END = "2026-01-18 04:05:20 - batch_staging_writer - INFO - Consolidation MERGE finished after 9s for batch 7"


def test_an_unrecognised_line_is_a_warning_once(dialect: str, play: Play, home: Path) -> None:
    lines = night(dialect, "clean")
    odd = [replace(lines[-1], message=f"staging sweep {number} of batch_{number} done") for number in range(3)]
    seen = play([*lines, *odd])
    first, unread = consolidations(seen).checks
    assert (first.verdict, unread.verdict) == (Verdict.PASS, Verdict.WARN)
    assert unread.summary == "3 lines, 1 new shape"
    append_entries(home, COORDINATOR, [replace(odd[0], timestamp=odd[0].timestamp - timedelta(days=2))])
    assert [check.verdict for check in consolidations(replace(seen)).checks] == [Verdict.PASS, Verdict.PASS]


def test_a_run_that_an_unrecognised_line_may_end_is_unknown(dialect: str, play: Play) -> None:
    lines = night(dialect, "clean")
    seen = play([*killed(lines), replace(lines[-1], message=UNKNOWN_END)])
    _, unread = consolidations(seen).checks
    assert (unread.verdict, BATCH in unread.summary) == (Verdict.UNKNOWN, True)
    assert the_check(phases(seen)).verdict is Verdict.UNKNOWN


def test_an_unrecognised_error_line_is_unknown(dialect: str, play: Play) -> None:
    lines = night(dialect, "clean")
    seen = play([*lines, replace(lines[-1], message="x - w - ERROR - staging table vanished", severity="ERROR")])
    _, unread = consolidations(seen).checks
    assert (unread.verdict, "1 error line," in unread.summary) == (Verdict.UNKNOWN, True)


@pytest.mark.parametrize(
    ("line", "at", "verdict", "summary"),
    [
        (
            "Lock consolidation_2026-01-17 already released (not found)",
            "Released",
            Verdict.WARN,
            "found the lock gone",
        ),
        (
            "Error releasing lock consolidation_2026-01-17: 503 x",
            "Released",
            Verdict.WARN,
            "could not release the lock",
        ),
        (f"No staging tables found for batch={BATCH}", "Executing", Verdict.WARN, "found nothing staged"),
        ("5 total duplicates exist but 0 are active (x). Proceeding", "PASSED", Verdict.PASS, "1 completed"),
        ("Conflict error in MERGE: 409 aborted", "MERGE complete", Verdict.FAIL, "409 aborted"),
    ],
)
def test_a_line_in_place_of_the_usual_one_decides_the_result(
    dialect: str, play: Play, line: str, at: str, verdict: Verdict, summary: str
) -> None:
    """The line replaces the one that contains `at`; unless it passes, only the release follows."""
    lines = night(dialect, "clean")
    place = position(lines, at)
    ends = ("Released",) if verdict is not Verdict.PASS else ("",)
    after = [entry for entry in lines[place + 1 :] if any(word in entry.message for word in ends)]
    seen = play([*lines[:place], replace(lines[place], message=line), *after])
    (run,) = seen.history.consolidations
    check = the_check(consolidations(seen))
    assert (check.verdict, summary in check.summary) == (verdict, True), (check.summary, list(run.events))


def test_a_schema_mismatch_is_named_before_other_failed_writes(dialect: str, play: Play, home: Path) -> None:
    lines = night(dialect, "clean")
    seen = play(lines)
    messages = [
        "STAGING WRITE FAILED for lebronjames: 400 x",
        "SCHEMA MISMATCH: Worker output has 2 fields not in BQ table: ['a', '`b']",
    ]
    append_entries(home, WORKER, [replace(lines[0], message=line, service=WORKER) for line in messages])
    check = the_check(staging_writes(seen))
    assert check.verdict is Verdict.FAIL
    assert "2 fields are not in nba_predictions.player_prop_predictions: a, '`b'; no successful write" in check.summary
    assert "The type of a, '`b' is unknown" in check.next_step


def test_lines_in_a_dialect_that_the_environment_does_not_list_are_reported(
    dialect: str, platform: Platform, home: Path
) -> None:
    lines = [replace(line, message=f"staging {number} odd") for number, line in enumerate(night(dialect, "clean"))]
    seen = scope_of(platform, game_date=str(DAY), now=write(home, [lines]))
    check = the_check(first_consolidation(seen))
    assert (check.verdict, "lines may belong to one" in check.summary) == (Verdict.UNKNOWN, True)


def test_a_second_complete_event_waits_and_finds_nothing(dialect: str, play: Play) -> None:
    """The common race: a redelivered event starts the batch again, in the same instance."""
    again = delayed(night(dialect, "waited_120s"), 1)
    nothing = replace(again[position(again, "Found 15")], message=f"No staging tables found for batch={BATCH}")
    second = [*again[: position(again, "Found 15")], nothing, again[position(again, "Released")]]
    seen = play(night(dialect, "clean"), second)
    assert [seen.history.progress(run) for run in seen.history.consolidations] == [
        Progress.COMPLETED,
        Progress.NOTHING_STAGED,
    ]
    assert the_check(consolidations(seen)).verdict is Verdict.PASS


def test_a_merge_that_failed_and_was_repeated_is_a_warning(dialect: str, play: Play) -> None:
    check = the_check(consolidations(play(night(dialect, "bad_request"), delayed(night(dialect, "clean"), 900))))
    assert (check.verdict, "another run merged the batch since" in check.summary) == (Verdict.WARN, True)
