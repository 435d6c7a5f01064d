"""Consolidating a batch, against the same MERGE typed by hand into DuckDB: no lock, no fence, no ledger, no check."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench.batch import Batch
from bench.result import Ratio, Result, compared
from bench.setting import Setting

_SMALL = (
    "what does not grow with the rows: the file is opened twice, because nobody keeps it open while he waits for the "
    "lock, and about a dozen statements are planned, where the hand opens it once for one"
)
_LARGE = (
    "the date's keys are grouped before the MERGE, and together with the staged ones after it, which is what shows "
    "that none is missing and none is there twice; and rows that are equally new are told apart by all of their columns"
)


def results(setting: Setting) -> Iterator[Result]:
    sizes = [(587, 15, 3.0, 11, _SMALL), (18_170, 615, 2.0, 5, _SMALL)]
    sizes += [(100_000, 15, 1.5, 5, _LARGE)] if setting.quick else []
    sizes += [] if setting.quick else [(1_000_000, 15, 1.5, 5, _LARGE), (5_000_000, 15, 1.3, 3, _LARGE)]
    for rows, tables, limit, rounds, why in sizes:
        batch = Batch(setting.folder / f"{rows}", rows, tables).make()
        yield compared(
            f"consolidation of {rows:,} rows from {tables} tables",
            "the MERGE typed by hand",
            Ratio(limit),
            partial(batch.merged, "ours", setting.folder / "ours"),
            partial(batch.merged, "by_hand", setting.folder / "theirs"),
            rounds=setting.rounds(rounds),
            why=why,
            rows=rows,
        )
