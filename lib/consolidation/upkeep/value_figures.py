"""The distribution of numbers and words in the rows of a date and source: the GoogleSQL and its results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lib.consolidation.key import quoted
from lib.consolidation.upkeep.column_rules import Measure

# Larger numbers, infinities and NaN are left out here; `unfit` counts them.
_LARGEST = "1e15"
_PARTS = ("count", "mean", "spread", "distinct")


@dataclass(frozen=True)
class Figures:
    """Statistics of the numbers in some rows.

    Attributes:
        count: How many there are.
        mean: Their mean.
        spread: Their standard deviation.
        distinct: How many distinct ones.
    """

    count: int
    mean: float
    spread: float
    distinct: int


def number(column: str) -> str:
    """Return GoogleSQL for the number in a column of the row T."""
    return f"CAST(T.{quoted(column)} AS FLOAT64)"


def figures_of(name: str, value: str, counted: str) -> Iterator[Measure]:
    """Yield the measures for `figures`; `value` and `counted` are GoogleSQL for the number and the rows that count.

    Args:
        name: The figures' name.
        value: GoogleSQL for the number.
        counted: GoogleSQL for whether a row counts.
    """
    valid = f"IF({counted} AND ABS({value}) < {_LARGEST}, {value}, NULL)"
    aggregates = (f"COUNT({valid})", f"AVG({valid})", f"STDDEV_POP({valid})", f"COUNT(DISTINCT {valid})")
    for part, aggregate in zip(_PARTS, aggregates, strict=True):
        yield Measure(f"{name}__{part}", aggregate, {})


def figures(measured: Mapping[str, float | None], name: str) -> Figures | None:
    """Return the figures of that name; None if there are no numbers, or they were not measured."""
    count, mean, spread, distinct = (measured.get(f"{name}__{part}") for part in _PARTS)
    if not count or mean is None:
        return None
    # Equal numbers may differ from their mean by its last digit.
    return Figures(int(count), mean, spread if spread and distinct != 1 else 0.0, int(distinct or 0))


def word_counts_of(column: str, words: Sequence[str], counted: str) -> Iterator[Measure]:
    """Yield the measures for `word_counts`; the words are bound.

    Args:
        column: The column.
        words: The words.
        counted: GoogleSQL for whether a row counts.
    """
    for place, word in enumerate(words):
        name = f"{column}__word_{place}"
        yield Measure(name, f"COUNTIF({counted} AND T.{quoted(column)} = @{name})", {name: word})


def word_counts(measured: Mapping[str, float | None], column: str, words: Sequence[str]) -> dict[str, int]:
    """Return how many rows have each of the words.

    Args:
        measured: The measured values by name.
        column: The column.
        words: The words.
    """
    return {word: int(measured[f"{column}__word_{place}"] or 0) for place, word in enumerate(words)}
