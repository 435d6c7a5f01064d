"""The parameters of a firing: what is said about ``today`` is said about the day it was planned for."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from lib.environment import load_environment
from lib.runbooks.catalogue import Runbook
from lib.runbooks.parameter_types import DATE_WORDS
from lib.words.dates import resolve_game_date

if TYPE_CHECKING:
    from lib.schedule.settings import Entry


def planned_values(entry: Entry, runbook: Runbook, planned_at: datetime) -> dict[str, Any]:
    """The entry's parameters as they are for that planned time, each date a date.

    Defaults that are ``today`` or ``yesterday`` are among them, so that the run's record tells
    which date it asked about. The day is that of the environment, or of the run's own time zone
    where the runbook has a parameter for it.

    Args:
        entry: Which.
        runbook: Its runbook.
        planned_at: The moment (UTC).
    """
    timezone = entry.parameters.get("timezone") or load_environment(entry.environment).timezone
    words = {
        parameter.name: given
        for parameter in runbook.parameters
        if parameter.type.is_date and (given := entry.parameters.get(parameter.name, parameter.default)) in DATE_WORDS
    }
    dates = {name: resolve_game_date(word, timezone, now=planned_at).isoformat() for name, word in words.items()}
    return {**entry.parameters, **dates}
