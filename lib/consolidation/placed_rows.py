"""Rows before conversion, each with its place in its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lib.consolidation.errors import StagedDataError

if TYPE_CHECKING:
    import pandas
    import pyarrow

LINE = "line"
ROW = "row"


@dataclass(frozen=True)
class Places:
    """Where rows are in their source: ``line 3`` or ``row 3``, counted from 1.

    Attributes:
        numbers: A number for each row.
        unit: `LINE` or `ROW`.
    """

    numbers: Sequence[int]
    unit: str = ROW

    def __getitem__(self, position: int) -> str:
        return f"{self.unit} {self.numbers[position]}"


@dataclass(frozen=True)
class PlacedRows:
    """Rows that all have the same columns.

    Attributes:
        columns: The values of each column, in row order: Python values, or strings in an Arrow array.
        places: The rows' places.
    """

    columns: Mapping[str, Sequence[Any] | pyarrow.ChunkedArray]
    places: Places

    def __len__(self) -> int:
        return len(self.places.numbers)

    def at(self, positions: Sequence[int]) -> PlacedRows:
        """Return the rows at these positions, counted from 0."""

        def taken(values: Sequence[Any] | pyarrow.ChunkedArray) -> Sequence[Any] | pyarrow.ChunkedArray:
            if isinstance(values, Sequence):
                return [values[number] for number in positions]
            import pyarrow

            return values.take(pyarrow.array(positions, pyarrow.int64()))  # an empty list has no type of its own

        columns = {name: taken(values) for name, values in self.columns.items()}
        return PlacedRows(columns, Places([self.places.numbers[position] for position in positions], self.places.unit))


@dataclass(frozen=True)
class PlacedMappings:
    """Rows that may each have different columns."""

    rows: Sequence[Mapping[str, Any]]
    places: Places

    def __len__(self) -> int:
        return len(self.rows)


def by_columns(rows: Sequence[Mapping[str, Any]], names: Sequence[str], places: Places | None = None) -> PlacedRows:
    """Return mappings as columns with these names; a missing value is None.

    Args:
        rows: The mappings.
        names: The columns.
        places: Their places; by default counted as rows.
    """
    columns = {str(name): [row.get(name) for row in rows] for name in names}
    return PlacedRows(columns, places or Places(range(1, len(rows) + 1)))


def of_frame(frame: pandas.DataFrame, *, source: str) -> PlacedRows:
    """Return the rows of a pandas frame, numbered from 1.

    Raises:
        StagedDataError: The frame has a column twice.
    """
    names = [str(name) for name in frame.columns]
    check_each_once(names, source)
    series = (frame.iloc[:, number] for number in range(len(names)))
    columns = {name: one.astype(object).tolist() for name, one in zip(names, series, strict=True)}
    return PlacedRows(columns, Places(range(1, len(frame) + 1)))


def check_each_once(names: Sequence[str], source: str) -> None:
    """Raise `StagedDataError` if a column name appears twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise StagedDataError(f"{source} has the column {name!s:.80} twice")
        seen.add(name)
