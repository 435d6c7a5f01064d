"""Selects runs to prune and removes them; the chain records each removal first, so that it stays complete.

Every call raises `lib.errors.Unavailable` if the archive cannot be read or written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lib.archive.archive import NOTEBOOK, RECORD, REPORT, RUN_ID, TABLES, Archive, DamagedRun, Run
from lib.archive.chain import Chain, Event
from lib.archive.record import RUN_ID_MOMENT, RunStatus
from lib.archive.sealing import forget_unsealed, unsealed_places
from lib.errors import UserError
from lib.verdict.verdict import Verdict


@dataclass(frozen=True)
class Retention:
    """How many runs to keep; a run is removed only if both limits allow it.

    Attributes:
        older_than: Keep runs younger than this; None: no limit by age.
        keep_last: Keep this many runs of each runbook in each environment; None: no limit by number.

    Raises:
        UserError: Neither is given.
    """

    older_than: timedelta | None = None
    keep_last: int | None = None

    def __post_init__(self) -> None:
        if self.older_than is None and self.keep_last is None:
            raise UserError("nothing selected; give --older-than-days, --keep-last or both")

    def removable(self, runs: Iterable[Run | DamagedRun], now: datetime) -> list[Run]:
        """Return the runs that can be removed.

        The newest run, the last FAIL and the last PASS of each runbook in each environment are always
        kept, as are runs that have not ended or cannot be read.

        Args:
            runs: All runs, newest first.
            now: The time from which age is counted (UTC).
        """
        groups = defaultdict(list)
        for run in runs:
            if isinstance(run, Run) and run.record.status is not RunStatus.RUNNING:
                groups[run.place.rsplit("/", 1)[0]].append(run)
        return [run for group in groups.values() for run in self._of_group(group, now)]

    def _of_group(self, runs: Sequence[Run], now: datetime) -> Sequence[Run]:
        last = [next((run for run in runs if run.record.verdict is verdict), runs[0]) for verdict in _ALWAYS_KEPT]
        kept = {run.place for run in [runs[0], *last, *runs[: self.keep_last or 0]]}
        return [run for run in runs if run.place not in kept and self._is_old(run, now)]

    def _is_old(self, run: Run, now: datetime) -> bool:
        return self.older_than is None or now - run.record.started_at > self.older_than


_ALWAYS_KEPT = (Verdict.FAIL, Verdict.PASS)
_BEGUN_WITHIN = timedelta(hours=1)


@dataclass(frozen=True)
class Prunable:
    """Places of the runs to remove.

    Attributes:
        old: Runs that have ended and exceed the retention.
        half_removed: Runs whose removal was interrupted.
        never_began: Runs killed before they had a record, which left only a folder or a mark.
    """

    old: tuple[str, ...]
    half_removed: tuple[str, ...]
    never_began: tuple[str, ...]

    def remove(self, archive: Archive) -> None:
        """Remove all of these runs."""
        for place in self.half_removed:
            delete_files(archive, place)
        for place in self.never_began:
            if not archive.store.children(place):
                delete_files(archive, place)
        for place in self.old:
            remove(archive, place)


def prunable(archive: Archive, retention: Retention | None, now: datetime) -> Prunable:
    """Return the runs that can be removed now.

    Args:
        archive: The archive.
        retention: Selects runs that have ended; None: none of them.
        now: The current time (UTC); if the clock is ahead, age counts from the newest run's start.
    """
    runs = archive.runs()
    now = min(now, max((run.record.started_at for run in runs if isinstance(run, Run)), default=now))
    entries = Chain(archive.store).read().entries
    removed = {entry.place for entry in entries if entry.event is Event.REMOVED}
    half_removed = tuple(run.place for run in runs if run.place in removed)
    unsealed = unsealed_places(archive.store)
    # A runner that seals its run late would contradict the chain.
    unsettled = {*half_removed, *unsealed}
    settled = [run for run in runs if run.place not in unsettled]
    old = tuple(run.place for run in retention.removable(settled, now)) if retention else ()
    with_files = {"/".join(name.split("/")[:3]) for name in archive.store.names()}
    begun = {entry.place for entry in entries} | with_files
    unknown = sorted({*unsealed, *(run.place for run in runs)} - begun)
    return Prunable(old, half_removed, tuple(place for place in unknown if _never_began(archive, place, now)))


def _never_began(archive: Archive, place: str, now: datetime) -> bool:
    """Return whether the place is empty, and too old for a run that is just starting."""
    run_id = place.rsplit("/", 1)[-1]
    is_over = bool(RUN_ID.fullmatch(run_id)) and run_id < f"{now - _BEGUN_WITHIN:{RUN_ID_MOMENT}}"
    return is_over and not archive.store.children(place)


def remove(archive: Archive, place: str) -> None:
    """Remove a run; if this is interrupted, `delete_files` completes it.

    The chain records the removal first. Otherwise the deleted files would count as missing.
    """
    Chain(archive.store).append(Event.REMOVED, place, {})
    delete_files(archive, place)


def delete_files(archive: Archive, place: str) -> None:
    """Delete a run's files, its record last, so that readers can still identify the run meanwhile."""
    forget_unsealed(archive.store, place)
    archive.store.clear(f"{place}/{TABLES}")
    # Delete by name, too, because a killed runner may have left only a temporary file.
    names = {*archive.store.names(place), *(f"{place}/{name}" for name in (NOTEBOOK, REPORT, RECORD))}
    for name in sorted(names, key=lambda name: (name == f"{place}/{RECORD}", name)):
        archive.store.delete(name)
