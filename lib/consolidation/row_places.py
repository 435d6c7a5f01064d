"""Where a row comes from, in the words of messages."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas


class Place(StrEnum):
    """The name of an index that holds each row's place, counted from 1."""

    LINE = "line"
    ROW = "row"


def place(index: pandas.Index[int], position: int) -> str:
    """Return ``line 3`` or ``row 3`` for the row at a position, counted from 0.

    Rows whose index is not named by a `Place`, such as a caller's own frame, are counted.
    """
    if isinstance(index.name, Place):
        return f"{index.name} {index[position]}"
    return f"{Place.ROW} {position + 1}"
