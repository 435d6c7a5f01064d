"""The figures of a run that can be followed over time: the numbers in the evidence of its checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lib.verdict.check import Check
from lib.words.dates import undated
from lib.words.quantities import Quantity, quantity_of

_MOST_FIGURES = 40
_LONGEST_NAME = 80
# How old a log's last line is depends on when the run looked.
_NOT_FOLLOWED = ("age",)


class Figure(NamedTuple):
    """One number.

    Attributes:
        key: The id of its check and the label of its evidence, without the dates in it: the same in every run.
        name: The same for people.
        value: In that unit.
        unit: ``s``, ``B``, ``%``; else what is counted, such as ``duplicate keys``. May be empty.
    """

    key: str
    name: str
    value: float
    unit: str

    @property
    def measures(self) -> str:
        """See `Quantity.measures`."""
        return Quantity(self.value, self.unit).measures


def figures_of(checks: Sequence[Check]) -> tuple[Figure, ...]:
    """The first 40 figures, in the order of the checks.

    Where a check has the same figure for several dates, the largest counts.
    """
    found: dict[str, Figure] = {}
    for check in checks:
        for figure in _of_check(check):
            known = found.get(figure.key)
            if known is None or figure.value > known.value:
                found[figure.key] = figure
    return tuple(found.values())[:_MOST_FIGURES]


def _of_check(check: Check) -> Iterator[Figure]:
    for label, value in check.evidence.items():
        quantity = quantity_of(value)
        if quantity is not None and label not in _NOT_FOLLOWED:
            words = undated(label) or quantity.unit
            key, name = (": ".join(filter(None, (of, words)))[:_LONGEST_NAME] for of in (check.id, undated(check.name)))
            yield Figure(key, name, quantity.value, quantity.unit)
