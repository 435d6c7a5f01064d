"""Which runs may go, and their removal: put on the chain first, so that it stays a whole story.

An archive that cannot be read or written is `lib.errors.Unavailable`, in every call.
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
    """How much is kept; a run goes only when both allow it.

    Attributes:
        older_than: A run that started within that time stays; None: its age does not matter.
        keep_last: So many runs of a runbook in an environment stay; None: their number does not matter.

    Raises:
        UserError: Neither is given.
    """

    older_than: timedelta | None = None
    keep_last: int | None = None

    def __post_init__(self) -> None:
        if self.older_than is None and self.keep_last is None:
            raise UserError("nothing selected; give --older-than-days, --keep-last or both")

    def removable(self, runs: Iterable[Run | DamagedRun], now: datetime) -> list[Run]:
        """The runs that may go.

        Of a runbook in an environment the newest run, the last FAIL and the last PASS always
        stay, and so does what is running or cannot be read.

        Args:
            runs: All of them, newest first.
            now: From when age is counted (UTC).
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
    """What may go: places of runs.

    Attributes:
        old: They ended, and the retention allows it.
        half_removed: Their removal was cut short.
        never_began: They were killed before they had a record; there is only a folder or a mark.
    """

    old: tuple[str, ...]
    half_removed: tuple[str, ...]
    never_began: tuple[str, ...]

    def remove(self, archive: Archive) -> None:
        """Remove them."""
        for place in self.half_removed:
            delete_files(archive, place)
        for place in self.never_began:
            if not archive.store.children(place):
                delete_files(archive, place)
        for place in self.old:
            remove(archive, place)


def prunable(archive: Archive, retention: Retention | None, now: datetime) -> Prunable:
    """What may go now.

    Args:
        retention: Which of those that ended may; None: none.
        now: The moment (UTC). Should the clock be ahead, age counts from the newest run's start.
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
    """Whether nothing is there, and it was to begin so long ago that nobody is just making it."""
    run_id = place.rsplit("/", 1)[-1]
    is_over = bool(RUN_ID.fullmatch(run_id)) and run_id < f"{now - _BEGUN_WITHIN:{RUN_ID_MOMENT}}"
    return is_over and not archive.store.children(place)


def remove(archive: Archive, place: str) -> None:
    """Remove a run; when that is cut short, `delete_files` ends it.

    The chain is told first: files that go before it knows would be missing.
    """
    Chain(archive.store).append(Event.REMOVED, place, {})
    delete_files(archive, place)


def delete_files(archive: Archive, place: str) -> None:
    """Delete what a run left, its record last: readers in between still see what the run was."""
    forget_unsealed(archive.store, place)
    archive.store.clear(f"{place}/{TABLES}")
    # By name also where a killed runner came no further than a temporary file.
    names = {*archive.store.names(place), *(f"{place}/{name}" for name in (NOTEBOOK, REPORT, RECORD))}
    for name in sorted(names, key=lambda name: (name == f"{place}/{RECORD}", name)):
        archive.store.delete(name)
