"""Counting duplicates among many rows, compared with a single GROUP BY."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.measure import python
from bench.result import Ratio, Result, compared
from bench.setting import Setting

_TABLE = "nba_predictions.player_prop_predictions"
_FILL = f"""
INSERT INTO {_TABLE} BY NAME
SELECT 'p' || i AS prediction_id, 'game' || (i % 12) AS game_id, 'player' || (i // 60) AS player_lookup,
  'system' || (i // 12 % 5) AS system_id, 20.5 + (i % 2) AS current_points_line, DATE '2026-01-17' AS game_date,
  TRUE AS is_active, TIMESTAMPTZ '2026-01-17 12:00:00Z' AS created_at, TIMESTAMPTZ '2026-01-17 12:00:00Z' AS updated_at
FROM range({{rows}}) AS r(i)
"""
_DUPLICATE_KEYS = 100
_BY_HAND = f"""
with duckdb.connect({{path!r}}) as connection:
    found = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM {_TABLE} WHERE game_date = DATE '2026-01-17' AND is_active "
        "GROUP BY game_id, player_lookup, system_id, current_points_line HAVING count(*) > 1)"
    ).fetchone()
assert found == ({_DUPLICATE_KEYS},)
"""
_CONNECTED = """
from datetime import date
from lib.consolidation.upkeep.duplicates import count_duplicates
from lib.platform import connect
from tests.consolidation.world import PREDICTIONS
platform = connect("local")
day = date(2026, 1, 17)
count_duplicates(platform.warehouse, platform.table, day.replace(day=1), day.replace(day=1))
"""
_OURS = f"""
[found] = count_duplicates(platform.warehouse, platform.table, day, day)
assert found.duplicate_keys == {_DUPLICATE_KEYS}
"""


def results(setting: Setting) -> Iterator[Result]:
    sizes = (100_000, 1_000_000) if setting.quick else (1_000_000, 10_000_000)
    for rows in sizes:
        part = Setting(setting.folder / str(rows), setting.quick)
        path = _filled(part, rows)
        yield compared(
            f"duplicates among {rows:,} rows",
            "a single GROUP BY",
            Ratio(1.5),
            partial(python, _CONNECTED, _OURS, variables=part.variables),
            partial(python, "import duckdb", _BY_HAND.format(path=str(path))),
            rounds=setting.rounds(5),
            rows=rows,
        )


def _filled(setting: Setting, rows: int) -> Path:
    """Create a warehouse with the rows of one date, some of them with duplicate keys."""
    import duckdb

    from lib.embedded.adapters import MAIN_TABLE
    from lib.embedded.duckdb_warehouse import DuckdbWarehouse
    from tests.consolidation.world import PREDICTIONS

    path = Path(setting.variables["RUNBOOK_HOME"]) / "warehouse.duckdb"
    path.parent.mkdir(parents=True)
    DuckdbWarehouse(path).create_table(PREDICTIONS.table, MAIN_TABLE)
    with duckdb.connect(str(path)) as connection:
        connection.execute(_FILL.format(rows=rows))
        connection.execute(f"INSERT INTO {_TABLE} FROM {_TABLE} LIMIT {_DUPLICATE_KEYS}")
    return path
