"""The figures of a run that can be followed over time, read from the evidence of its checks.

Evidence is text for people: a figure is what begins with a number, such as ``0.4 s (longest of
6)``, ``1,645 rows`` or ``PASS: 0 failures``. A date, an id or a sentence is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lib.archive.quantities import undated
from lib.operations.verdict import Check

_FIGURE = re.compile(
    r"(?:(?:PASS|WARN|UNKNOWN|FAIL): )?"
    r"(?P<number>-?\d{1,3}(?:,\d{3}){1,5}|-?\d{1,15}(?:\.\d{1,9})?)"
    r" ?(?P<unit>%|[A-Za-z][A-Za-z ]{0,30})?(?=$|[,;:(]| \(| of \d)",
    re.ASCII,
)
_SPOKEN = re.compile(r"(?:(?P<hours>\d{1,6}) h (?P<rest>\d\d) min|(?P<minutes>\d{1,6}) min (?P<seconds>\d\d?) s)")
_MOST_FIGURES = 40
_LONGEST_NAME = 80


class Figure(NamedTuple):
    """One number.

    Attributes:
        name: The check's and the label of its evidence, without the dates in them.
        value: In that unit.
        unit: As it was written: ``s``, ``%``, ``duplicate keys``; may be empty.
    """

    name: str
    value: float
    unit: str


def figures_of(checks: Sequence[Check]) -> tuple[Figure, ...]:
    """The first 40 figures, in the order of the checks.

    Where a check has the same figure for several dates, the largest counts.
    """
    found: dict[str, Figure] = {}
    for check in checks:
        for figure in _of_check(check):
            known = found.get(figure.name)
            if known is None or figure.value > known.value:
                found[figure.name] = figure
    return tuple(found.values())[:_MOST_FIGURES]


def _of_check(check: Check) -> Iterator[Figure]:
    for label, text in check.evidence.items():
        # How old a log's last line is tells when the run looked.
        if label != "age" and (read := _number(str(text)[:200])):
            value, unit = read
            words = (undated(check.name), undated(label) or unit)
            yield Figure(": ".join(filter(None, words))[:_LONGEST_NAME], value, unit)


def _number(text: str) -> tuple[float, str] | None:
    if spoken := _SPOKEN.match(text):
        hours, rest, minutes, seconds = (int(part or 0) for part in spoken.groups())
        return 3600.0 * hours + 60.0 * (rest + minutes) + seconds, "s"
    if not (found := _FIGURE.match(text)):
        return None
    return float(found["number"].replace(",", "")), (found["unit"] or "").strip()
