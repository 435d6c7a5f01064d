"""How long the records of consolidations and changes are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lib.errors import UserError

_LONGEST_DAYS = 36_500
# A staging table older than the ledger's oldest row may have been merged, so staging must be emptied sooner.
_SHORTEST_LEDGER_DAYS = 30


@dataclass(frozen=True)
class Retention:
    """Retention periods in days; None keeps records forever.

    If the warehouse has partitions, rows expire one day's partition at a time.

    Attributes:
        backups_days: Backup tables of repairs. After this a repair cannot be undone.
        ledger_days: Rows of the ledger and of the table of superseded rows. It must be longer than any staging table
            waits: a consolidation refuses an older table, because the run that merged it may have expired.
        actions_days: Audit entries of changes by people.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    backups_days: int | None = 90
    ledger_days: int | None = None
    actions_days: int | None = None

    def __post_init__(self) -> None:
        least = {"backups_days": 1, "ledger_days": _SHORTEST_LEDGER_DAYS, "actions_days": 1}
        for setting, fewest in least.items():
            days = getattr(self, setting)
            if days is not None and not fewest <= days <= _LONGEST_DAYS:
                raise UserError(
                    f"retention.{setting}: must be {fewest} to {_LONGEST_DAYS:,} days, or null for no limit, got {days}"
                )

    def backup_until(self, made_at: datetime) -> datetime | None:
        """Return until when a backup is kept; None means forever."""
        return made_at + timedelta(days=self.backups_days) if self.backups_days else None

    def remembers(self, moment: datetime, now: datetime) -> bool:
        """Return whether every consolidation since that time is still in the ledger."""
        # A row expires with its partition, which began up to a day before it.
        return self.ledger_days is None or moment > now - timedelta(days=self.ledger_days - 1)
