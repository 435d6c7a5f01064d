"""The port to the store of plans that wait for a person's approval, with the approvals and their use.

It is next to the locks, so that requester and approver can reach it from any machine. Anyone who can
write locks can write entries, so a reader must check an entry's signature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

KEPT_DAYS = 7
"""How long an entry is kept at least: far longer than a plan is valid, so a used approval cannot be used again."""
MOST_ENTRIES = 100
"""The maximum number of entries read for a plan."""
PLAN = "plan"
"""The kind of an entry that describes the plan; it approves nothing."""
LONGEST_ENTRY = 20_000
"""The maximum length of an entry's text, in characters."""


@dataclass(frozen=True)
class Entry:
    """An entry about one plan.

    Attributes:
        plan: The plan's digest.
        kind: The kind of entry: letters, digits and underscores. A plan has at most one entry of each kind.
        text: Its content.
    """

    plan: str
    kind: str
    text: str


class ApprovalStore(Protocol):
    """Entries that are written once and never changed."""

    def add(self, entry: Entry) -> bool:
        """Write the entry; False, and no change, if the plan has an entry of its kind.

        Raises:
            LockOutcomeUnknown: It may have been written.
            LockServiceUnavailable: It was not written.
        """
        ...

    def entries(self, plan: str) -> list[Entry]:
        """Return all entries of a plan, ordered by kind. Raises `LockServiceUnavailable`."""
        ...
