"""The port to where plans that wait for a person are kept, with their approvals and the use of these.

Beside the locks, where the one who asks and the one who approves both reach them, from whatever machine.
Whoever may write locks may write entries: a reader judges what an entry says by its signature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

KEPT_DAYS = 7
"""An entry is kept at least so long: far longer than a plan holds, so an approval that was used stays used."""
MOST_ENTRIES = 100
"""So many entries of a plan are read at most."""
PLAN = "plan"
"""The kind of an entry that says what a plan is of: it approves nothing."""
LONGEST_ENTRY = 20_000
"""Characters of an entry's text."""


@dataclass(frozen=True)
class Entry:
    """Something about one plan.

    Attributes:
        plan: The plan's digest.
        kind: What it is, in letters, digits and underscores; a plan has one entry of a kind.
        text: Its content.
    """

    plan: str
    kind: str
    text: str


class ApprovalStore(Protocol):
    """Entries that are written once and never changed."""

    def add(self, entry: Entry) -> bool:
        """Write it unless the plan has an entry of its kind. False: it has one, which stays as it is.

        Raises:
            LockOutcomeUnknown: It may have been written.
            LockServiceUnavailable: It was not written.
        """
        ...

    def entries(self, plan: str) -> list[Entry]:
        """All that there is of a plan, by kind. Raises `LockServiceUnavailable`."""
        ...
