"""Names that parameters of runbooks had before; schedules, commands and archived runs may still use them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

RENAMED: Mapping[str, str] = {"game_date": "date", "games": "units"}

_Value = TypeVar("_Value")


def current_names(parameters: Mapping[str, _Value]) -> dict[str, _Value]:
    """A record's parameters by the names that runbooks have now."""
    renamed = {name: RENAMED.get(name, name) for name in parameters}
    return {name if renamed[name] in parameters else renamed[name]: value for name, value in parameters.items()}
