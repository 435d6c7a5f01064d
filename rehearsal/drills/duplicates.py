"""Incidents of rows that are duplicated, or seem to be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lib.verdict.verdict import Verdict
from rehearsal.drills.drill import Look, Scene, incident
from rehearsal.drills.stage import Stage
from rehearsal.race import GENERATIONS_APART, plan_race, run_race, stage_race
from rehearsal.stage import batch_name

_OLD_KEYS = 5


@incident(1, "5 duplicate keys of 587, 0.4 s apart")
def race(stage: Stage) -> Scene:
    """Two pairs of the old code's consolidations race: one with the same ids, one with different ids 0.4 s apart."""
    plan = plan_race(stage.today)
    stage_race(stage.platform, plan)
    run_race(stage.platform, plan)
    found = f"{plan.duplicate_keys:,} duplicate keys of"
    cause = (
        found,
        f"{plan.same_id_twice} keys: same id twice (one batch was consolidated twice)",
        f"{plan.same_key_different_ids} keys: same key, different ids",
        f"{GENERATIONS_APART.total_seconds() * 1000:.0f} ms",
        *plan.batch_ids,
        "repair=apply",
    )
    return Scene(
        [
            Look("day1_monitoring", Verdict.FAIL, (found, "duplicate_diagnosis"), stage.of_today),
            Look("duplicate_diagnosis", Verdict.FAIL, cause, stage.of_today),
        ]
    )


@incident(12, "old duplicates failed every new consolidation")
def old_duplicates(stage: Stage) -> Scene:
    """Duplicates from before the fix; a batch consolidated today adds none."""
    rows = stage.slate().predict("old", generated_at=datetime.now(UTC) - timedelta(hours=5))
    stage.insert([*rows, *({**row, "prediction_id": f"old-{row['prediction_id']}"} for row in rows[:_OLD_KEYS])])
    result = stage.clean_night()
    says = (
        f"{_OLD_KEYS} duplicate keys of {len(rows):,}",
        f"{_OLD_KEYS} duplicate keys are older than {result.batch_id}",
        "1 consolidation added none",
    )
    return Scene([Look("duplicate_diagnosis", Verdict.FAIL, says, stage.of_today)])


@incident(13, "all picks shown two or three times")
def join_fan_out(stage: Stage) -> Scene:
    """The table is clean; the page that shows the picks joins on too few columns."""
    result = stage.clean_night()
    proof = f"duplicate keys {stage.today}: 0\nkeys {stage.today}: {result.inserted:,}"
    says = (proof, "look downstream", "system_id")
    return Scene([Look("duplicate_diagnosis", Verdict.PASS, says, stage.of_today)])


@incident(16, "two coordinator instances ran one date")
def two_instances(stage: Stage) -> Scene:
    """Two instances of an older coordinator consolidate the same batch."""
    stage.past_dates(1)
    stage.clean_night()
    batch = f"batch={batch_name('linecheck', stage.today)}"
    instances = ("coordinator-a1", "coordinator-b2")
    for number, instance in enumerate(instances):
        at = stage.now - timedelta(minutes=30) + timedelta(seconds=2 * number)
        lines = [f"🔄 Executing MERGE for {batch} with 15 staging tables", *["…"] * 7]
        stage.log(stage.coordinator, lines, at=at, instance=instance)
        merged = f"✅ MERGE complete: 587 rows affected in 8234.5ms ({batch})"
        stage.log(stage.coordinator, [merged], at=at + timedelta(seconds=1), instance=instance)
    says = ("1 pair of consolidations overlapped on the same date", *instances)
    return Scene([Look("day1_monitoring", Verdict.WARN, says, stage.of_today)])
