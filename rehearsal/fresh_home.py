"""A fresh state folder for the demo; what is there is moved aside, never overwritten."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from lib.errors import UserError

_REPLACED = "replaced"
# All that the embedded platform keeps there. Anything else is someone else's, and stays.
_STATE = ("warehouse.duckdb*", "locks.sqlite*", "logs", "deployment.json")


def move_aside(home: Path) -> Path | None:
    """Move the embedded platform's state to ``<home>/replaced/<timestamp>/``.

    Call it before the platform is connected. To go back, move the files up again.

    Returns:
        Where the state is now; None when there was none.

    Raises:
        UserError: The folder can't be changed; what was moved is named.
    """
    try:
        state = sorted(path for pattern in _STATE for path in home.glob(pattern))
        if not state:
            return None
        aside = _new_folder(home / _REPLACED)
        for path in state:
            path.rename(aside / path.name)
    except OSError as error:
        raise UserError(f"the state in {home} cannot be moved aside: {error.strerror or error}") from error
    return aside


def _new_folder(parent: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    folder = parent / stamp
    folder.mkdir(parents=True)
    return folder
