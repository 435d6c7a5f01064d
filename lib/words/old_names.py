"""Former names of runbook parameters, which schedules, commands and archived runs may still use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

RENAMED: Mapping[str, str] = {"game_date": "date", "games": "units"}

_Value = TypeVar("_Value")


def current_names(parameters: Mapping[str, _Value]) -> dict[str, _Value]:
    """Return a record's parameters by their current names."""
    renamed = {name: RENAMED.get(name, name) for name in parameters}
    return {name if renamed[name] in parameters else renamed[name]: value for name, value in parameters.items()}
