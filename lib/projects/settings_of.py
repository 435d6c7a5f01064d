"""Decide a table's settings from a sample of its rows: given ones are checked, others guessed or asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lib.errors import UserError
from lib.projects.dates import DATE_TYPES
from lib.projects.guesses import (
    Guess,
    guess_active,
    guess_date,
    guess_key,
    guess_never_update,
    guess_newest_first,
    guess_row_id,
    measured_key,
)
from lib.projects.plan import Setting
from lib.projects.sample import Sample
from lib.words.choices import no_such

Columns = tuple[str, ...]
Choose = Callable[[str, Guess], Columns]
"""Takes a command option and the guess; returns the chosen columns."""


@dataclass(frozen=True)
class Deciding:
    """How each setting is decided.

    Attributes:
        sample: The rows that guesses are based on.
        given: Columns that the user gave, by option, such as ``--key``.
        choose: Called for the other options.
    """

    sample: Sample
    given: Mapping[str, Columns]
    choose: Choose

    def settings(self) -> list[Setting]:
        """Return every setting of the table except its name.

        Raises:
            UserError: A column does not exist, or is not suitable.
        """
        sample = self.sample
        date, date_reason = self._decided("--date", guess_date(sample))
        if len(date) != 1 or sample.empty(date[0]) or date[0] not in sample.of_type(*DATE_TYPES):
            raise UserError(
                f"--date: must be one DATE, TIMESTAMP or DATETIME column with a value in every row, got "
                f"{', '.join(date) or 'nothing'}"
            )
        newest, newest_reason = self._decided("--newest-first", guess_newest_first(sample, date[0]))
        active, active_reason = self._decided("--active", guess_active(sample))
        row_id = guess_row_id(sample)
        others = (*newest, *active, *row_id.columns)
        key, _ = self._decided("--key", guess_key(sample, date[0], others))
        if not key or len(active) > 1:
            raise UserError("--key: give at least one column" if not key else "--active: give at most one column")
        nullable = [name for name in key if sample.empty(name)]
        return [
            Setting("key_columns", list(key), measured_key(sample, date[0], key)),
            Setting("nullable_keys", nullable, "empty in some rows" if nullable else "every row has them"),
            Setting("date_column", date[0], date_reason),
            *self._date_type(date[0]),
            Setting("row_id_column", "".join(row_id.columns), row_id.evidence),
            Setting("newest_first", list(newest), newest_reason or "of two rows with the same key, the newer wins"),
            Setting("active_column", "".join(active), active_reason or "rows without it do not count"),
            Setting("never_update", list(guess_never_update(newest)), "when a row was first written"),
        ]

    def _date_type(self, date: str) -> list[Setting]:
        """Return the setting for a TIMESTAMP or DATETIME column; DATE is the default."""
        types = {column.name: column.type for column in self.sample.columns}
        because = {"TIMESTAMP": "a row's date is its day in `timezone`", "DATETIME": "a row's date is its own day"}
        return [Setting("date_type", type_, because[type_]) for type_ in [types[date]] if type_ in because]

    def _decided(self, option: str, guess: Guess) -> tuple[Columns, str]:
        """Return the columns, with the guess's evidence if they are the guessed ones."""
        columns = self.given[option] if option in self.given else self.choose(option, guess)
        known = [column.name for column in self.sample.columns]
        for name in columns:
            if name not in known:
                raise no_such(f"column for {option}", name, known)
        return columns, guess.evidence if columns == guess.columns else ""
