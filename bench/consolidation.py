"""Consolidating a batch, against the same MERGE typed by hand into DuckDB: no lock, no fence, no ledger, no check."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench.batch import Batch
from bench.measure import in_turn
from bench.result import Ratio, Result, from_sides, held
from bench.setting import Setting

_HAND = "the MERGE typed by hand"
_SMALL = (
    "what does not grow with the rows: about a dozen statements are planned and four transactions committed, where the "
    "hand plans and commits one; to open the file and to close it takes half of the hand's time"
)
_LARGE = (
    "the date's keys are grouped before the MERGE, and together with the staged ones after it, which is what shows "
    "that none is missing and none is there twice"
)
_KEYS_IN_MEMORY = (
    "the MERGE holds less than the hand's; most is held after it, when the staged keys and the date's are grouped "
    "once more, and the rows that the MERGE has changed are not committed yet"
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
            yield held(f"memory of a {what}", _HAND, Ratio(1.2), ours, theirs, why=_KEYS_IN_MEMORY)
