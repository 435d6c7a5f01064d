"""Trials that check whether a warehouse keeps the promises that the fence depends on.

They use the product's own transactions if the promise is about these.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from lib.consolidation.consolidator import BatchConsolidator
from lib.consolidation.errors import RequirementFailed
from lib.consolidation.fence import WarehouseFence, move_fence
from lib.consolidation.staging import BatchStagingWriter
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.trials.race import Arena, Race, Racer, Work
from lib.consolidation.warehouse import Execute, Parameters
from lib.locking.lock import ConsolidationLock

KEYS = 3
DAYS = (date(2026, 1, 17), date(2026, 1, 18))
_ITEMS = [f"item{number}" for number in range(KEYS)]
_NEWEST = 7
_STATEMENTS = 6


@dataclass(frozen=True)
class Counted:
    """The numbers of rows and of keys in a table."""

    rows: int
    keys: int


def counted(arena: Arena, spec: TableSpec) -> Counted:
    """Count the table's rows and keys."""
    [found] = arena.warehouse.query(
        f"SELECT COUNT(*) AS found, COUNT(DISTINCT item) AS items FROM {spec.table.sql} WHERE day >= @day",
        {"day": min(DAYS)},
    )
    return Counted(found["found"], found["items"])


def unfenced_merges(arena: Arena) -> Race:
    """Race two transactions that MERGE the same new keys into one table, without a fence."""

    def prepare(spec: TableSpec) -> Work:
        merge = Execute(
            "merge",
            f"MERGE INTO {spec.table.sql} AS T "
            "USING (SELECT item, @day AS day, 1 AS amount FROM UNNEST(@items) AS item) AS S "
            "ON T.day = @day AND T.item = S.item WHEN MATCHED THEN UPDATE SET amount = S.amount "
            "WHEN NOT MATCHED THEN INSERT (item, day, amount) VALUES (S.item, S.day, S.amount)",
        )
        return lambda racer, _side: racer.race([merge], {"day": DAYS[0], "items": _ITEMS})

    return arena.race(prepare)


def fenced_consolidations(arena: Arena, locks: ConsolidationLock) -> Race:
    """Race two consolidations of batches with the same new keys, with the fence but without the lock."""

    def prepare(spec: TableSpec) -> Work:
        writer = BatchStagingWriter(arena.warehouse, spec)
        for batch_id in ("batch0", "batch1"):
            rows = [{"item": item, "amount": 1} for item in _ITEMS]
            writer.write(rows, batch_id=batch_id, worker_id="w", game_date=DAYS[0])

        def consolidate(racer: Racer, side: int) -> None:
            BatchConsolidator(racer.as_warehouse, locks, spec).consolidate_batch(
                batch_id=f"batch{side}", game_date=DAYS[0], use_lock=False, max_wait_seconds=60
            )

        return consolidate

    return arena.race(prepare)


def fences_of_two_dates(arena: Arena) -> Race:
    """Race two transactions that move the fences of two dates: different rows of one table."""

    def prepare(spec: TableSpec) -> Work:
        for day in DAYS:
            WarehouseFence(lambda: arena.warehouse, spec).advance(day, _NEWEST)
        return lambda racer, side: racer.race([move_fence(spec, has_lease=True)], _moved(spec, DAYS[side], _NEWEST + 1))

    return arena.race(prepare)


@dataclass(frozen=True)
class PastTheFence:
    """The outcome of two writes.

    Attributes:
        newer, stale: Why the write with that token was refused; empty if it was committed.
        rows: The number of rows afterwards; each committed write inserted one.
    """

    newer: str
    stale: str
    rows: int


def writes_past_the_fence(arena: Arena) -> PastTheFence:
    """Write with a newer token than the fence's, which moves the fence, and then with the fence's old token."""
    spec = arena.new_table()
    WarehouseFence(lambda: arena.warehouse, spec).advance(DAYS[0], _NEWEST)
    newer, stale = (_refusal(arena, spec, token) for token in (_NEWEST + 1, _NEWEST))
    return PastTheFence(newer, stale, counted(arena, spec).rows)


def _refusal(arena: Arena, spec: TableSpec, token: int) -> str:
    row = Execute("row", f"INSERT INTO {spec.table.sql} (item, day, amount) VALUES ('item', @day, @token)")
    try:
        arena.warehouse.transact([move_fence(spec, has_lease=True), row], _moved(spec, DAYS[0], token))
    except RequirementFailed as error:
        return error.code
    return ""


def _moved(spec: TableSpec, day: date, token: int) -> Parameters:
    return {"day": day, "spec": spec.identity, "moved_by": "trial", "token": token}


def trivial_script() -> str:
    """Return a GoogleSQL script of statements that read nothing, so that their only cost is the jobs."""
    return "\n".join(f"SELECT {number};" for number in range(_STATEMENTS))


def condition_scripts(arena: Arena) -> tuple[str, str]:
    """Return two GoogleSQL scripts, each an UPDATE and a condition: on the changed rows, and on the table."""
    table = arena.new_table().table.sql
    update = f"UPDATE {table} SET amount = amount + 1 WHERE TRUE;"
    conditions = ("@@row_count > 0", f"(SELECT COUNT(*) FROM {table}) > 0")
    # Both are false, as the table is empty, so only the condition itself is measured.
    by_count, by_table = (
        f"{update}\nIF {condition} THEN RAISE USING MESSAGE = 'not empty'; END IF;" for condition in conditions
    )
    return by_count, by_table
