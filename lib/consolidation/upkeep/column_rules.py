"""What a column's values must be like, and the GoogleSQL that counts those that are not.

Values are bound and names checked; a rule that does not fit the column's type is reported,
never tried.
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
    """What is known of the values of one column. NULL is judged by `required` alone.

    Attributes:
        column: Its name.
        required: Whether each row needs a value.
        lowest: The least value that makes sense; with `highest`.
        highest: The greatest one.
        step: All values are multiples of it.
        one_of: All values that there are.
        scales: Greatest values of the scales that the column is written in, such as 1 and
            100: the rows of a date have one scale, that of the dates before it.
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
        """Whether values of that type can be held against it."""
        return (not self.is_of_numbers or column.type in NUMBERS) and (not self.one_of or column.type == "STRING")

    def scale_of(self, greatest: float) -> float | None:
        """The smallest scale that holds the value; None: none does."""
        return min((scale for scale in self.scales if greatest <= scale), default=None)


@dataclass(frozen=True)
class DirectionRule:
    """A column whose words say how two numbers of the same row stand to each other.

    Attributes:
        column: Its name.
        value: The column of the first number.
        than: That of the second one.
        above: Words for a first number that is the greater.
        below: Words for one that is the less.
        without: Words for rows without a second number; a row with any of the others has one.
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
        """Whether the table has these columns, with the types that they need."""
        types = {name: found.type for name in (self.column, self.value, self.than) if (found := columns.get(name))}
        return types.get(self.column) == "STRING" and {types.get(self.value), types.get(self.than)} <= NUMBERS


@dataclass(frozen=True)
class Measure:
    """Something to know of a date's rows.

    Attributes:
        name: Under which the figure is found.
        sql: A GoogleSQL aggregate over the rows of the date, T.
        parameters: Bound in it.
    """

    name: str
    sql: str
    parameters: dict[str, Value]


def nulls(column: str) -> str:
    """Name of the measure that counts the rows without a value."""
    return f"{column}__nulls"


def unfit(column: str) -> str:
    """Name of the measure that counts the values that the column's rule forbids."""
    return f"{column}__unfit"


def greatest(column: str) -> str:
    """Name of the measure that is the greatest value."""
    return f"{column}__greatest"


def measures_of(rule: ColumnRule, counted: str) -> Iterator[Measure]:
    """All that is to be known of a column whose type the rule fits; `counted` is GoogleSQL for the rows that count."""
    value = f"T.{quoted(rule.column)}"
    yield Measure(nulls(rule.column), f"COUNTIF({counted} AND {value} IS NULL)", {})
    if conditions := _conditions(rule, value):
        fits = " AND ".join(sql for _, sql in conditions.values())
        bound = {name: found for name, (found, _) in conditions.items()}
        yield Measure(unfit(rule.column), f"COUNTIF({counted} AND NOT ({fits}))", bound)
    if rule.scales:
        yield Measure(greatest(rule.column), f"MAX(IF({counted}, CAST({value} AS FLOAT64), NULL))", {})


def _conditions(rule: ColumnRule, value: str) -> dict[str, tuple[Value, str]]:
    """By the name of its parameter what each part of the rule compares with, and how."""
    # Said as what fits: a NaN does not, neither here nor in a warehouse that sorts it last.
    parts: dict[str, tuple[Value | None, str]] = {
        "lowest": (rule.lowest, f"{value} >= @{rule.column}__lowest"),
        "highest": (rule.highest, f"{value} <= @{rule.column}__highest"),
        "step": (rule.step, f"{value} / @{rule.column}__step = ROUND({value} / @{rule.column}__step)"),
        "one_of": (list(rule.one_of) or None, f"{value} IN UNNEST(@{rule.column}__one_of)"),
    }
    return {f"{rule.column}__{part}": (bound, sql) for part, (bound, sql) in parts.items() if bound is not None}


def contradictions(column: str) -> str:
    """Name of the measure that counts the rows whose numbers contradict the word in that column."""
    return f"{column}__contradicts"


def contradictions_of(rule: DirectionRule, counted: str) -> Measure:
    """The rows whose word and numbers contradict each other; the words are bound."""
    word, value, than = (f"T.{quoted(name)}" for name in (rule.column, rule.value, rule.than))
    words = {"above": rule.above, "below": rule.below, "without": rule.without}
    bound = {f"{rule.column}__{name}": list(said) for name, said in words.items()}
    above, below, without = (f"{word} IN UNNEST(@{name})" for name in bound)
    wrong = (
        f"({without} AND {than} IS NOT NULL) OR (({above} OR {below}) AND {than} IS NULL) "
        f"OR ({above} AND {value} < {than}) OR ({below} AND {value} > {than})"
    )
    return Measure(contradictions(rule.column), f"COUNTIF({counted} AND ({wrong}))", {**bound})
