"""A change that a run made: one line of the audit page, and the command that undoes it.

A step displays each change immediately, under `MEDIA_TYPE`, so that the record of the run has it even if a later step
fails.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lib.words.brief import brief

MEDIA_TYPE = "application/vnd.consolidation-runbooks.change+json"


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change.

    Attributes:
        action: Its kind, such as ``repair``.
        target: What was changed, such as a date or a lock.
        what: What was done, with the figure: ``24 rows removed``.
        actor: Who did it, as the platform knows them, and who approved it.
        reason: Why, in their words.
        undo: The command that shows the plan of the undo and changes nothing; empty if it has no undo.
        note: Why it cannot be undone, or how else it can be; may be empty.
        is_certain: Whether it is known to have been made; False if it was interrupted.
    """

    action: str
    target: str
    what: str
    actor: str = ""
    reason: str = ""
    undo: str = ""
    note: str = ""
    is_certain: bool = True

    __repr__ = brief("action", "target", "what")

    def as_data(self) -> dict[str, Any]:
        """Return the payload stored under `MEDIA_TYPE`; a step displays a list of them."""
        return asdict(self)
