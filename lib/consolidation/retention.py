"""How long is kept what consolidations and changes leave behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lib.errors import UserError

_LONGEST_DAYS = 36_500
# A staging table that is older than the ledger's memory could have been merged: staging has to be emptied before.
_SHORTEST_LEDGER_DAYS = 30


@dataclass(frozen=True)
class Retention:
    """Days; None: for ever.

    Rows expire a day's partition at a time, where the warehouse has partitions.

    Attributes:
        backups_days: The backup table of a repair. Afterwards the repair cannot be undone.
        ledger_days: Rows of the ledger, and of the table of superseded rows. It must be longer than any staging table
            waits: a consolidation refuses one that is older, since a run that merged it may be forgotten.
        actions_days: What people changed.
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
                    f"retention.{setting}: must be {fewest} to {_LONGEST_DAYS:,} days, or null for ever, got {days}"
                )

    def backup_until(self, made_at: datetime) -> datetime | None:
        """Until when a backup is kept; None: for ever."""
        return made_at + timedelta(days=self.backups_days) if self.backups_days else None

    def remembers(self, moment: datetime, now: datetime) -> bool:
        """Whether each consolidation since that moment is still in the ledger."""
        # A row expires with its partition, which began up to a day before it.
        return self.ledger_days is None or moment > now - timedelta(days=self.ledger_days - 1)
