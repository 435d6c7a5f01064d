"""What the daily check holds rows against: the content of ``params/quality.yaml``, with the reason of each there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lib.consolidation.identifiers import plain_identifier
from lib.consolidation.upkeep.column_rules import ColumnRule
from lib.errors import UserError
from lib.settings_file import load_settings


@dataclass(frozen=True)
class Limits:
    """How far a figure may be from the usual.

    Attributes:
        scatters: A change counts from so many times the usual scatter.
        steady: Dates are never taken to differ by less, however steady they were.
        warn: A change by less is not a change.
        fail: The same, for a FAIL.
    """

    __pydantic_config__ = {"extra": "forbid", "allow_inf_nan": False}  # noqa: RUF012

    scatters: float
    steady: float
    warn: float
    fail: float

    def __post_init__(self) -> None:
        if not (0 < self.steady <= self.warn <= self.fail and self.scatters > 0):
            raise UserError(f"limits must be above 0 and rise from steady to warn to fail, got {self}")


@dataclass(frozen=True)
class ValueRules:
    """How a system's values are compared with its recent dates.

    Attributes:
        fewest_dates: So few good dates are no history.
        fewest_rows: Fewer rows may be all the same by chance.
        bias: In the column's unit.
        share: Of 1.
        mean: In standard deviations of the column.
        spread: As a share of the usual standard deviation.
        predicted: The bias is this column
        line: less this one; empty, as the former: there is no bias.
        category: The column whose words are counted, those of its rule's `one_of`; empty: none.
        apart: Words that are shares of all rows; the others are shares of the rows without these.
    """

    __pydantic_config__ = {"extra": "forbid", "allow_inf_nan": False}  # noqa: RUF012

    fewest_dates: int
    fewest_rows: int
    bias: Limits
    share: Limits
    mean: Limits
    spread: Limits
    predicted: str = ""
    line: str = ""
    category: str = ""
    apart: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in filter(None, (self.predicted, self.line, self.category)):
            plain_identifier(name, "column name")


@dataclass(frozen=True)
class QualityRules:
    """The rules. Shares are of 1.

    Attributes:
        fewest_dates: So few earlier dates are no history.
        volume_warn_below: Rows for a game and system, as a share of the usual ones.
        volume_fail_below: The same, for a FAIL.
        usual_system_share: A system is usual that was there on this share of the dates since its first.
        thin_below: A game's rows of a system, as a share of the system's usual ones.
        null_share_rise: Of a column that may be empty.
        unseen_warn_above: Subjects without an active row.
        unseen_fail_above: The same, for a FAIL.
        most_lines: Active lines of one subject.
        usual_days_without_rows: Such a break before a date is usual.
        most_days_without_rows: After a longer break the table counts as frozen.
        written_at_most_hours_before: Hours between a date's rows and its start.
        columns: What the values must be like.
        values: How far from the usual a system's values may be.
        game_column: Names the game of a row; empty: dates are not counted by games.
        system_column: Names its prediction system; empty: each date is a whole.
    """

    __pydantic_config__ = {"extra": "forbid", "allow_inf_nan": False}  # noqa: RUF012

    fewest_dates: int
    volume_warn_below: float
    volume_fail_below: float
    usual_system_share: float
    thin_below: float
    null_share_rise: float
    unseen_warn_above: float
    unseen_fail_above: float
    most_lines: int
    usual_days_without_rows: int
    most_days_without_rows: int
    written_at_most_hours_before: float
    columns: tuple[ColumnRule, ...]
    values: ValueRules
    game_column: str = ""
    system_column: str = ""

    def __post_init__(self) -> None:
        for name in filter(None, (self.game_column, self.system_column)):
            plain_identifier(name, "column name")


@cache
def load_rules(path: Path) -> QualityRules:
    """The rules of the file.

    Raises:
        UserError: The file cannot be read, or does not fit.
    """
    rules: QualityRules = load_settings(path, QualityRules)
    return rules
