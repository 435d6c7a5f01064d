"""How numbers and words are spread over the rows of a date and source: its GoogleSQL and its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lib.consolidation.key import quoted
from lib.consolidation.upkeep.column_rules import Measure

# Beyond it a number, an infinity or a NaN is not a value; that it is there is what `unfit` counts.
_LARGEST = "1e15"
_PARTS = ("count", "mean", "spread", "distinct")


@dataclass(frozen=True)
class Figures:
    """The numbers of some rows.

    Attributes:
        count: How many there are.
        mean: Of all.
        spread: Their standard deviation.
        distinct: How many different ones.
    """

    count: int
    mean: float
    spread: float
    distinct: int


def number(column: str) -> str:
    """GoogleSQL for the number in a column of the row T."""
    return f"CAST(T.{quoted(column)} AS FLOAT64)"


def figures_of(name: str, value: str, counted: str) -> Iterator[Measure]:
    """What `figures` reads; `value` and `counted` are GoogleSQL for the number and for the rows that count."""
    valid = f"IF({counted} AND ABS({value}) < {_LARGEST}, {value}, NULL)"
    aggregates = (f"COUNT({valid})", f"AVG({valid})", f"STDDEV_POP({valid})", f"COUNT(DISTINCT {valid})")
    for part, aggregate in zip(_PARTS, aggregates, strict=True):
        yield Measure(f"{name}__{part}", aggregate, {})


def figures(measured: Mapping[str, float | None], name: str) -> Figures | None:
    """The figures of that name; None: there are no numbers, or they were not asked for."""
    count, mean, spread, distinct = (measured.get(f"{name}__{part}") for part in _PARTS)
    if not count or mean is None:
        return None
    # Equal numbers may differ from their mean by its last digit.
    return Figures(int(count), mean, spread if spread and distinct != 1 else 0.0, int(distinct or 0))


def word_counts_of(column: str, words: Sequence[str], counted: str) -> Iterator[Measure]:
    """What `word_counts` reads; the words are bound."""
    for place, word in enumerate(words):
        name = f"{column}__word_{place}"
        yield Measure(name, f"COUNTIF({counted} AND T.{quoted(column)} = @{name})", {name: word})


def word_counts(measured: Mapping[str, float | None], column: str, words: Sequence[str]) -> dict[str, int]:
    """How many rows say each of the words."""
    return {word: int(measured[f"{column}__word_{place}"] or 0) for place, word in enumerate(words)}
