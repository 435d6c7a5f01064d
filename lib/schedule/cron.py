"""Cron expressions in a time zone, interpreted as Debian's cron does.

Five fields; Sunday is 0. When daylight saving changes, a fixed hour that is skipped runs at the change, and one
that occurs twice runs once; ``*`` in the hour or the minute follows real time.
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
    """Planned times.

    Attributes:
        expression: Minute, hour, day of the month, month, day of the week.
        timezone: Its time zone.

    Raises:
        UserError: The expression is invalid or never due, or the zone is unknown.
    """

    expression: str
    timezone: str

    def __post_init__(self) -> None:
        now = datetime.now(zone(self.timezone))
        # CronSim also accepts six fields, with seconds first.
        if len(self.expression.split()) != 5:
            raise UserError(f"{self.expression!r:.80} is not a cron expression: give five fields, such as 0 9 * * 1-5")
        try:
            next(CronSim(self.expression, now))
        except CronSimError as error:
            raise UserError(f"{self.expression!r:.80} is not a cron expression: {error}") from error
        except StopIteration:
            raise UserError(f"{self.expression!r:.80} is never due: no such day exists") from None

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the planned times (UTC) after a time, in order."""
        return self._moments(CronSim(self.expression, moment.astimezone(zone(self.timezone))))

    def until(self, moment: datetime) -> Iterator[datetime]:
        """Yield the planned times (UTC) up to and including a time, newest first."""
        # In reverse, CronSim excludes the start itself.
        start = (moment + timedelta(microseconds=1)).astimezone(zone(self.timezone))
        return self._moments(CronSim(self.expression, start, reverse=True))

    def _moments(self, found: Iterator[datetime]) -> Iterator[datetime]:
        return (moment.astimezone(UTC) for moment in found)
