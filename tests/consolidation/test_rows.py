"""Reading a column at once gives the same as reading its values one by one, however often they repeat."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy
import pandas
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.consolidation.errors import StagedDataError
from lib.consolidation.placed_rows import by_columns, of_frame
from lib.consolidation.rows import convert
from lib.consolidation.warehouse import Column
from lib.embedded.adapters import MAIN_TABLE
from tests.consolidation.world import World, prediction

TYPES = (
    *("STRING", "INT64", "FLOAT64", "NUMERIC", "BOOL", "DATE", "TIMESTAMP", "DATETIME", "JSON"),
    *("ARRAY<STRING>", "ARRAY<INT64>"),
)
MIDNIGHT = datetime(2026, 1, 17, tzinfo=UTC)
TEXTS = ("", " ", "1", "1.0", "-0.0", "true", "nan", "2026-01-17", "2026-01-17T00:00:00+05:00", "x\0y", '{"a": 1}')
# Values that are equal but convert differently, and missing values.
VALUES: tuple[Any, ...] = (
    *(1, 1.0, True, Decimal(1), 0.0, -0.0, 2**63, float("nan"), float("inf"), None, pandas.NA, pandas.NaT, b"x"),
    *(MIDNIGHT, MIDNIGHT.astimezone(timezone(timedelta(hours=-5))), MIDNIGHT.replace(tzinfo=None), date(2026, 1, 17)),
    *((1,), ["a", "b"], numpy.array([1, 2]), [None], [], '["a", "b"]', "\ud800"),
)
COLUMNS = st.one_of(
    st.lists(st.sampled_from((*TEXTS, *VALUES)), min_size=1, max_size=6).map(
        lambda found: pandas.Series(found, dtype=object)
    ),
    st.lists(st.sampled_from((*TEXTS, None)), min_size=1, max_size=6).map(pandas.Series),
    st.lists(st.sampled_from((0.0, -0.0, 1.5, float("nan"))), min_size=1, max_size=6).map(pandas.Series),
    st.lists(st.sampled_from((0, 1, -(2**63))), min_size=1, max_size=6).map(pandas.Series),
    st.lists(st.booleans(), min_size=1, max_size=6).map(pandas.Series),
    st.lists(st.sampled_from((MIDNIGHT, None)), min_size=1, max_size=6).map(pandas.Series),
)


NESTED = (
    *(Column("names", "ARRAY<STRING>"), Column("lines", "ARRAY<NUMERIC>"), Column("moments", "ARRAY<TIMESTAMP>")),
    *(Column("features", "JSON"), Column("local_time", "DATETIME")),
)
NESTED_VALUES: dict[str, Any] = {
    "names": ["it's", "b\n\u2028"],
    "lines": [24.5, "0.000000001"],
    "moments": [MIDNIGHT],
    "features": '{"big": 9007199254740993,\n "text": "a\\n\u2028", "none": null}',
    "local_time": "2026-01-17T19:30:00.000001",
}


def check_every_type_is_staged_and_merged(world: World) -> None:
    """Values of all types that can be staged are inserted, updated or missing."""
    world.warehouse.drop([world.spec.table])
    world.warehouse.create_table(world.spec.table, [*MAIN_TABLE, *NESTED])
    world.stage([prediction(**NESTED_VALUES), prediction(player_lookup="without", **dict.fromkeys(NESTED_VALUES))])
    world.stage([prediction(player_lookup="from text", names='["x"]', lines="[1]", moments="[]")])
    assert world.consolidate().inserted == 3
    world.stage([prediction(player_lookup="without", **NESTED_VALUES)], "batch_2")
    assert world.consolidate("batch_2").updated == 1
    rows = {row["player_lookup"]: row for row in world.table()}
    for player in ("lebronjames", "without"):
        found = {name: rows[player][name] for name in NESTED_VALUES}
        features = found.pop("features")
        kept = json.loads(features) if isinstance(features, str) else features
        assert kept == json.loads(NESTED_VALUES["features"])
        assert found == {
            "names": NESTED_VALUES["names"],
            "lines": [Decimal("24.5"), Decimal("0.000000001")],
            "moments": [MIDNIGHT],
            "local_time": datetime.fromisoformat(NESTED_VALUES["local_time"]),
        }
    assert [list(rows["from text"][name]) for name in ("names", "lines", "moments")] == [["x"], [Decimal(1)], []]


def test_every_type_is_staged_and_merged(world: World) -> None:
    check_every_type_is_staged_and_merged(world)


@pytest.mark.parametrize("value", [[None], ["a", ""], [["a"]], {"a": 1}, "a", '{"a": 1}', 1, b"a"])
def test_an_invalid_array_is_refused(value: Any) -> None:
    """Warehouses do not store NULL in an array, and no value is guessed."""
    rows = by_columns([{"names": ["fine"]}, {"names": value}], ["names"])
    with pytest.raises(StagedDataError, match=r"row 2, column names: .* is not a ARRAY<STRING>"):
        convert(rows, [Column("names", "ARRAY<STRING>")], source="rows")


@pytest.mark.parametrize(
    "type_", ["STRUCT<a INT64, b NUMERIC(4, 1)>", "ARRAY<STRUCT<a INT64>>", "BYTES", "BIGNUMERIC", "RANGE<DATE>"]
)
def test_a_column_that_cannot_be_staged_is_one_clear_line(type_: str) -> None:
    with pytest.raises(StagedDataError) as refused:
        convert(by_columns([{"c": None}], ["c"]), [Column("c", type_)], source="rows")
    assert str(refused.value) == f"rows: column c is a {type_}, which cannot be staged; omit the column"


def read(series: pandas.Series[Any], type_: str) -> list[str]:
    """Return the converted value of each row up to the first that is refused."""
    try:
        table: pyarrow.Table = convert(
            of_frame(series.to_frame("c"), source="rows"), [Column("c", type_)], source="rows"
        )
    except StagedDataError as error:
        return [str(error)]
    return [repr(value) for value in table.column("c").to_pylist()]


@pytest.mark.parametrize("type_", TYPES)
@given(series=COLUMNS)
def test_values_are_read_independently(type_: str, series: pandas.Series[Any]) -> None:
    alone = [read(series[row : row + 1], type_)[0] for row in range(len(series))]
    refused = [found.replace("row 1,", f"row {row},") for row, found in enumerate(alone, start=1) if "row 1," in found]
    assert read(series, type_) == (refused[:1] or alone)
