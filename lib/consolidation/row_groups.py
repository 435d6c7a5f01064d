"""Rows grouped by the columns that they own.

An absent field is not NULL: a consolidation updates only the columns that a row owns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from lib.consolidation.errors import StagedDataError
from lib.consolidation.rows import Place, place
from lib.consolidation.table_spec import TableSpec

if TYPE_CHECKING:
    import pandas

    Rows = pandas.DataFrame | pandas.Series[Any] | Sequence[Mapping[str, Any]]

# Each adds a SELECT to every statement of a consolidation that reads the staged rows.
_MOST_GROUPS = 50


def grouped_by_columns(rows: Rows, spec: TableSpec, game_date: date | None, *, source: str) -> list[pandas.DataFrame]:
    """Return a frame for each set of columns, in the order in which they appear.

    A frame's rows own all its columns. A mapping owns its fields, and two that are filled in: an absent date is the
    batch's, and an absent key that may be NULL is NULL if other rows have it, since many serialisers omit nulls.

    Args:
        rows: A frame, or mappings; a series of mappings has their places as its index.
        spec: Names the keys and the date column.
        game_date: The batch's date; None: absent dates are not filled in.
        source: What the rows are called in messages.

    Raises:
        StagedDataError: There are no rows, a row is not a mapping, or there are more than 50 sets of columns.
    """
    import pandas

    dates = {} if game_date is None else {spec.date_column: game_date.isoformat()}
    if isinstance(rows, pandas.DataFrame):
        frames = [rows.assign(**{name: day for name, day in dates.items() if name not in rows.columns})]
    else:
        series = rows if isinstance(rows, pandas.Series) else _counted(rows)
        frames = _frames(series, spec, dates, source)
    if not any(map(len, frames)):
        raise StagedDataError(f"{source} has no rows; nothing was staged")
    return frames


def _counted(rows: Sequence[Mapping[str, Any]]) -> pandas.Series[Any]:
    import pandas

    found = list(rows)
    return pandas.Series(found, pandas.RangeIndex(1, len(found) + 1, name=Place.ROW), dtype=object)


def _frames(rows: pandas.Series[Any], spec: TableSpec, dates: Mapping[str, Any], source: str) -> list[pandas.DataFrame]:
    import pandas

    for position, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise StagedDataError(f"{source}: {place(rows.index, position)} is not a mapping of columns to values")
    nullable = [name for name in spec.nullable_keys if any(name in row for row in rows)]
    omitted = {**dict.fromkeys(nullable), **dates}
    groups: dict[frozenset[str], tuple[list[int], list[Mapping[str, Any]]]] = {}
    for where, row in zip(rows.index, rows, strict=True):
        whole = row if omitted.keys() <= row.keys() else {**omitted, **row}
        places, members = groups.setdefault(frozenset(whole), ([], []))
        if len(groups) > _MOST_GROUPS:
            raise StagedDataError(
                f"{source}: {rows.index.name} {where} has one more set of fields than the {_MOST_GROUPS} that "
                "can be staged at once; write null where a value is missing, or split the rows"
            )
        places.append(where)
        members.append(whole)
    # As objects: an inferred type would turn integers beside a NULL into floats, and lose digits.
    return [
        pandas.DataFrame(members, pandas.Index(places, name=rows.index.name), dtype=object)
        for places, members in groups.values()
    ]
