"""The records of all firings, stored with the runs in the archive: ``_schedule/<environment>/<entry>/``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from lib.archive.record import adapter_of
from lib.archive.store import Store, Unreadable
from lib.schedule.firing_record import Occurrence, State, file_name, planned_at_of
from lib.schedule.settings import Entry

KEPT_FOR = timedelta(days=90)
FOLDER = "_schedule"
_SINCE = "since.json"
_RESUMED = "resumed.txt"


@dataclass(frozen=True)
class Expectation:
    """Since when an entry is expected to run.

    Attributes:
        since: Planned times up to this time (UTC) are not expected.
        times: The settings that define its planned times; if they change, the entry counts as new.
    """

    since: datetime
    times: tuple[str, ...]


class Ledger:
    """All occurrences in an archive's store.

    Every call raises `lib.errors.Unavailable` if the store does not answer.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ended: dict[str, Occurrence] = {}

    def since(self, entry: Entry) -> datetime | None:
        """Return since when (UTC) the entry is expected to run; None if nothing has run it with these settings."""
        try:
            expectation = adapter_of(Expectation).validate_json(self._store.read(self._name(entry, _SINCE)))
        except (FileNotFoundError, Unreadable, ValueError):
            return None
        return expectation.since if expectation.times == _times(entry) else None

    def expect(self, entry: Entry, since: datetime) -> None:
        """Expect the entry to run at its planned times after `since` (UTC), but not before."""
        expectation = Expectation(since, _times(entry))
        self._store.write(
            self._name(entry, _SINCE), adapter_of(Expectation).dump_json(expectation, indent=2), durable=True
        )

    def resume(self, entry: Entry, now: datetime) -> None:
        """Let a paused entry run again; planned times up to now (UTC) are no longer expected."""
        self._store.write(self._name(entry, _RESUMED), now.isoformat().encode(), durable=True)
        self.expect(entry, now)

    def resumed_at(self, entry: Entry) -> datetime | None:
        """Return when the entry was last resumed (UTC); None if never."""
        try:
            return datetime.fromisoformat(self._store.read(self._name(entry, _RESUMED)).decode())
        except (FileNotFoundError, Unreadable, ValueError):
            return None

    def planned_times(self, entry: Entry) -> list[datetime]:
        """Return the recorded planned times (UTC), newest first."""
        names = self._store.children(f"{FOLDER}/{entry.environment}/{entry.name}")
        return sorted(filter(None, map(planned_at_of, names)), reverse=True)

    def read(self, entry: Entry, planned_at: datetime) -> Occurrence:
        """Return the record of a planned time (UTC); its state is DAMAGED if it cannot be read."""
        name = self._name(entry, file_name(planned_at))
        if name in self._ended:
            return self._ended[name]
        try:
            occurrence = adapter_of(Occurrence).validate_json(self._store.read(name))
        except (FileNotFoundError, Unreadable, ValueError) as error:
            reason = f"its record cannot be read: {str(error).splitlines()[0]:.120}"
            return Occurrence.of(entry, planned_at, State.DAMAGED, planned_at, reason)
        if occurrence.ended_at:
            self._ended[name] = occurrence  # it no longer changes
        return occurrence

    def newest(self, entry: Entry) -> Iterator[Occurrence]:
        """Yield the entry's records, newest first; each is read only when needed."""
        return (self.read(entry, planned_at) for planned_at in self.planned_times(entry))

    def claim(self, occurrence: Occurrence) -> bool:
        """Create its record; return True to exactly one of all callers on all machines."""
        return self._store.create(self._file(occurrence), adapter_of(Occurrence).dump_json(occurrence, indent=2))

    def write(self, occurrence: Occurrence) -> None:
        """Replace its record; only for the process that claimed it."""
        self._store.write(self._file(occurrence), adapter_of(Occurrence).dump_json(occurrence, indent=2), durable=True)

    def close(self, occurrence: Occurrence) -> bool:
        """Replace the record of a process that is gone; return True to exactly one of all callers on all machines."""
        self.write(occurrence)
        return self._store.create(_closed(self._file(occurrence)), b"")

    def forget(self, entry: Entry, now: datetime) -> None:
        """Remove records more than `KEPT_FOR` older than both now (UTC) and the newest record.

        Because the clock may be ahead, times with removed records are no longer expected. The last run's
        record stays, because it decides whether the entry is paused.
        """
        times = self.planned_times(entry)
        old = [planned_at for planned_at in times if planned_at < min(now, times[0]) - KEPT_FOR]
        if not old:
            return
        since = self.since(entry)
        if since is not None and since < old[0]:
            self.expect(entry, old[0])
        last = next((each.planned_at for each in self.newest(entry) if each.state is State.ENDED), None)
        for name in (self._name(entry, file_name(planned_at)) for planned_at in old if planned_at != last):
            self._store.delete(name)
            self._store.delete(_closed(name))

    def _file(self, occurrence: Occurrence) -> str:
        return f"{FOLDER}/{occurrence.environment}/{occurrence.entry}/{file_name(occurrence.planned_at)}"

    def _name(self, entry: Entry, name: str) -> str:
        return f"{FOLDER}/{entry.environment}/{entry.name}/{name}"


def _closed(name: str) -> str:
    return f"{name.removesuffix('.json')}.closed"


def _times(entry: Entry) -> tuple[str, ...]:
    days = (entry.days_since_deploy, f"{entry.deployed_at}") if entry.days_since_deploy else ()
    return (entry.runbook, entry.cron, entry.timezone, *days)
