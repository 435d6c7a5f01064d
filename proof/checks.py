"""The promises that are checked: at each step, at each commit, and at the end."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import combinations
from typing import TYPE_CHECKING, Any

from lib.consolidation.warehouse import Row
from proof.scenario import LOADED_AFTER
from proof.warehouse_server import Commit
from tests.consolidation.model import consolidated, groups_not_of_one, key, preference
from tests.consolidation.world import in_order, quoted

if TYPE_CHECKING:
    from proof.world import World

PROMISES = {
    "no key twice": "No business key has more rows than it had before.",
    "one active": "If a moved line supersedes the old one, each player has exactly one active line, at each commit "
    "and at the end; a line that was duplicated before counts once.",
    "no row lost": "Each row whose staging was acknowledged is merged in the end, whatever failed on the way.",
    "one lease": "At any instant, at most one holder of a lock believes that it holds it.",
    "fence": "The fence only increases, and each consolidation moves it.",
    "shut out": "After a forced release has returned, the old holder writes nothing.",
    "ledger": "Each consolidation is in the ledger once, and a few lines of Python that apply what was merged in "
    "commit order produce the same table.",
    "no lie": "A success contains every row that was staged before the request; an error that another holds the lock "
    "is always true.",
    "no needless failure": "No program loses an undisturbed lease, or gives up where a retry would help.",
    "progress": "Once the faults stop, everything finishes.",
    "no unknown error": "Every failure raises one of the library's own errors.",
}


def check_at_each_step(world: World) -> None:
    """Check that at most one holder believes in its lease, except after a forced release."""
    world.witness.leases = [held for held in world.witness.leases if held.is_believed]
    if len(world.witness.leases) < 2:
        return
    stolen = {entry.removed.claim.holder_id for entry in world.lock_server.audit}
    for one, other in combinations(world.witness.leases, 2):
        same_lock = one.lock_key == other.lock_key
        if same_lock and not {one.holder_id, other.holder_id} & stolen:
            world.violated("one lease", f"{one.process.name} and {other.process.name} both believe that they hold it")
            world.witness.leases.remove(one)
            return


def check_commit(world: World, commit: Commit) -> None:
    """Check that the fence moved forward only, and that no shut-out holder passed it."""
    day: Any = commit.parameters.get("day")
    if not {"fence", "merge"} & set(commit.steps) or not world.variant.has_ledger:
        return
    [[token]] = _rows(world, f"SELECT MAX(token) FROM {quoted(world.spec.fences)} WHERE day = ?", [day])
    before = world.witness.fences.get(day, 0)
    if token < before or (token == before and "merge" in commit.steps):
        world.violated("fence", f"it went from {before} to {token} on {day}")
    world.witness.fences[day] = max(before, token)
    _check_active(world, _table(world))
    if "merge" in commit.steps and 0 < int(str(commit.parameters["token"])) < world.witness.shut_out.get(day, 0):
        world.violated("shut out", f"{commit.parameters['run_id']} was committed under a lease released by force")


def check_at_the_end(world: World) -> None:
    """Check that no key is duplicated, no row is lost, and the ledger matches the table."""
    table = _table(world)
    _check_active(world, table)
    _check_keys(world, table)
    _check_staged_rows(world)
    if world.variant.has_ledger:
        _check_ledger(world, table)


def _check_active(world: World, table: list[Row]) -> None:
    supersedes = world.spec.supersedes
    for wrong in groups_not_of_one(table, supersedes) if supersedes else []:
        world.violated("one active", f"{wrong} has no active line, or several")


def _check_keys(world: World, table: list[Row]) -> None:
    before, now = _copies(world.scenario.old_rows), _copies(table)
    for found, times in now.items():
        if times > max(1, before[found]):
            world.violated("no key twice", f"{found} is there {times} times")


def _copies(rows: Any) -> Counter[tuple[Any, ...]]:
    return Counter((row["game_date"], *key(row)) for row in rows if row["is_active"])


def _check_staged_rows(world: World) -> None:
    merged = world.warehouse_server.merged_ids()
    for staged in world.witness.staged:
        for row in staged.rows:
            times = merged[row["prediction_id"]]
            if not times:
                world.violated("no row lost", f"{row['prediction_id']} was staged and never merged")
            if times > 1 and staged.once and world.variant.has_ledger:
                world.violated("ledger", f"{row['prediction_id']} was merged {times} times")


def _check_ledger(world: World, table: list[Row]) -> None:
    """Check that the commits, in order, match the ledger and produce the table."""
    commits = world.warehouse_server.commits
    committed = sorted(str(commit.parameters["run_id"]) for commit in commits if "merge" in commit.steps)
    recorded = sorted(str(run_id) for [run_id] in _rows(world, f"SELECT run_id FROM {quoted(world.spec.ledger)}", []))
    if committed != recorded:
        world.violated("ledger", f"{len(committed)} consolidations were committed, {len(recorded)} are recorded")
        return
    expected: list[Row] = [dict(row) for row in world.scenario.old_rows]
    for commit in commits:
        expected = _after(world, commit, expected)
    if in_order(map(_in_utc, expected)) != in_order(map(_in_utc, table)):
        world.violated("ledger", "its runs do not produce the actual table")


def _after(world: World, commit: Commit, table: list[Row]) -> list[Row]:
    if not {"merge", "remove"} & set(commit.steps):
        return table
    day: Any = commit.parameters["day"]
    if commit.parameters["spec"] == world.strangers_spec.identity:
        day -= LOADED_AFTER
    if "merge" not in commit.steps:
        return _repaired(table, day)
    return consolidated(table, list(commit.merged), day, world.spec.supersedes)[0]


def _repaired(table: list[Row], day: Any) -> list[Row]:
    kept = [row for row in table if row["game_date"] != day or not row["is_active"]]
    newest: dict[tuple[Any, ...], Row] = {}
    columns = list(table[0]) if table else []
    counted = [row for row in table if row["game_date"] == day and row["is_active"]]
    for row in sorted(counted, key=lambda row: preference(row, columns)):
        newest.setdefault(key(row), row)
    return [*kept, *newest.values()]


def _in_utc(row: Row) -> Row:
    """Normalise a row: one time has many spellings, and rows are sorted by theirs; the stranger's date is derived."""
    known = {name: value for name, value in row.items() if name != "loaded_on"}
    return {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in known.items()}


def _table(world: World) -> list[Row]:
    with world.warehouse_server.cursor() as cursor:
        found = cursor.execute(f"FROM {quoted(world.spec.table)}")
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _rows(world: World, sql: str, values: list[Any]) -> list[Any]:
    with world.warehouse_server.cursor() as cursor:
        return cursor.execute(sql, values).fetchall()
