"""A change whose answer was lost may have been made all the same; what is there now tells."""

from __future__ import annotations

from collections.abc import Callable

from lib.errors import SourceUnavailable


def ensure_made(change: Callable[[], None], is_made: Callable[[], bool]) -> None:
    """Make the change.

    Raises:
        ChangedMeanwhile: It was refused; nothing was changed.
        SourceUnavailable: It failed and was not made, or that cannot be seen.
    """
    try:
        change()
    except SourceUnavailable:
        if not is_made():
            raise
