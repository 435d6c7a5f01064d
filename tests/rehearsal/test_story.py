"""The story's acts have the results they report, and no state is overwritten."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from lib.consolidation.staging import staging_backlog
from lib.consolidation.upkeep.duplicates import count_duplicates
from lib.consolidation.upkeep.repair import apply_repair, plan_repair
from lib.platform import Platform
from lib.verdict.check import Question
from lib.verdict.verdict import Verdict
from rehearsal.demo import Act, RunRunbook, story
from rehearsal.history import fix_deployed_at, write_history
from rehearsal.stage import NEW_COORDINATOR, OLD_COORDINATOR, deploy_fix, move_aside


def repair(platform: Platform, day: date) -> int:
    """Repair as the runbook does, and return the number of duplicate keys before."""
    plan = plan_repair(platform.warehouse, platform.table, day)
    apply_repair(platform.warehouse, platform.locks, platform.table, plan)
    return plan.duplicate_keys


def test_the_acts_lead_to_the_states_that_the_runbooks_should_find(platform: Platform) -> None:
    with story(platform) as steps:
        repaired = 0
        for step in steps:
            if isinstance(step, Act):
                assert step.play()
            elif step.parameters.get("repair") == "apply":
                day = date.fromisoformat(step.parameters["date"])
                repaired = repair(platform, day)
                assert step.mentions == (f"rows removed: {repaired}",)
        live = [seen.record for seen in platform.locks.locks() if not seen.is_expired]
        assert len(live) == len(platform.locks.locks()) == 1

    assert repaired > 0
    assert platform.locks.locks() == []
    assert staging_backlog(platform.warehouse, platform.table) == []
    counts = count_duplicates(platform.warehouse, platform.table, day - timedelta(days=1), day + timedelta(days=1))
    assert [count.duplicate_keys for count in counts] == [0, 0, 0]


def test_a_run_that_differs_from_the_story_is_reported() -> None:
    step = RunRunbook("day1_monitoring", {}, Verdict.FAIL, "the race left duplicates", mentions=("5 duplicate",))
    found = [Question("duplicates", "Duplicates").fails("5 duplicate keys of 587")]

    assert step.surprises(Verdict.FAIL, found) == []
    assert step.surprises(Verdict.PASS, []) == [
        "PASS instead of FAIL",
        "does not mention '5 duplicate'",
    ]


def test_the_history_is_logged_by_the_revisions_deployed_then(platform: Platform) -> None:
    today = date(2026, 2, 10)
    fixed_at = fix_deployed_at(platform, today)
    before, after, _ = write_history(platform, today)
    deploy_fix(platform, fixed_at)

    service = platform.environment.services.coordinator
    start, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    merges = list(platform.logs.entries([service], since=start, until=end, containing=["MERGE complete"]))
    assert [entry.revision for entry in merges] == [OLD_COORDINATOR] * before + [NEW_COORDINATOR] * after
    assert {entry.revision for entry in merges if entry.timestamp < fixed_at} == {OLD_COORDINATOR}
    releases = platform.logs.entries([service], since=start, until=end, containing=["Released"])
    assert len(list(releases)) == after
    assert platform.services.describe(service).latest_ready_revision == NEW_COORDINATOR


def test_state_is_moved_aside_and_other_files_stay(tmp_path: Path) -> None:
    for name in ("warehouse.duckdb", "warehouse.duckdb.wal", "deployment.json", "notes.txt"):
        (tmp_path / name).write_text(name)

    aside = move_aside(tmp_path)

    assert aside is not None
    assert aside.parent == tmp_path / "replaced"
    assert sorted(path.name for path in aside.iterdir()) == [
        "deployment.json",
        "warehouse.duckdb",
        "warehouse.duckdb.wal",
    ]
    assert (aside / "deployment.json").read_text() == "deployment.json"
    assert (tmp_path / "notes.txt").exists()
    assert move_aside(tmp_path) is None
