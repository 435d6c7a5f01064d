"""The lock switch of a process: its environment variable ``CONSOLIDATION_LOCK``, ``on`` or absent, or ``off``."""

from __future__ import annotations

import logging
import os

from lib.errors import SourceUnavailable, Unavailable

logger = logging.getLogger(__name__)

VARIABLE = "CONSOLIDATION_LOCK"


def is_on(value: str | None) -> bool:
    """Whether that value of the variable means that the lock is taken.

    Raises:
        SourceUnavailable: It is neither ``on`` nor ``off``.
    """
    position = "on" if value is None else value.strip().casefold()
    if position not in ("on", "off"):
        raise SourceUnavailable(f"{VARIABLE}={value!r:.80} is neither on nor off")
    return position == "on"


def own_switch() -> bool:
    """Whether this process takes the lock, by its own variable; it does when that cannot be read."""
    try:
        return is_on(os.environ.get(VARIABLE))
    except Unavailable as problem:
        logger.warning("The lock switch cannot be read, so the lock is taken: %s", problem)
        return True
