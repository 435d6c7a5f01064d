"""``batch_state:``, where the coordinator records the progress of each batch."""

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
    """Where the batches' documents are. With neither place set, runbooks skip them.

    Attributes:
        collection: The Firestore collection, in the database of the locks; empty if unused.
        path: On the embedded platform, a file or folder in the state folder; empty if unused.
        stuck_after_minutes: A batch is stuck if it made no progress for this many minutes. A complete batch that was
            not consolidated within this time missed its consolidation.
    """

    __pydantic_config__ = STRICT

    collection: str = ""
    path: str = ""
    stuck_after_minutes: float = 30

    def __post_init__(self) -> None:
        if self.collection and not _COLLECTION.fullmatch(self.collection):
            raise UserError(f"batch_state.collection: {self.collection!r:.80} is not the name of a collection")
        if self.path and not _PATH.fullmatch(self.path):
            raise UserError(f"batch_state.path: {self.path!r:.80} is not the name of a file or folder in RUNBOOK_HOME")
        if not 0 < self.stuck_after_minutes <= _MOST_MINUTES:
            raise UserError(
                f"batch_state.stuck_after_minutes must be above 0 and at most {_MOST_MINUTES}, "
                f"got {self.stuck_after_minutes:g}"
            )

    @property
    def is_named(self) -> bool:
        """Whether a place is configured."""
        return bool(self.collection or self.path)

    def check_platform(self, platform: str) -> None:
        """Refuse a place that the platform does not support, because it would be silently ignored."""
        setting, right = ("path", "collection") if platform == "google" else ("collection", "path")
        if getattr(self, setting):
            raise UserError(f"batch_state.{setting} is not supported on platform {platform}; write batch_state.{right}")
