"""The day-1 checks: a healthy state passes, an unhealthy one is reported with its figure, no data is UNKNOWN."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lib.embedded.adapters import EmbeddedAdapters
from lib.embedded.logs import append_entries, log_path
from lib.operations.changes.action import apply_plan
from lib.operations.changes.repair import Repair
from lib.operations.criteria.criteria import evaluate, load_criteria, threshold
from lib.operations.criteria.metrics import METRICS
from lib.operations.deployment.first_consolidation import first_consolidation
from lib.operations.duplicates.duplicates import duplicates, explanation, remaining_duplicates
from lib.operations.locks.acquisitions import lock_activity
from lib.operations.logs.monitoring import consolidations, errors, log_freshness
from lib.operations.logs.timeline import Progress
from lib.operations.scope import Scope, scope_of
from lib.operations.staging.backlog import backlog
from lib.operations.staging.ledger_answers import committed_consolidations
from lib.platform import Platform
from lib.ports.logs import LogEntry
from lib.verdict.check import Check
from lib.verdict.conclusion import conclude
from lib.verdict.section import Section
from lib.verdict.verdict import Verdict
from lib.words.quantities import Quantity, percent
from tests.environments import local

DAY = date(2026, 1, 17)
WORKER, COORDINATOR = "prediction-worker", "prediction-coordinator"


def rows(count: int = 20, **values: Any) -> list[dict[str, Any]]:
    made = datetime(2026, 1, 17, 17, tzinfo=UTC)
    return [
        {
            "prediction_id": f"id-{number}",
            "game_id": "20260117_LAL_BOS",
            "player_lookup": f"player{number}",
            "system_id": "ensemble",
            "current_points_line": 24.5,
            "created_at": made,
            **values,
        }
        for number in range(count)
    ]


def consolidate(platform: Platform, batch: str = "b1", **values: Any) -> None:
    platform.staging_writer().write(rows(**values), batch_id=batch, worker_id="w1", game_date=DAY)
    platform.consolidator().consolidate_batch(batch_id=batch, game_date=DAY)


def write_duplicates(platform: Platform, copies: int) -> None:
    """Insert rows of a batch again, as the old code did, without checking for existing ones."""
    with platform.warehouse.connection() as connection:  # type: ignore[attr-defined]
        connection.execute(
            "INSERT INTO nba_predictions.player_prop_predictions "
            f"FROM nba_predictions.player_prop_predictions ORDER BY player_lookup LIMIT {copies}"
        )


def log(
    home: Path, service: str, messages: Iterable[str], *, minutes_ago: float = 5, severity: str = "DEFAULT"
) -> None:
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    lines = [
        LogEntry(at + timedelta(seconds=number), message, service, instance="i-1", severity=severity)
        for number, message in enumerate(messages)
    ]
    append_entries(home, service, lines)


def scope(platform: Platform) -> Scope:
    return scope_of(platform, game_date=str(DAY))


def the_check(section: Section, part: str = "") -> Check:
    return next(check for check in section.checks if part in check.name)


def the_criterion(section: Section, text: str) -> tuple[Any, ...]:
    """Its row: verdict, text, figure, limit and basis."""
    return next(row for row in section.exhibits[0].rows if row[1] == text)


def day1(platform: Platform) -> list[Section]:
    seen = scope(platform)
    return [
        duplicates(seen, seen.day_before, seen.game_date),
        log_freshness(seen),
        lock_activity(seen),
        consolidations(seen),
        errors(seen),
        backlog(seen, stuck_after_minutes=60),
        evaluate(seen, "success"),
        evaluate(seen, "rollback"),
    ]


def test_a_clean_consolidation_is_healthy(platform: Platform, home: Path) -> None:
    log(home, WORKER, ["Staged 20 rows"])
    consolidate(platform)
    sections = day1(platform)
    concluded = conclude(answers(sections))
    assert concluded.verdict is Verdict.PASS, concluded.headline
    assert "none in 20 rows" in the_check(sections[0]).summary


def answers(sections: Sequence[Section]) -> list[Check]:
    return [check for part in sections for check in part.checks]


def test_without_any_data_everything_but_staging_is_unknown(platform: Platform) -> None:
    checks = answers(day1(platform))
    assert {check.name for check in checks if check.verdict is not Verdict.UNKNOWN} == {"Staging backlog"}
    assert "no log lines in 30 days" in the_check(log_freshness(scope(platform))).summary


def test_no_consolidation_is_distinguished_from_no_logs(platform: Platform, home: Path) -> None:
    log(home, COORDINATOR, ["Waiting for workers"])
    (check,) = first_consolidation(scope(platform)).checks
    assert check.verdict is Verdict.UNKNOWN
    assert "though prediction-coordinator is logging" in check.summary


def test_unreadable_logs_do_not_affect_other_steps(platform: Platform, home: Path) -> None:
    consolidate(platform)
    log_path(home, COORDINATOR).unlink()
    log_path(home, COORDINATOR).mkdir()
    sections = day1(platform)
    assert the_check(sections[0]).verdict is Verdict.PASS
    for section in sections[1:5]:
        assert [check.verdict for check in section.checks] == [Verdict.UNKNOWN]
        assert "cannot be read" in section.checks[0].summary


def repaired(platform: Platform) -> Section:
    """Plan the repair and apply it at once."""
    action = Repair(platform, DAY)
    return apply_plan(platform, action, action.plan(), reason="a test made them")


def test_duplicates_fail_with_their_number_then_are_explained_and_repaired(platform: Platform) -> None:
    consolidate(platform)
    write_duplicates(platform, 5)
    seen = scope(platform)
    before = duplicates(seen, DAY, DAY)
    assert the_check(before).verdict is Verdict.FAIL
    assert the_check(before).summary.startswith("5 duplicate keys of 20")
    assert "5 keys: same id twice" in the_check(explanation(seen)).summary
    assert the_check(committed_consolidations(seen)).verdict is Verdict.WARN
    assert remaining_duplicates(seen, Section(())).checks != before.checks
    assert [check.id for check in seen.verdict().checks] == ["duplicates", "cause_of_duplicates", "age_of_duplicates"]

    done = repaired(platform)
    assert the_check(done).verdict is Verdict.PASS
    assert "runbook repair undo" in the_check(done).next_step
    after = remaining_duplicates(seen, done)
    assert the_check(after).verdict is Verdict.PASS
    assert seen.verdict().checks == after.checks
    assert explanation(seen).checks == ()


def test_two_lines_half_a_point_apart_are_not_duplicates_whatever_the_rounded_count(platform: Platform) -> None:
    consolidate(platform, "b1")
    consolidate(platform, "b2", current_points_line=25.0)
    check = the_check(duplicates(scope(platform), DAY, DAY))
    assert check.verdict is Verdict.PASS
    assert check.evidence[f"rounded count {DAY}"] == 20


@pytest.mark.parametrize("batches", [("b1", "b1"), (f"batch_{DAY}_1", f"regen_{DAY}_2")])
def test_a_race_of_the_old_code_is_seen_in_the_logs(platform: Platform, home: Path, batches: tuple[str, str]) -> None:
    merges = [f"Executing MERGE for batch={batch} with 15 staging tables" for batch in batches]
    done = [f"MERGE complete: 587 rows affected in 8000.0ms (batch={batch})" for batch in batches]
    log(home, COORDINATOR, [*merges, *done])
    seen = scope(platform)
    assert "2 MERGEs ran without the lock" in the_check(lock_activity(seen)).summary
    both = ", ".join(dict.fromkeys(batches))
    overlap = f"1 pair of consolidations overlapped on the same date: {both}"
    assert the_check(consolidations(seen)).summary == overlap
    (check,) = first_consolidation(seen).checks
    assert check.verdict is Verdict.FAIL


@pytest.mark.parametrize(("failed", "of", "expected"), [(0, 20, "PASS"), (2, 20, "WARN"), (3, 20, "FAIL")])
def test_more_than_a_tenth_of_failed_acquisitions_is_a_reason_to_roll_back(
    platform: Platform, home: Path, failed: int, of: int, expected: str
) -> None:
    tried = [f"Acquiring consolidation lock for game_date={DAY}, batch=b{number}" for number in range(of)]
    failures = [f"Lock acquisition failed: held (batch=b{number})" for number in range(failed)]
    log(home, COORDINATOR, [*tried, *failures])
    seen = scope(platform)
    assert the_check(lock_activity(seen)).verdict == expected
    failing = the_criterion(evaluate(seen, "rollback"), "Lock acquisition fails consistently (>10% of batches)")
    assert (failing[0], failing[3]) == ("FAIL" if expected == "FAIL" else "PASS", "at most 10%")
    (check,) = evaluate(seen, "rollback").checks
    assert check.evidence[failing[1]] == percent(100 * failed / of)


def test_errors_are_counted_once_and_similar_ones_together(platform: Platform, home: Path) -> None:
    log(home, WORKER, ["ready"])
    lines = ["boom 17", "boom 18", "<script>alert(1)</script>"]
    at = datetime.now(UTC) - timedelta(minutes=5)
    for _ in ("stdout", "stderr"):
        append_entries(home, COORDINATOR, [LogEntry(at, line, COORDINATOR, "i-1", severity="ERROR") for line in lines])
    section = errors(scope(platform))
    check = the_check(section, COORDINATOR)
    assert (check.verdict, check.summary) == (Verdict.WARN, "3 error lines, 3 in the last hour")
    (table,) = section.exhibits
    assert [row[1] for row in table.rows] == [2, 1]
    assert "<script>" not in table._repr_html_()
    assert the_check(section, WORKER).verdict is Verdict.PASS


def test_a_quota_error_of_the_lock_service_is_a_reason_to_roll_back(platform: Platform, home: Path) -> None:
    log(home, COORDINATOR, ["firestore: RESOURCE_EXHAUSTED: Quota exceeded"], severity="ERROR")
    (check,) = evaluate(scope(platform), "rollback").checks
    assert check.verdict is Verdict.FAIL
    assert "Firestore errors" in check.summary


def test_a_refusal_in_plain_text_is_a_reason_to_roll_back_too(platform: Platform, home: Path) -> None:
    log(home, COORDINATOR, ["consolidation_locks: 403 Missing or insufficient permissions."])
    (check,) = evaluate(scope(platform), "rollback").checks
    assert check.verdict is Verdict.FAIL
    assert "Firestore errors" in check.summary


@pytest.mark.parametrize(
    ("end", "expected", "summary"),
    [
        ([], Verdict.UNKNOWN, "none has ended yet, 1 still running"),
        (["❌ Lost consolidation lock: consolidation_2026-01-17 (batch=b1)"], Verdict.WARN, "lost it: b1"),
    ],
)
def test_without_a_completed_consolidation_the_check_does_not_pass(
    platform: Platform, home: Path, end: list[str], expected: Verdict, summary: str
) -> None:
    begin = [
        "🔒 Acquiring consolidation lock for game_date=2026-01-17, batch=b1",
        "✅ Acquired consolidation lock: consolidation_2026-01-17 (batch=b1, timeout=300s)",
        "🔄 Executing MERGE for batch=b1 with 15 staging tables",
    ]
    log(home, COORDINATOR, [*begin, *end], minutes_ago=1)
    check = the_check(consolidations(scope(platform)))
    assert (check.verdict, summary in check.summary) == (expected, True), check.summary


def test_commands_name_the_environment_of_the_run(platform: Platform, home: Path) -> None:
    environment = replace(platform.environment, name="production")
    elsewhere = Platform(environment, EmbeddedAdapters(home, environment))
    batch = f"late_{DAY}_1768650000"
    consolidate(elsewhere)
    elsewhere.staging_writer().write(rows(predicted_points=1.5), batch_id=batch, worker_id="w1", game_date=DAY)
    waiting = backlog(later(elsewhere, 120), stuck_after_minutes=60)
    write_duplicates(elsewhere, 5)
    found = duplicates(scope(elsewhere), DAY, DAY)
    done = repaired(elsewhere)
    commands = [
        command
        for check in answers([waiting, found, done])
        for command in [check.next_step, *check.commands, *check.changes]
    ]
    ours = [command for command in commands if "runbook " in command]
    assert len(ours) == 6
    assert all(command.endswith(" --env production") for command in ours), ours


def test_a_batch_that_waits_is_named_with_the_command_that_consolidates_it(platform: Platform) -> None:
    batch = f"regen_{DAY}_late_1768650000"
    platform.staging_writer().write_batch(rows(), batch_id=batch, workers=4, game_date=DAY)
    for hours, expected in ((0, Verdict.PASS), (2, Verdict.FAIL), (48, Verdict.WARN)):
        section = backlog(later(platform, 60 * hours), stuck_after_minutes=60)
        assert the_check(section).verdict is expected
    consolidate = f"runbook consolidate --batch {batch} --date {DAY}"
    assert the_check(section).changes == (consolidate,)
    assert the_check(section).commands == (f"{consolidate} --dry-run",)
    assert section.exhibits[0].rows[0][:8] == (batch, str(DAY), 4, 20, 0, 0, 0, 20)


def test_a_waiting_table_whose_name_shows_no_batch_does_not_count_as_merged(platform: Platform) -> None:
    consolidate(platform)
    with platform.warehouse.connection() as connection:  # type: ignore[attr-defined]
        connection.execute(
            "CREATE TABLE nba_predictions._staging_orphan AS SELECT * REPLACE ('late' AS player_lookup) "
            "FROM nba_predictions.player_prop_predictions LIMIT 3"
        )
    check = the_check(backlog(later(platform, 48 * 60), stuck_after_minutes=60))
    assert (check.verdict, check.evidence["tables not merged"]) == (Verdict.WARN, 1)
    assert check.evidence["tables without a clear batch"] == ["_staging_orphan"]
    assert "_staging_orphan" in check.next_step
    assert check.changes == ()


def test_the_first_consolidation_shows_all_seven_lines(platform: Platform) -> None:
    consolidate(platform)
    section = first_consolidation(scope(platform))
    assert the_check(section).verdict is Verdict.PASS
    assert [row[0] for row in section.exhibits[0].rows][-1] == "lock released"


def test_every_criterion_has_a_metric() -> None:
    criteria = load_criteria(local())
    assert (len(criteria["success"]), len(criteria["rollback"])) == (5, 4)
    assert [threshold(local(), name) for name in ("normal_duration", "consolidation_times_out")] == [60, 300]
    assert {criterion.metric for kind in criteria.values() for criterion in kind} <= METRICS.keys()


BEGUN = [
    f"🔒 Acquiring consolidation lock for game_date={DAY}, batch=b1",
    f"✅ Acquired consolidation lock: consolidation_{DAY} (batch=b1, timeout=300s)",
    "🔄 Executing MERGE for batch=b1 with 15 staging tables",
]
TIMES_OUT = "Consolidation times out (>5 minutes)"
RELEASED_BY_FORCE = f"🔨 Force-released consolidation lock: consolidation_{DAY} (batch=b1, reason=its coordinator died)"


def later(platform: Platform, minutes: float) -> Scope:
    return scope_of(platform, game_date=str(DAY), now=datetime.now(UTC) + timedelta(minutes=minutes))


def test_a_killed_consolidation_whose_batch_was_consolidated_later_did_not_time_out(
    platform: Platform, home: Path
) -> None:
    log(home, WORKER, ["Staged 20 rows"])
    log(home, COORDINATOR, [*BEGUN, RELEASED_BY_FORCE], minutes_ago=2)
    consolidate(platform)
    for minutes in (0.1, 20):
        seen = later(platform, minutes)
        section = evaluate(seen, "rollback")
        check = the_check(section)
        assert (check.verdict, check.summary) == (Verdict.PASS, "none of 4 is met")
        assert "1 left out, stopped without logging a result" in the_criterion(section, TIMES_OUT)[-1]
        assert "1 stopped without logging a result: b1" in the_check(consolidations(seen)).summary


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        (RELEASED_BY_FORCE, Progress.UNFINISHED),
        (
            f"⏰ Taking over expired consolidation lock: consolidation_{DAY} (from batch=b1, host=h)",
            Progress.UNFINISHED,
        ),
        (RELEASED_BY_FORCE.replace("b1", "b2"), Progress.RUNNING),
        (f"⚠️ FORCE RELEASED consolidation lock: consolidation_{DAY}", Progress.UNFINISHED),
        ("FORCE RELEASED lock: consolidation_2026-01-16", Progress.RUNNING),
        (f"Lock consolidation_{DAY} expired (held by b1), acquiring for operation b2", Progress.UNFINISHED),
    ],
)
def test_a_run_whose_lock_was_taken_is_no_longer_running(
    platform: Platform, home: Path, taken: str, expected: Progress
) -> None:
    log(home, COORDINATOR, [*BEGUN, taken], minutes_ago=1)
    history = scope(platform).history
    (run,) = history.consolidations
    assert history.progress(run) is expected


def test_a_silent_run_that_was_not_replaced_leaves_the_criterion_partly_judged(platform: Platform, home: Path) -> None:
    log(home, WORKER, ["Staged 20 rows"])
    consolidate(platform, "b2")
    log(home, COORDINATOR, BEGUN, minutes_ago=0)
    (check,) = evaluate(later(platform, 20), "rollback").checks
    assert check.verdict is Verdict.WARN
    assert check.summary.startswith(f"1 of 4 could be judged only in part: {TIMES_OUT} (")


def test_a_rollback_criterion_is_met(platform: Platform, home: Path) -> None:
    log(home, WORKER, ["Staged 20 rows"])
    log(home, COORDINATOR, ["MERGE complete: 587 rows affected in 400000.0ms (batch=b1)"])
    (check,) = evaluate(scope(platform), "rollback").checks
    assert (check.verdict, check.summary) == (Verdict.FAIL, f"1 of 4 is met: {TIMES_OUT}")


def test_one_validation_of_six_merges_is_not_a_success(platform: Platform, home: Path) -> None:
    consolidate(platform)
    log(home, COORDINATOR, [f"MERGE complete: 5 rows affected in 800.0ms (batch=old{number})" for number in range(5)])
    (check,) = evaluate(scope(platform), "success").checks
    validation = "No duplicates detected in post-consolidation validation"
    assert check.evidence[validation] == Quantity(0, "duplicate keys")
    assert check.evidence[f"{validation}, based on"] == "1 of 6 MERGEs validated"


def test_a_line_from_the_future_hides_whether_anything_is_logged(platform: Platform, home: Path) -> None:
    log(home, WORKER, ["ready"], minutes_ago=-2)
    log(home, COORDINATOR, ["ready"], minutes_ago=-60)
    seen = scope(platform)
    section = log_freshness(seen)
    assert the_check(section, WORKER).verdict is Verdict.PASS
    check = the_check(section, COORDINATOR)
    assert (check.verdict, "in the future" in check.summary) == (Verdict.UNKNOWN, True)
    (success,) = evaluate(seen, "success").checks
    assert "is in the future" in success.evidence["No errors in Cloud Run logs"]


def test_a_run_that_lost_its_lock_logged_its_result(platform: Platform, home: Path) -> None:
    log(home, WORKER, ["Staged 20 rows"])
    consolidate(platform, "b2")
    log(home, COORDINATOR, [*BEGUN, f"❌ Lost consolidation lock: consolidation_{DAY} (batch=b1)"])
    section = evaluate(scope(platform), "rollback")
    assert the_check(section).verdict is Verdict.PASS
    assert "left out" not in the_criterion(section, TIMES_OUT)[-1]


@pytest.mark.parametrize(("is_active", "expected"), [(False, "No repair is needed"), (True, "duplicate_diagnosis")])
def test_a_validation_that_failed_on_inactive_rows_is_distinguished_from_one_that_found_duplicates(
    platform: Platform, home: Path, is_active: bool, expected: str
) -> None:
    consolidate(platform)
    with platform.warehouse.connection() as connection:  # type: ignore[attr-defined]
        connection.execute(
            "INSERT INTO nba_predictions.player_prop_predictions "
            f"SELECT * REPLACE ('older' AS prediction_id, {is_active} AS is_active) "
            "FROM nba_predictions.player_prop_predictions ORDER BY player_lookup LIMIT 4"
        )
    failed = f"POST-CONSOLIDATION VALIDATION FAILED: 4 duplicate keys for game_date={DAY} (batch=b1)"
    log(home, COORDINATOR, [*BEGUN, failed], minutes_ago=1)
    seen = scope(platform)
    check = the_check(consolidations(seen))
    assert (check.verdict, expected in check.next_step) == (Verdict.FAIL, True)
    counted = the_check(remaining_duplicates(seen, Section(())))
    words = f"0 active on {DAY}: 4 duplicate keys of inactive rows"
    assert [words in one.summary for one in (check, counted)] == [not is_active] * 2
    assert counted.verdict is (Verdict.FAIL if is_active else Verdict.PASS)
