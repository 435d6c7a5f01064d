"""Cron expressions in a time zone, as Debian's cron reads them.

Five fields, Sunday is 0. When daylight saving changes, a fixed hour that is left out runs at the change
and one that comes twice runs once; ``*`` in the hour or the minute goes by real time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

from lib.errors import UserError
from lib.words.dates import zone


@dataclass(frozen=True)
class Cron:
    """Moments at which something is to happen.

    Attributes:
        expression: Minute, hour, day of the month, month, day of the week.
        timezone: Whose clocks.

    Raises:
        UserError: The expression is not valid, never comes due, or the zone is not known.
    """

    expression: str
    timezone: str

    def __post_init__(self) -> None:
        now = datetime.now(zone(self.timezone))
        # CronSim also takes six, the first of them seconds.
        if len(self.expression.split()) != 5:
            raise UserError(f"{self.expression!r:.80} is not a cron expression: write five fields, such as 0 9 * * 1-5")
        try:
            next(CronSim(self.expression, now))
        except CronSimError as error:
            raise UserError(f"{self.expression!r:.80} is not a cron expression: {error}") from error
        except StopIteration:
            raise UserError(f"{self.expression!r:.80} names a day that never comes") from None

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The moments (UTC) after that one, each later than the one before."""
        return self._moments(CronSim(self.expression, moment.astimezone(zone(self.timezone))))

    def until(self, moment: datetime) -> Iterator[datetime]:
        """The moments (UTC) up to that one, itself included, each earlier than the one before."""
        # Going back, a full second does not count as reached.
        start = (moment + timedelta(microseconds=1)).astimezone(zone(self.timezone))
        return self._moments(CronSim(self.expression, start, reverse=True))

    def _moments(self, found: Iterator[datetime]) -> Iterator[datetime]:
        return (moment.astimezone(UTC) for moment in found)
