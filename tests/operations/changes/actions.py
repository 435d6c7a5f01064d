"""Every action on rows and locks, each in a state in which it has something to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from lib.consolidation.upkeep.repair import apply_repair, plan_repair
from lib.locking import Claim
from lib.operations.changes.action import Action, carry_out
from lib.operations.changes.lock_release import LockRelease
from lib.operations.changes.plan import Approval
from lib.operations.changes.repair import Repair, UndoRepair
from lib.operations.changes.spec_change import SpecChange
from lib.operations.changes.staging_cleanup import StagingCleanup
from lib.platform import Platform
from lib.verdict.section import Section

DAY = date(2026, 1, 17)
NOON = datetime(2026, 1, 17, 17, tzinfo=UTC)
BATCH = "batch_2026-01-17_1"
KEPT = "batch_2026-01-17_2"
_GONE_SECONDS = 0.001


def row(number: int, **values: Any) -> dict[str, Any]:
    return {
        "prediction_id": f"id-{number}",
        "game_id": "g",
        "player_lookup": f"player{number}",
        "system_id": "ensemble",
        "current_points_line": None if number % 3 == 0 else 24.5,
        "predicted_points": 20.0 + number,
        "game_date": DAY,
        "created_at": NOON + timedelta(milliseconds=number),
        "updated_at": NOON,
        **values,
    }


def stage(platform: Platform, rows: Sequence[Mapping[str, Any]], batch_id: str = BATCH) -> None:
    with platform.warehouse.session():
        platform.staging_writer().write(list(rows), batch_id=batch_id, worker_id="w1")


def consolidate(platform: Platform, batch_id: str = BATCH, *, cleanup: bool = True) -> None:
    with platform.warehouse.session():
        platform.consolidator().consolidate_batch(batch_id=batch_id, game_date=DAY, cleanup=cleanup)


def run(platform: Platform, sql: str) -> None:
    """Run DuckDB SQL directly, bypassing the library."""
    with platform.warehouse.connection() as connection:  # type: ignore[attr-defined]
        connection.execute(sql)


def the_race(platform: Platform) -> None:
    """Make six rows, three of them twice."""
    stage(platform, [row(number) for number in range(6)])
    consolidate(platform)
    run(platform, f"INSERT INTO {MAIN} FROM {MAIN} ORDER BY player_lookup LIMIT 3")


MAIN = "nba_predictions.player_prop_predictions"


@dataclass(frozen=True)
class Case:
    """An action, and how the state that its plan is based on can change.

    Attributes:
        set_up: Makes something to do; returns the action.
        move: Changes the state.
    """

    set_up: Callable[[Platform], Action]
    move: Callable[[Platform], object]


def _repair(platform: Platform) -> Action:
    the_race(platform)
    return Repair(platform, DAY)


def _undo(platform: Platform) -> Action:
    the_race(platform)
    plan = plan_repair(platform.warehouse, platform.table, DAY)
    backup = apply_repair(platform.warehouse, platform.locks, platform.table, plan).backup_table.table
    return UndoRepair(platform, DAY, backup)


def _release(platform: Platform) -> Action:
    hold(platform, _GONE_SECONDS)
    while not platform.locks.store.read(platform.table.lock_key(DAY)).is_expired:
        pass
    return LockRelease(platform, DAY)


def _cleanup(platform: Platform) -> Action:
    stage(platform, [row(number) for number in range(6)])
    consolidate(platform, cleanup=False)
    stage(platform, [row(99)])
    return StagingCleanup(platform, BATCH)


def _spec(platform: Platform) -> Action:
    """A table consolidated with an earlier key, which had no system."""
    stage(platform, [row(number) for number in range(6)])
    consolidate(platform)
    run(platform, f"UPDATE {platform.table.fences} SET spec = 'date=game_date key=player_lookup active=-'")
    return SpecChange(platform)


def hold(platform: Platform, lease_seconds: float) -> None:
    claim = Claim(platform.table.lock_key(DAY), "holder", BATCH, lease_seconds, "coordinator:7")
    assert platform.locks.store.create(claim) is not None


def beat(platform: Platform) -> None:
    store = platform.locks.store
    record = store.read(platform.table.lock_key(DAY)).record
    assert record is not None
    assert store.renew(record) is not None


CASES = {
    "repair": Case(
        _repair,
        lambda platform: run(platform, f"UPDATE {MAIN} SET predicted_points = 7 WHERE player_lookup = 'player0'"),
    ),
    "undo": Case(
        _undo,
        lambda platform: run(platform, f"UPDATE {MAIN} SET predicted_points = 7 WHERE player_lookup = 'player0'"),
    ),
    "release": Case(_release, beat),
    "spec": Case(_spec, lambda platform: run(platform, f"UPDATE {platform.table.fences} SET spec = 'a third'")),
    "cleanup": Case(_cleanup, lambda platform: stage(platform, [row(100)])),
}


def everything(platform: Platform) -> dict[str, Any]:
    """All rows of all tables except the audit table, and all locks with their audit entries."""
    warehouse = platform.warehouse
    with warehouse.session():
        tables = [table.name for table in warehouse.staging_tables(platform.table.table.dataset, "")]
        rows = {
            str(table): sorted(map(repr, warehouse.query(f"SELECT * FROM {table.sql}")))
            for table in tables
            if table != platform.table.actions
        }
    store = platform.locks.store
    return {**rows, "locks": [seen.record for seen in store.read_all()], "releases": store.audit_entries()}


def main_rows(platform: Platform) -> list[str]:
    return sorted(map(repr, platform.warehouse.query(f"SELECT * FROM {platform.table.table.sql}")))


def planned(platform: Platform, action: Action, now: datetime | None = None) -> str:
    """The digest of the plan that is shown."""
    (check,) = carry_out(platform, action, Approval("target"), now=now).checks
    return str(check.evidence["plan"])


def approved(
    platform: Platform,
    action: Action,
    *,
    target: str | None = None,
    plan: str | None = None,
    reason: str = "a test",
    now: datetime | None = None,
) -> Section:
    """Carry out the action with this approval."""
    target = action.plan().target if target is None else target
    plan = planned(platform, action) if plan is None else plan
    return carry_out(platform, action, Approval("target", target, plan, reason).checked(), now=now)
