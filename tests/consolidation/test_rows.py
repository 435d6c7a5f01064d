"""A column is read at once as its values are one by one, however often they repeat."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pandas
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.consolidation.errors import StagedDataError
from lib.consolidation.rows import convert
from lib.consolidation.warehouse import Column

TYPES = ("STRING", "INT64", "FLOAT64", "NUMERIC", "BOOL", "DATE", "TIMESTAMP", "DATETIME", "JSON")
MIDNIGHT = datetime(2026, 1, 17, tzinfo=UTC)
TEXTS = ("", " ", "1", "1.0", "-0.0", "true", "nan", "2026-01-17", "2026-01-17T00:00:00+05:00", "x\0y", '{"a": 1}')
# Equal to each other, and not read alike; and what is no value at all.
VALUES: tuple[Any, ...] = (
    *(1, 1.0, True, Decimal(1), 0.0, -0.0, 2**63, float("nan"), float("inf"), None, pandas.NA, pandas.NaT, b"x"),
    *(MIDNIGHT, MIDNIGHT.astimezone(timezone(timedelta(hours=-5))), MIDNIGHT.replace(tzinfo=None), date(2026, 1, 17)),
    *((1,), "\ud800"),
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


def read(series: pandas.Series[Any], type_: str) -> list[str]:
    """What became of each row up to the first that is refused."""
    try:
        table: pyarrow.Table = convert(series.to_frame("c"), [Column("c", type_)], source="rows")
    except StagedDataError as error:
        return [str(error)]
    return [repr(value) for value in table.column("c").to_pylist()]


@pytest.mark.parametrize("type_", TYPES)
@given(series=COLUMNS)
def test_values_are_read_as_if_each_were_alone(type_: str, series: pandas.Series[Any]) -> None:
    alone = [read(series[row : row + 1], type_)[0] for row in range(len(series))]
    refused = [found.replace("row 1,", f"row {row},") for row, found in enumerate(alone, start=1) if "row 1," in found]
    assert read(series, type_) == (refused[:1] or alone)
