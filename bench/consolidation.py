"""Consolidating a batch, compared with only the same MERGE in DuckDB: without lock, fence, ledger and checks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench.batch import Batch
from bench.measure import in_turn
from bench.result import Ratio, Result, from_sides, held
from bench.setting import Setting

_HAND = "only the same MERGE"
_SMALL = (
    "fixed costs: about a dozen statements and four transactions instead of one of each; opening and closing the file "
    "takes half of the other side's time"
)
_LARGE = (
    "the date's keys are grouped before the MERGE, and again with the staged keys after it, to prove that no key is "
    "missing or duplicated"
)
_KEYS_IN_MEMORY = (
    "the MERGE needs less memory than on the other side; the peak comes after it, when the staged keys and the date's "
    "are grouped again while the changed rows are not committed yet"
)


def results(setting: Setting) -> Iterator[Result]:
    sizes = [(587, 15, 2.0, 11, _SMALL), (18_170, 615, 1.5, 5, _SMALL)]
    sizes += [(100_000, 15, 1.5, 5, _LARGE)] if setting.quick else []
    sizes += [] if setting.quick else [(60_000, 6_000, 2.0, 1, _SMALL)]
    sizes += [] if setting.quick else [(1_000_000, 15, 1.3, 5, _LARGE), (5_000_000, 15, 1.4, 3, _LARGE)]
    for rows, tables, limit, rounds, why in sizes:
        batch = Batch(setting.folder / f"{rows}", rows, tables).make()
        ours, theirs = in_turn(
            partial(batch.merged, "ours", setting.folder / "ours"),
            partial(batch.merged, "by_hand", setting.folder / "theirs"),
            setting.rounds(rounds),
        )
        what = f"consolidation of {rows:,} rows from {tables:,} tables"
        yield from_sides(what, _HAND, Ratio(limit), ours, theirs, why=why, rows=rows if tables == 15 else 0)
        if rows == 5_000_000:
            yield held(f"peak memory of a {what}", _HAND, Ratio(1.2), ours, theirs, why=_KEYS_IN_MEMORY)
