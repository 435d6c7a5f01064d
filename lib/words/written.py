"""Numbers in text that was written for people: ``8 of 587 rows``, ``1 min 20 s``, ``0.4 %``.

A text is a form with quantities in it. Where the forms of two texts are the same, their quantities
can be compared; dates and times of day are part of neither, since they differ from run to run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lib.words.quantities import Quantity

_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
_SECONDS |= {"second": 1.0, "minute": 60.0, "hour": 3_600.0, "day": 86_400.0}
_BYTES = {"B": 1.0, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
_DATES = re.compile(r"\s*\d{4}-\d\d-\d\d(?: to \d{4}-\d\d-\d\d)?\s*", re.ASCII)

_MOMENT = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?|(?<![\d:])\d\d:\d\d(?::\d\d)?(?![\d:])"
_ZONE = r"(?: ?(?:Z|[A-Z]{3,4}|[+-]\d\d:?\d\d)(?![A-Za-z\d]))?"
_NUMBER = r"-?(?:\d{1,3}(?:,\d{3}){1,5}|\d{1,15})(?:\.\d{1,9})?"
_UNIT = r"ms|seconds?|s|minutes?|min|hours?|h|days?|d|[KMGT]?B|%"
_PART = re.compile(
    rf"(?P<moment>(?:{_MOMENT}){_ZONE})"
    # A number in a name, such as coordinator-00042 or v1.2.3, is no quantity.
    rf"|(?<![\w.-])(?P<number>{_NUMBER})(?: ?(?P<unit>{_UNIT})(?!\w))?"
    rf"(?: (?P<rest>\d{{1,2}}) (?P<smaller>h|min|s)(?!\w))?(?![\w-]|\.\d)",
    re.ASCII,
)
_PLURAL = re.compile(r"(?<=\w\w)s\b")


@dataclass(frozen=True)
class Reading:
    """A text taken apart.

    Attributes:
        form: All that is neither a quantity nor a moment.
        quantities: In their order.
    """

    form: str
    quantities: tuple[Quantity, ...]

    @classmethod
    def of(cls, text: str) -> Reading:
        quantities: list[Quantity] = []

        def place(match: re.Match[str]) -> str:
            if match["moment"]:
                return "<moment>"
            quantities.append(_quantity(match))
            return f"<number {quantities[-1].unit}>"

        form = _PART.sub(place, " ".join(text.split()))
        # 1 table, 3 tables
        return cls(_PLURAL.sub("", form), tuple(quantities))


def undated(text: str) -> str:
    """A check's name, or a label, as it is on any day."""
    return _DATES.sub(" ", text).strip()


def _quantity(match: re.Match[str]) -> Quantity:
    value, unit = float(match["number"].replace(",", "")), match["unit"] or ""
    singular = unit.removesuffix("s") if len(unit) > len("ms") else unit
    if singular in _SECONDS:
        rest = int(match["rest"]) * _SECONDS[match["smaller"]] if match["rest"] else 0.0
        return Quantity(value * _SECONDS[singular] + rest, "s")
    return Quantity(value * _BYTES[unit], "B") if unit in _BYTES else Quantity(value, unit)
