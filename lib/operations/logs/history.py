"""What the services logged in a period, read once for all steps."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from lib.errors import Unavailable
from lib.operations.due.dates import DueDates
from lib.operations.due.period import Expected, expected_in
from lib.operations.logs.dialects import Dialects, load_dialects
from lib.operations.logs.events import Event, EventKind
from lib.operations.logs.joining import build_timeline
from lib.operations.logs.lines import ERROR_WORDS, is_error, is_lock_service_error, without_copies
from lib.operations.logs.timeline import Consolidation, Progress
from lib.operations.logs.unread import SUBJECT_WORDS, unread_lines
from lib.platform import Platform
from lib.ports.logs import LogEntry
from lib.verdict.section import Table
from lib.words.brief import brief
from lib.words.dates import date_in, local_time, zone
from lib.words.nouns import plural
from lib.words.quantities import spoken_seconds
from lib.words.text import text_of

_LOCK_SERVICE_WORDS = (
    "RESOURCE_EXHAUSTED",
    "PERMISSION_DENIED",
    "PermissionDenied",
    "ResourceExhausted",
    "Quota exceeded",
    "insufficient permissions",
)
# Cloud Logging's default retention: https://cloud.google.com/logging/quotas#logs_retention_periods
LOGS_ARE_KEPT = timedelta(days=30)
_CLOCKS_DIFFER_BY = timedelta(minutes=5)


class LogHistory:
    """The consolidations, events and errors of a period.

    Args:
        platform: The platform whose services logged.
        since: Start of the period (UTC).
        until: End of the period (UTC), exclusive; what was running then may still be running.
        due: Which dates should have rows; None: not known.
    """

    __repr__ = brief("since", "until")

    def __init__(self, platform: Platform, since: datetime, until: datetime, due: DueDates | None = None) -> None:
        self.platform = platform
        self.since = since
        self.until = until
        self._due = due
        self._newest: dict[str, datetime | None] = {}

    @cached_property
    def dialects(self) -> Dialects:
        """The environment's dialects. Raises `UserError` if a dialect file is wrong."""
        return load_dialects(self.platform.environment.dialects)

    @cached_property
    def _read(self) -> list[LogEntry] | Unavailable:
        """The lines, or why they could not be read: each step would wait for a timeout again otherwise."""
        unit = self.platform.environment.unit
        try:
            found = self.platform.logs.entries(
                self.platform.environment.services.both,
                since=self.since,
                until=self.until,
                containing=(
                    *self.dialects.anchors,
                    *ERROR_WORDS,
                    *_LOCK_SERVICE_WORDS,
                    *nothing_due(unit),
                    *SUBJECT_WORDS,
                ),
                or_errors=True,
            )
            return list(without_copies(found, self.dialects))
        except Unavailable as error:
            return error

    @property
    def entries(self) -> list[LogEntry]:
        """The relevant lines, each warning once. Raises `SourceUnavailable`."""
        if isinstance(self._read, Unavailable):
            raise self._read
        return self._read

    def newest(self, service: str) -> datetime | None:
        """Return when the service last logged anything; None: not within the retention. Raises `SourceUnavailable`."""
        if service not in self._newest:
            since = min(self.since, self.until - LOGS_ARE_KEPT)
            self._newest[service] = self.platform.logs.newest(service, since=since)
        return self._newest[service]

    def is_in_future(self, moment: datetime) -> bool:
        """Whether a line with this time is unusable: no clock is that far ahead."""
        return moment > max(self.until, datetime.now(UTC)) + _CLOCKS_DIFFER_BY

    @cached_property
    def events(self) -> list[Event]:
        return [event for entry in self.entries if (event := self.dialects.event(entry))]

    @cached_property
    def consolidations(self) -> list[Consolidation]:
        """All of them by their start, including waiting and failed ones."""
        return build_timeline(self.events)

    @cached_property
    def unread(self) -> list[LogEntry]:
        """Lines about the lock, a MERGE or staging that no dialect recognises."""
        return unread_lines(self)

    @property
    def merges(self) -> list[Consolidation]:
        """Those that started a MERGE."""
        return [run for run in self.consolidations if run.has_merge]

    @property
    def errors(self) -> list[LogEntry]:
        return [entry for entry in self.entries if is_error(entry, self.dialects)]

    @property
    def lock_service_errors(self) -> list[LogEntry]:
        return [entry for entry in self.entries if is_lock_service_error(entry, self.dialects)]

    @cached_property
    def expected(self) -> Expected:
        """Whether the environment's `due` leaves anything to consolidate."""
        timezone = self.platform.environment.timezone
        return expected_in(self._due, timezone, self.since, self.until) if self._due else Expected()

    @cached_property
    def off_day(self) -> str:
        """Why there was nothing to consolidate; empty: there may have been something.

        Taken from the environment's `due`; without one, from the coordinator's own log lines. That nothing was
        started proves nothing: it looks the same when the scheduler is down.
        """
        has_services = self.platform.environment.services.is_named
        if has_services and self.consolidations:
            return ""
        has_source = self._due is not None and self._due.settings is not None
        if has_source or not has_services:
            return self.expected.quiet
        return self.no_games_on(None)

    def no_games_on(self, day: date | None) -> str:
        """Return the coordinator's last line that nothing was due, on that date or any; empty: there is none.

        A line is about the date that it names, or else about the date on which it was written.
        """
        environment = self.platform.environment
        coordinator, unit = environment.services.coordinator, environment.unit
        lines = [entry for entry in self.entries if entry.service == coordinator and says_nothing_due(entry, unit)]
        if day is not None:
            local = zone(environment.timezone)
            lines = [one for one in lines if (date_in(one.message) or one.timestamp.astimezone(local).date()) == day]
        return f"{coordinator} logged: {text_of(lines[-1].message[:120])}" if lines else ""

    def count(self, kind: EventKind) -> int:
        """Return how often it happened; a failure that several lines report counts once."""
        if kind is EventKind.ACQUISITION_FAILED:
            return sum(kind in run.events for run in self.consolidations)
        return Counter(event.kind for event in self.events)[kind]

    def progress(self, run: Consolidation) -> Progress:
        """Return how far it had come at the end of the period.

        A run that was silent for a whole lease, or was replaced by another, is unfinished.
        """
        found = run.progress(self.until, self._lease_seconds)
        return Progress.UNFINISHED if found is Progress.RUNNING and self.is_replaced(run) else found

    def taken_at(self, run: Consolidation) -> datetime | None:
        """Return when its lock was taken over or force-released; None: no line reports that."""
        acquired_at = run.at(EventKind.ACQUIRED)
        if acquired_at is None or not run.batch_id:
            return None
        return next((event.at for event in self.events if event.at >= acquired_at and _takes_from(run, event)), None)

    def is_replaced(self, run: Consolidation) -> bool:
        """Whether it held the lock, and another run has since taken it over or consolidated its batch."""
        acquired_at = run.at(EventKind.ACQUIRED)
        if acquired_at is None or not run.batch_id:
            return False
        if self.taken_at(run) is not None:
            return True
        later = [
            other
            for other in self.consolidations
            if other.batch_id == run.batch_id and (at := other.at(EventKind.ACQUIRED)) is not None and at > acquired_at
        ]
        ended = {Progress.COMPLETED, Progress.REPEATED}
        return any(other.progress(self.until, self._lease_seconds) in ended for other in later)

    @property
    def _lease_seconds(self) -> float:
        return self.platform.environment.lock.lease_seconds

    def of_date(self, game_date: date) -> list[Consolidation]:
        return [run for run in self.consolidations if run.likely_game_date == game_date]

    def table(self, caption: str, runs: list[Consolidation]) -> Table:
        """Return a table of consolidations with their durations, newest first."""
        timezone = self.platform.environment.timezone
        columns = (
            "Started",
            "State",
            "Batch",
            "Lock wait",
            "MERGE",
            "Validation",
            "Rows",
            "Duplicates",
            "Instance",
            self.platform.environment.nouns.date_heading,
        )
        rows = [
            (
                local_time(run.started_at, timezone),
                f"{self.progress(run)}{', without the lock' if run.merged_without_lock else ''}",
                run.batch_id or "not logged",
                spoken_seconds(run.lock_wait_seconds),
                spoken_seconds(run.merge_seconds),
                spoken_seconds(run.validation_seconds),
                run.rows,
                run.duplicates,
                run.instance or "not logged",
                run.likely_game_date,
            )
            for run in reversed(runs)
        ]
        return Table(caption, columns, rows, shown=30)


def says_nothing_due(entry: LogEntry, unit: str) -> bool:
    """Whether the line says that there are no units. Other things may be missing because a feed is down."""
    return any(words in entry.message for words in nothing_due(unit))


def nothing_due(unit: str) -> tuple[str, ...]:
    """Return the spellings of ``No games``, since log readers match case; empty: the unit has no name."""
    words = f"no {plural(unit)}"
    return (words, words.capitalize(), words.upper()) if unit else ()


def _takes_from(run: Consolidation, event: Event) -> bool:
    """Whether the event took the lock from that batch or, if the line names no batch, from that date."""
    if event.kind not in (EventKind.TOOK_OVER, EventKind.FORCE_RELEASED):
        return False
    if event.batch_id:
        return event.batch_id == run.batch_id
    return event.game_date is not None and event.game_date == run.likely_game_date
