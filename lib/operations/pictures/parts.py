"""A consolidation as bars: its lock wait, MERGE, validation and cleanup, from its log lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lib.operations.logs.events import EventKind
from lib.operations.logs.history import LogHistory
from lib.operations.logs.timeline import Consolidation, Progress, merge_interval
from lib.verdict.timeline.data import LONGEST_NAME, Bar, Ending, Part, shortened
from lib.words.text import one_line

_ENDINGS = {
    Progress.FAILED: Ending.FAILED,
    Progress.UNFINISHED: Ending.UNFINISHED,
    Progress.RUNNING: Ending.RUNNING,
}
_ASKED = (EventKind.ACQUIRING, EventKind.WAITING, EventKind.LOCK_SERVICE_ERROR)
_VALIDATED = (
    EventKind.VALIDATED,
    EventKind.INACTIVE_DUPLICATES,
    EventKind.NOT_VALIDATED,
    EventKind.VALIDATION_FAILED,
)
# How much of the time after the last line is shown, so that the silent phase is visible.
_SILENCE_SHOWN = timedelta(seconds=10)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A consolidation and its bars, compared by identity.

    Attributes:
        bars: The bar of the whole first; the last bar has the ending.
        shown_until: How far a picture of it must extend.
    """

    run: Consolidation
    bars: tuple[Bar, ...]
    shown_until: datetime

    @property
    def batch(self) -> str:
        return self.bars[0].batch

    @property
    def ending(self) -> Ending:
        return self.bars[-1].ending

    @property
    def start(self) -> datetime:
        return self.bars[0].start

    @property
    def end(self) -> datetime:
        return max(bar.end for bar in self.bars)


def name_of(text: str) -> str:
    """Return a name from a log line or a lock, shortened for the data of a timeline."""
    return shortened(one_line(text), LONGEST_NAME)


def drawn_run(history: LogHistory, run: Consolidation, *, lease_expired: bool = False) -> Drawn:
    """Return its bars, not yet in a lane. Without an end, it extends until its lock was taken, or until now.

    Args:
        history: Where it was logged.
        run: The consolidation.
        lease_expired: Its lease is no longer renewed, so it is not running, however recent its last line.
    """
    progress = history.progress(run)
    ending = _ENDINGS.get(
        Progress.UNFINISHED if lease_expired and progress is Progress.RUNNING else progress, Ending.NONE
    )
    may_end_at = max(run.last_at, history.taken_at(run) or history.until)
    open_until = may_end_at if ending in (Ending.UNFINISHED, Ending.RUNNING) else None
    batch = name_of(run.batch_id)
    parts = sorted(
        (Bar(0, part, *span, batch, is_open) for part, span, is_open in _parts(run, open_until) if span[0] != span[1]),
        key=lambda bar: bar.end,
    )
    start = min([run.started_at, *(bar.start for bar in parts)])
    bars = [Bar(0, Part.WHOLE, start, run.last_at, batch), *parts]
    bars[-1] = replace(bars[-1], ending=ending)
    end = max(bar.end for bar in bars)
    silent = max(_SILENCE_SHOWN, run.last_at - start) if ending is Ending.UNFINISHED else end - start
    return Drawn(run, tuple(bars), min(end, run.last_at + silent))


_Span = tuple[datetime, datetime]


def _parts(run: Consolidation, open_until: datetime | None) -> Iterator[tuple[Part, _Span, bool]]:
    """Yield each part with its time, and whether its end is missing; `open_until` is set if the run may continue."""
    if wait := _lock_wait(run):
        yield Part.LOCK_WAIT, wait, False
    elif (asked_at := _first(run, _ASKED)) and open_until and not run.has(EventKind.MERGING):
        yield Part.LOCK_WAIT, (asked_at, open_until), True
    if run.has(EventKind.MERGING, EventKind.MERGED):
        start, end = merge_interval(run)
        is_open = open_until is not None and not run.has(EventKind.MERGED)
        yield Part.MERGE, (start, open_until if is_open and open_until else end), is_open
    validating_at, validated_at = run.at(EventKind.VALIDATING), _first(run, _VALIDATED)
    if validating_at and validated_at:
        yield Part.VALIDATION, (validating_at, validated_at), False
    elif validating_at and open_until:
        yield Part.VALIDATION, (validating_at, open_until), True
    if validated_at and run.last_at > validated_at:
        yield Part.CLEANUP, (validated_at, run.last_at), False


def _lock_wait(run: Consolidation) -> _Span | None:
    ended_at, seconds = _first(run, (EventKind.ACQUIRED, EventKind.ACQUISITION_FAILED)), run.lock_wait_seconds
    return (ended_at - timedelta(seconds=seconds), ended_at) if ended_at and seconds is not None else None


def _first(run: Consolidation, kinds: tuple[EventKind, ...]) -> datetime | None:
    return min((event.at for kind, event in run.events.items() if kind in kinds), default=None)
