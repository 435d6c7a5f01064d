"""The lock switch of a process: its environment variable ``CONSOLIDATION_LOCK``, ``on`` (the default) or ``off``."""

from __future__ import annotations

import logging
import os

from lib.errors import SourceUnavailable, Unavailable

logger = logging.getLogger(__name__)

VARIABLE = "CONSOLIDATION_LOCK"


def is_on(value: str | None) -> bool:
    """Return whether the lock is taken at this value of the variable; None means it is not set.

    Raises:
        SourceUnavailable: The value is neither ``on`` nor ``off``.
    """
    position = "on" if value is None else value.strip().casefold()
    if position not in ("on", "off"):
        raise SourceUnavailable(f"{VARIABLE}={value!r:.80} is neither on nor off")
    return position == "on"


def own_switch() -> bool:
    """Return whether this process's own variable says to take the lock; True if it cannot be read."""
    try:
        return is_on(os.environ.get(VARIABLE))
    except Unavailable as problem:
        logger.warning("The lock switch cannot be read, so the lock is taken: %s", problem)
        return True
