"""Rules for a column's values, and the GoogleSQL that counts violations.

Values are bound and names checked; a rule that does not match the column's type is reported
and not applied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lib.consolidation.identifiers import plain_identifier
from lib.consolidation.key import quoted
from lib.consolidation.schema import NUMBERS
from lib.consolidation.warehouse import Column, Value
from lib.words.brief import brief


@dataclass(frozen=True)
class ColumnRule:
    """A rule for the values of one column. Only `required` applies to NULL.

    Attributes:
        column: The column's name.
        required: Whether each row needs a value.
        lowest: The lowest plausible value.
        highest: The highest plausible value.
        step: All values are multiples of it.
        one_of: The complete list of values.
        scales: The greatest value of each scale that the column may be written in, such as 1
            and 100. All rows of a date have one scale, the same as on the dates before.
    """

    __pydantic_config__ = {"extra": "forbid", "allow_inf_nan": False}  # noqa: RUF012

    column: str
    required: bool = False
    lowest: float | None = None
    highest: float | None = None
    step: float | None = None
    one_of: tuple[str, ...] = ()
    scales: tuple[float, ...] = ()

    __repr__ = brief()

    def __post_init__(self) -> None:
        plain_identifier(self.column, "column name")

    @property
    def is_of_numbers(self) -> bool:
        return bool(self.scales) or self.highest is not None or self.lowest is not None or self.step is not None

    def fits_type(self, column: Column) -> bool:
        """Return whether the rule applies to values of the column's type."""
        return (not self.is_of_numbers or column.type in NUMBERS) and (not self.one_of or column.type == "STRING")

    def scale_of(self, greatest: float) -> float | None:
        """Return the smallest scale that includes the value; None if there is none."""
        return min((scale for scale in self.scales if greatest <= scale), default=None)


@dataclass(frozen=True)
class DirectionRule:
    """A rule for a column whose words describe how two numbers of the row compare.

    Attributes:
        column: The column's name.
        value: The column of the first number.
        than: The column of the second number.
        above: Words that mean that the first number is greater.
        below: Words that mean that the first number is less.
        without: Words for rows without a second number; the other words require one.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    column: str
    value: str
    than: str
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    __repr__ = brief()

    def __post_init__(self) -> None:
        for name in (self.column, self.value, self.than):
            plain_identifier(name, "column name")

    def fits(self, columns: Mapping[str, Column]) -> bool:
        """Return whether the table has these columns, with the required types."""
        types = {name: found.type for name in (self.column, self.value, self.than) if (found := columns.get(name))}
        return types.get(self.column) == "STRING" and {types.get(self.value), types.get(self.than)} <= NUMBERS


@dataclass(frozen=True)
class Measure:
    """A figure to compute from a date's rows.

    Attributes:
        name: The figure's name.
        sql: A GoogleSQL aggregate over the rows of the date, T.
        parameters: The parameters of `sql`.
    """

    name: str
    sql: str
    parameters: dict[str, Value]


def nulls(column: str) -> str:
    """Return the name of the measure that counts the rows without a value."""
    return f"{column}__nulls"


def unfit(column: str) -> str:
    """Return the name of the measure that counts the values that violate the column's rule."""
    return f"{column}__unfit"


def greatest(column: str) -> str:
    """Return the name of the measure for the greatest value."""
    return f"{column}__greatest"


def measures_of(rule: ColumnRule, counted: str) -> Iterator[Measure]:
    """Yield the measures of a rule that matches the column's type; `counted` is a condition for the rows that count."""
    value = f"T.{quoted(rule.column)}"
    yield Measure(nulls(rule.column), f"COUNTIF({counted} AND {value} IS NULL)", {})
    if conditions := _conditions(rule, value):
        fits = " AND ".join(sql for _, sql in conditions.values())
        bound = {name: found for name, (found, _) in conditions.items()}
        yield Measure(unfit(rule.column), f"COUNTIF({counted} AND NOT ({fits}))", bound)
    if rule.scales:
        yield Measure(greatest(rule.column), f"MAX(IF({counted}, CAST({value} AS FLOAT64), NULL))", {})


def _conditions(rule: ColumnRule, value: str) -> dict[str, tuple[Value, str]]:
    """Return the value and the condition of each part of the rule, by parameter name."""
    # Conditions state what is valid, so that NaN is invalid, even in a warehouse that sorts it last.
    parts: dict[str, tuple[Value | None, str]] = {
        "lowest": (rule.lowest, f"{value} >= @{rule.column}__lowest"),
        "highest": (rule.highest, f"{value} <= @{rule.column}__highest"),
        "step": (rule.step, f"{value} / @{rule.column}__step = ROUND({value} / @{rule.column}__step)"),
        "one_of": (list(rule.one_of) or None, f"{value} IN UNNEST(@{rule.column}__one_of)"),
    }
    return {f"{rule.column}__{part}": (bound, sql) for part, (bound, sql) in parts.items() if bound is not None}


def contradictions(column: str) -> str:
    """Return the name of the measure that counts the rows whose numbers contradict the word in the column."""
    return f"{column}__contradicts"


def contradictions_of(rule: DirectionRule, counted: str) -> Measure:
    """Return the measure that counts rows whose word and numbers contradict each other; the words are bound."""
    word, value, than = (f"T.{quoted(name)}" for name in (rule.column, rule.value, rule.than))
    words = {"above": rule.above, "below": rule.below, "without": rule.without}
    bound = {f"{rule.column}__{name}": list(given) for name, given in words.items()}
    above, below, without = (f"{word} IN UNNEST(@{name})" for name in bound)
    wrong = (
        f"({without} AND {than} IS NOT NULL) OR (({above} OR {below}) AND {than} IS NULL) "
        f"OR ({above} AND {value} < {than}) OR ({below} AND {value} > {than})"
    )
    return Measure(contradictions(rule.column), f"COUNTIF({counted} AND ({wrong}))", {**bound})
