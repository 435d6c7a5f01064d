"""The figures of a run that can be followed over time, read from the evidence of its checks.

Evidence is text for people: a figure is what begins with a quantity, such as ``0.4 s (longest of
6)``, ``1,645 rows`` or ``PASS: 0 failures``. A date, an id or a sentence is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lib.verdict.check import Check
from lib.words.written import Reading, undated

# Of a reading's form. A share has no words of its own: 4% faster is not 4% slower.
_FIGURE = re.compile(
    r"(?:(?:PASS|WARN|UNKNOWN|FAIL): )?<number (?:%>|[^>%]*>(?P<words> [A-Za-z][A-Za-z ]{0,30})?)"
    r"(?=$|[,;:(]| \(| of <number )",
    re.ASCII,
)
# As they stand in the text: a form knows no plural.
_WORDS = re.compile(r"\d (?P<words>[A-Za-z][A-Za-z ]{0,30})", re.ASCII)
_LONGEST_TEXT = 200
_MOST_FIGURES = 40
_LONGEST_NAME = 80


class Figure(NamedTuple):
    """One number.

    Attributes:
        name: The check's and the label of its evidence, without the dates in them.
        value: In that unit.
        unit: ``s``, ``B``, ``%``, ``s a week``; else what is counted, as it was written: ``duplicate keys``.
            May be empty.
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
    for label, given in check.evidence.items():
        text = str(given)[:_LONGEST_TEXT]
        reading = Reading.of(text)
        form = _FIGURE.match(reading.form)
        # How old a log's last line is tells when the run looked.
        if form is None or label == "age" or not reading.quantities:
            continue
        quantity = reading.quantities[0]
        words = form["words"] or ""
        written = _WORDS.search(text) if words and not quantity.unit else None
        unit = written["words"].strip() if written else (quantity.unit + words).strip()
        name = ": ".join(filter(None, (undated(check.name), undated(label) or words.strip() or unit)))
        yield Figure(name[:_LONGEST_NAME], quantity.value, unit)
