"""The old code's race leaves the planned duplicates; the library leaves none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

from lib.consolidation.upkeep.duplicates import DuplicateKind, count_duplicates, explain_duplicates
from lib.platform import Platform
from rehearsal.race import plan_race, run_race, stage_race

DAY = date(2026, 1, 17)


def test_the_race_leaves_the_planned_duplicates_of_both_classes(platform: Platform) -> None:
    plan = plan_race(DAY)
    stage_race(platform, plan)
    before = count_duplicates(platform.warehouse, platform.table, DAY, DAY)
    run_race(platform, plan)

    found = explain_duplicates(platform.warehouse, platform.table, DAY)
    assert sum(count.duplicate_keys for count in before) == 0
    assert plan.same_id_twice > 0
    assert found.by_kind == {
        DuplicateKind.SAME_ID: plan.same_id_twice,
        DuplicateKind.DIFFERENT_IDS: plan.same_key_different_ids,
    }
    assert found.count.duplicate_keys == plan.duplicate_keys
    gaps = {group.gap_ms for group in found.groups if group.kind is DuplicateKind.DIFFERENT_IDS}
    assert gaps == {400.0}
    batches = {group.batches for group in found.groups}
    assert batches == {(plan.batch_id,), plan.rival_ids}


def test_the_librarys_consolidator_leaves_none_of_them(platform: Platform) -> None:
    plan = plan_race(DAY)
    stage_race(platform, plan)
    consolidator = platform.consolidator()

    with ThreadPoolExecutor(4) as pool:
        done = [
            pool.submit(consolidator.consolidate_batch, batch_id=batch, game_date=DAY, use_lock=False)
            for batch in (plan.batch_id, *plan.batch_ids)
        ]
    inserted = sum(future.result().inserted for future in done)

    assert inserted == plan.duplicate_keys
    (count,) = count_duplicates(platform.warehouse, platform.table, DAY, DAY)
    assert count.duplicate_keys == 0
