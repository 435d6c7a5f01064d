"""How each section of an environment's file is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lib.errors import UserError

# An unknown setting is refused: a mistyped one would be ignored in silence.
STRICT = {"extra": "forbid", "allow_inf_nan": False}
# Values of a column of another table, of whatever type.
_ANY_VALUES = "due.table.where"


def refuse_truth_values(path: Path, settings: Any, place: str = "") -> None:
    """Refuse settings that were fit to be read, and in which yes or no would be taken for the numbers 1 and 0.

    Raises:
        UserError: One is true or false, which no setting is; names it.
    """
    if isinstance(settings, bool):
        raise UserError(f"{path}: {place}: must be a number, got true or false")
    items = (
        settings.items() if isinstance(settings, dict) else enumerate(settings if isinstance(settings, list) else ())
    )
    for name, value in items:
        below = f"{place}.{name}" if place else str(name)
        if below != _ANY_VALUES:
            refuse_truth_values(path, value, below)
