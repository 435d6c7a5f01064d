"""What a run changed: one line of the audit page, and the command that undoes it.

A step that changes something displays it at once, under `MEDIA_TYPE`, so that the record of a run
has it even if a later step fails.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lib.words.brief import brief

MEDIA_TYPE = "application/vnd.consolidation-runbooks.change+json"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change.

    Attributes:
        action: What kind, such as ``repair``.
        target: What was changed, such as a date or a lock.
        what: What was done, in a few words with the figure: ``24 rows removed``.
        actor: Who, as the platform knows them, with the person who approved it.
        reason: Why, in their words.
        undo: The command that shows the plan of the undo, and changes nothing; empty: there is none.
        note: Why it cannot be undone, or how else it is undone; may be empty.
        is_certain: Whether it is known to have been made: False when it was broken off.
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
        """The payload stored under `MEDIA_TYPE`, which a step displays as a list."""
        return asdict(self)
