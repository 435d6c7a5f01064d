"""Checks that must hold when all processes of a campaign have ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date

from lib.consolidation.ledger import LedgerRun, ledger_runs
from lib.consolidation.staging import staging_backlog
from proof.process_roles import DAYS, SharedWorld, Site, day_of, staged_rows
from tests.consolidation.model import Staged, consolidated, key
from tests.consolidation.world import in_order


def violations(site: Site) -> list[str]:
    """Return a line for each violation at the site; empty if there are none."""
    world = site.world()
    runs = sorted(ledger_runs(world.warehouse, world.spec), key=lambda run: run.committed_at)
    return [
        *_keys_twice(world),
        *_replayed(world, runs),
        *_tokens_going_back(world, runs),
        *_not_merged_once(site, runs),
        *_not_finished(world),
    ]


def _keys_twice(world: SharedWorld) -> Iterator[str]:
    copies = Counter((row["game_date"], *key(row)) for row in world.table())
    return (f"key twice: {found} is there {times} times" for found, times in copies.items() if times > 1)


def _replayed(world: SharedWorld, runs: list[LedgerRun]) -> Iterator[str]:
    """Check the ledger. The file admits one process at a time, so transactions committed in the order they began."""
    table: list[Staged] = []
    for run in runs:
        rows = [row for name in run.staging_tables for row in staged_rows(run.batch_id, name)]
        table, figures = consolidated(table, rows, day_of(run.batch_id))
        recorded = {name: getattr(run, name if "duplicates" in name else f"{name}_rows") for name in figures}
        if recorded != figures:
            yield f"ledger: run {run.run_id} says {recorded}, its rows give {figures}"
    if in_order(table) != world.table():
        yield f"ledger: its {len(runs)} runs do not produce the actual table"


def _tokens_going_back(world: SharedWorld, runs: list[LedgerRun]) -> Iterator[str]:
    newest: dict[date, int] = {}
    for run in runs:
        if run.token <= newest.get(run.day, 0):
            yield f"fence: {run.day} went from {newest[run.day]} to {run.token}"
        newest[run.day] = run.token
    for row in world.warehouse.query(f"SELECT day, token FROM {world.spec.fences.sql}"):
        if row["token"] < newest.get(row["day"], 0):
            yield f"fence: {row['day']} stands at {row['token']}, behind the ledger"


def _not_merged_once(site: Site, runs: list[LedgerRun]) -> Iterator[str]:
    merged = Counter(name for run in runs for name in run.staging_tables)
    yield from (f"merged {times} times: {name}" for name, times in merged.items() if times > 1)
    yield from (
        f"row lost: {name} was written and never merged"
        for name in site.staged.read_text().split()
        if name not in merged
    )


def _not_finished(world: SharedWorld) -> Iterator[str]:
    yield from (f"progress: {batch.batch_id} still waits" for batch in staging_backlog(world.warehouse, world.spec))
    for day in DAYS:
        with world.locks.acquire(game_date=day, batch_id="the last one"):
            pass
    yield from (f"progress: {seen.record} is left" for seen in world.lock_store.read_all())
