"""Rows grouped by the columns that they own.

An absent field is not NULL: a consolidation updates only the columns that a row owns.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from lib.consolidation.errors import StagedDataError
from lib.consolidation.placed_rows import PlacedMappings, PlacedRows, Places, by_columns, of_frame
from lib.consolidation.table_spec import TableSpec

if TYPE_CHECKING:
    import pandas

    Rows = pandas.DataFrame | PlacedRows | PlacedMappings | Sequence[Mapping[str, Any]]

# Each group adds a SELECT to every statement of a consolidation that reads the staged rows.
_MOST_GROUPS = 50


def grouped_by_columns(rows: Rows, spec: TableSpec, game_date: date | None, *, source: str) -> list[PlacedRows]:
    """Return the rows grouped by their set of columns, in order of first appearance.

    Rows given as columns, such as a frame, own all of them. A mapping owns its fields, and two kinds are filled in: a
    missing date is the batch's date if the column is a DATE, and a missing nullable key is NULL if other rows have it,
    because many serialisers omit nulls.

    Args:
        rows: A pandas frame, mappings, or the rows of a file.
        spec: Names the keys and the date column.
        game_date: The batch's date; with None, missing dates are not filled in.
        source: What messages call the rows.

    Raises:
        StagedDataError: There are no rows, a row is not a mapping, a frame has a column twice, or there are more than
            50 sets of columns.
    """
    dates = {spec.date_column: game_date.isoformat()} if game_date and spec.dates.is_date else {}
    groups = _groups(rows, spec, dates, source)
    if not any(map(len, groups)):
        raise StagedDataError(f"{source} has no rows; nothing was staged")
    return groups


def _groups(rows: Rows, spec: TableSpec, dates: Mapping[str, str], source: str) -> list[PlacedRows]:
    if isinstance(rows, PlacedMappings):
        return _by_fields(rows, spec, dates, source)
    if isinstance(rows, PlacedRows):
        return [_with_dates(rows, dates)]
    # A caller that passes a frame has loaded pandas.
    if (pandas := sys.modules.get("pandas")) and isinstance(rows, pandas.DataFrame):
        return [_with_dates(of_frame(rows, source=source), dates)]
    counted: list[Any] = list(rows)
    return _by_fields(PlacedMappings(counted, Places(range(1, len(counted) + 1))), spec, dates, source)


def _with_dates(rows: PlacedRows, dates: Mapping[str, str]) -> PlacedRows:
    filled = {name: [day] * len(rows) for name, day in dates.items() if name not in rows.columns}
    return PlacedRows({**rows.columns, **filled}, rows.places)


def _by_fields(found: PlacedMappings, spec: TableSpec, dates: Mapping[str, str], source: str) -> list[PlacedRows]:
    for position, row in enumerate(found.rows):
        if not isinstance(row, Mapping):
            raise StagedDataError(f"{source}: {found.places[position]} is not a mapping of columns to values")
    nullable = [name for name in spec.nullable_keys if any(name in row for row in found.rows)]
    omitted = {**dict.fromkeys(nullable), **dates}
    groups: dict[frozenset[str], tuple[list[int], list[Mapping[str, Any]]]] = {}
    for position, row in enumerate(found.rows):
        whole = row if omitted.keys() <= row.keys() else {**omitted, **row}
        places, members = groups.setdefault(frozenset(whole), ([], []))
        if len(groups) > _MOST_GROUPS:
            raise StagedDataError(
                f"{source}: {found.places[position]} has a new set of fields, but only {_MOST_GROUPS} different sets "
                "can be staged at once; write null where a value is missing, or split the rows"
            )
        places.append(found.places.numbers[position])
        members.append(whole)
    return [
        by_columns(members, list(members[0]), Places(places, found.places.unit)) for places, members in groups.values()
    ]
