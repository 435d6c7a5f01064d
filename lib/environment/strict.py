"""How each section of an environment's file is checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lib.errors import UserError

# An unknown setting is refused, because a mistyped one would be silently ignored.
STRICT = {"extra": "forbid", "allow_inf_nan": False}
# These are values of another table's column, so any type is valid.
_ANY_VALUES = "due.table.where"


def refuse_truth_values(path: Path, settings: Any, place: str = "") -> None:
    """Refuse true and false in settings, which pydantic would accept as the numbers 1 and 0.

    Args:
        path: The file, for error messages.
        settings: The settings, already checked.
        place: The setting that contains them; empty for the whole file.

    Raises:
        UserError: A setting is true or false, which is never valid; names it.
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
