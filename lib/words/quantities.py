"""Figures in evidence: numbers with units, and durations and sizes in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite
from sys import float_info
from typing import Any

from lib.words.nouns import singular

# A difference that nobody notices, however large its share.
_LEAST_SECONDS = 0.5
_MEASURES = ("s", "B", "%")
_SIZES = (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000))


@dataclass(frozen=True)
class Quantity:
    """A number and its unit.

    Attributes:
        value: The number.
        unit: ``s``, ``B``, ``%``, or what is counted, such as ``rows``.
    """

    __pydantic_config__ = {"allow_inf_nan": False}  # noqa: RUF012 - as RunRecord has it

    value: float
    unit: str

    def __str__(self) -> str:
        """In words: ``3 min 20 s``, ``1.4 GB``, ``0.4%``, ``1,234 rows``."""
        match self.unit:
            case "s":
                return spoken_seconds(self.value)
            case "B":
                return spoken_bytes(self.value)
            case "%":
                return f"{self.value:,.1f}%"
        rounded = round(self.value, 1) + 0.0  # turns -0.0 into 0.0
        number = f"{self.value:,.0f}" if float(self.value).is_integer() else f"{rounded:,.1f}"
        return f"{number} {self.unit if self.value != 1 else singular(self.unit)}".strip()

    @property
    def measures(self) -> str:
        """``s``, ``B`` or ``%``; empty for counts. Only equal measures can be compared."""
        return self.unit if self.unit in _MEASURES else ""

    def is_near(self, other: Quantity, tolerance: float) -> bool:
        """Return whether two figures differ by at most this share of the larger one, or by less than half a second."""
        difference = abs(other.value - self.value)
        larger = max(abs(self.value), abs(other.value))
        return difference <= tolerance * larger or (self.unit == "s" and difference < _LEAST_SECONDS)


Scalar = bool | int | float | str | date | Quantity | None
Value = Scalar | Sequence[Scalar]
"""A value in evidence. A number without a unit is a count; text is for anything that is not a figure."""


def quantity_of(value: object) -> Quantity | None:
    """Return a value as a quantity, without a unit for plain numbers; None if it is not a figure."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= float_info.max:
        return Quantity(value, "")
    return value if isinstance(value, Quantity) and isfinite(value.value) else None


def seconds(value: float | None) -> Quantity | None:
    """Return a duration; None stays None, which is shown as a dash."""
    return None if value is None else Quantity(value, "s")


def size_in_bytes(value: float | None) -> Quantity | None:
    """Return a size; None stays None."""
    return None if value is None else Quantity(value, "B")


def percent(value: float | None) -> Quantity | None:
    """Return a percentage; None stays None."""
    return None if value is None else Quantity(value, "%")


def as_data(value: Value) -> Any:
    """Return a value as JSON-ready data; a quantity becomes ``{"value": 8.2, "unit": "s"}``.

    Numbers, bools, None and lists stay as they are. Anything else becomes text, as do numbers that JSON does not have.
    """
    if isinstance(value, Quantity):
        return {"value": value.value, "unit": value.unit} if isfinite(value.value) else str(value)
    if value is None or isinstance(value, bool) or type(value) is int:
        return value
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [as_data(each) for each in value]
    return str(value)


def spoken(value: Value) -> str:
    """Format a value for people: ``1,234``, ``3 min 20 s``, ``a, b``; a dash for None and empty values."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(spoken, value)) or "-"
    return str(quantity_of(value) or value)


def in_one_line(evidence: Mapping[str, Value]) -> str:
    """Format evidence as one line: ``rows: 1,234; longest: 8.2 s``."""
    return "; ".join(f"{label}: {spoken(value)}" for label, value in evidence.items())


class Duration(str):
    """A duration in words with its `seconds`, so that a table can be sorted by it."""

    seconds: float


def spoken_seconds(seconds: float | None) -> str:
    """Format a duration: ``19 ms``, ``0.8 s``, ``4 min 10 s``, ``3 h 5 min``, ``2 d 4 h``; a dash for None."""
    if seconds is None:
        return "-"
    words = Duration(_duration(seconds))
    words.seconds = seconds
    return words


def _duration(seconds: float) -> str:
    if 0 < abs(seconds) < 0.1:
        return f"{seconds * 1_000:.0f} ms"
    if abs(seconds) < 60 or not isfinite(seconds):
        return f"{seconds:.1f} s"
    for unit, smaller, length, short in (("d", "h", 86_400, 3_600), ("h", "min", 3_600, 60), ("min", "s", 60, 1)):
        if abs(seconds) >= length:
            whole, rest = divmod(int(abs(seconds)), length)
            return f"{'-' if seconds < 0 else ''}{whole} {unit} {rest // short} {smaller}"
    return f"{seconds:.1f} s"


def spoken_bytes(count: float | None) -> str:
    """Format a size in decimal units: ``1.4 GB``, ``12.0 kB``, ``0 B``; a dash for None."""
    if count is None:
        return "-"
    for unit, size in _SIZES:
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count:.0f} B"
