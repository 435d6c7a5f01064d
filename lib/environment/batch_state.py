"""``batch_state:``, where the coordinator records how far each batch is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lib.environment.strict import STRICT
from lib.errors import UserError

_COLLECTION = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,199}", re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}", re.ASCII)
_MOST_MINUTES = 7 * 24 * 60


@dataclass(frozen=True)
class BatchStateSettings:
    """Where the batches' documents are. Without either place, runbooks do not ask about them.

    Attributes:
        collection: The Firestore collection, in the database of the locks; empty: none.
        path: On the embedded platform, a file or folder of the state folder; empty: none.
        stuck_after_minutes: A batch is stuck when no part of it was done for so long, and a complete one that was not
            consolidated for so long missed its consolidation.
    """

    __pydantic_config__ = STRICT

    collection: str = ""
    path: str = ""
    stuck_after_minutes: float = 30

    def __post_init__(self) -> None:
        if self.collection and not _COLLECTION.fullmatch(self.collection):
            raise UserError(f"batch_state.collection: {self.collection!r:.80} is not the name of a collection")
        if self.path and not _PATH.fullmatch(self.path):
            raise UserError(f"batch_state.path: {self.path!r:.80} is not a name of a file or folder below RUNBOOK_HOME")
        if not 0 < self.stuck_after_minutes <= _MOST_MINUTES:
            raise UserError(
                f"batch_state.stuck_after_minutes must be above 0 and at most {_MOST_MINUTES}, "
                f"got {self.stuck_after_minutes:g}"
            )

    @property
    def is_named(self) -> bool:
        """Whether there is a place to ask."""
        return bool(self.collection or self.path)

    def check_platform(self, platform: str) -> None:
        """Refuse a place that the platform has not: it would be ignored in silence."""
        setting, right = ("path", "collection") if platform == "google" else ("collection", "path")
        if getattr(self, setting):
            raise UserError(
                f"batch_state.{setting}: platform {platform} keeps no such place; write batch_state.{right}"
            )
