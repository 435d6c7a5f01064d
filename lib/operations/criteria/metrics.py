"""The figures that criteria compare with thresholds, each with its basis.

Without data there is no figure: zero failures in zero acquisitions are not a success.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from lib.errors import CouldNotLook, NotAsked
from lib.operations.duplicate_counts import DuplicateCounts
from lib.operations.logs.events import EventKind
from lib.operations.logs.history import LogHistory
from lib.operations.logs.timeline import Consolidation, Progress
from lib.words.brief import brief
from lib.words.nouns import counted


@dataclass(frozen=True)
class Measurement:
    """A figure and its basis.

    Attributes:
        value: The figure; None if there is none.
        basis: What it was computed from, or why there is none.
        is_partial: Whether some of its data was not available.
        is_moot: There is no figure, and none was expected.
    """

    value: float | None
    basis: str
    is_partial: bool = False
    is_moot: bool = False


@dataclass(frozen=True)
class Evidence:
    """The data that figures are computed from.

    Attributes:
        history: The logs of the period.
        duplicates: The run's counts, so that nothing is counted twice.
        since: First date whose rows are counted.
        until: Last date whose rows are counted.
        today: Today's date; dates before it are past.
    """

    history: LogHistory
    duplicates: DuplicateCounts
    since: date
    until: date
    today: date

    __repr__ = brief("since", "until")


def measure(metric: str, evidence: Evidence) -> Measurement:
    """Measure the metric of that name; it may be moot when nothing was due."""
    try:
        found = METRICS[metric](evidence)
        off_day = evidence.history.off_day if found.value is None else ""
    except NotAsked as error:
        return Measurement(None, f"skipped: {error}", is_moot=True)
    except CouldNotLook as error:
        return Measurement(None, f"could not check: {error}")
    return Measurement(None, f"{found.basis}; {off_day}", is_moot=True) if off_day else found


def _validation_duplicates(evidence: Evidence) -> Measurement:
    """A MERGE that ended without a validation makes the figure partial."""
    history = evidence.history
    found = [run.duplicates for run in history.consolidations if run.duplicates is not None]
    if not found:
        return Measurement(None, "no validation was logged")
    merged = [run for run in history.merges if EventKind.MERGED in run.events and run.duplicates is None]
    missing = [run for run in merged if history.progress(run) is not Progress.RUNNING]
    basis = f"{len(found)} of {counted(len(found) + len(missing), 'MERGE')} validated"
    return Measurement(sum(found), basis, is_partial=bool(missing))


def _longest_consolidation_seconds(evidence: Evidence) -> Measurement:
    """Time spent waiting for the lock does not count.

    A consolidation that went silent during its MERGE has no duration. It may still be running unless a later one
    replaced it, so the figure is partial.
    """
    history = evidence.history
    spent = [seconds for run in history.merges if (seconds := _seconds_spent(history, run)) is not None]
    unfinished = [run for run in history.merges if history.progress(run) is Progress.UNFINISHED]
    silent = [run for run in unfinished if _seconds_spent(history, run) is None]
    left_out = f"; {len(silent)} left out, stopped without logging a result" if silent else ""
    if not spent:
        return Measurement(None, f"no consolidation with a duration was logged{left_out}")
    basis = f"longest of {counted(len(spent), 'consolidation')}, without lock waits{left_out}"
    return Measurement(max(spent), basis, is_partial=not all(map(history.is_replaced, silent)))


def _seconds_spent(history: LogHistory, run: Consolidation) -> float | None:
    """The time until now if it is still running; None if it has no duration."""
    if history.progress(run) is Progress.RUNNING:
        return (history.until - (run.at(EventKind.ACQUIRED) or run.started_at)).total_seconds()
    return run.work_seconds


def _lock_cycle_faults(evidence: Evidence) -> Measurement:
    history = evidence.history
    if not history.merges:
        return Measurement(None, "no consolidation was logged")
    if all(run.is_only_printed for run in history.merges):
        return Measurement(None, "only the coordinator's printed lines were collected")
    unlocked = [run for run in history.merges if run.merged_without_lock]
    locked = [run for run in history.consolidations if not run.is_only_printed]
    unreleased = [run for run in locked if history.progress(run) is Progress.UNFINISHED]
    basis = f"{len(unlocked)} merged without the lock, {len(unreleased)} never released it"
    return Measurement(len(unlocked) + len(unreleased), f"{basis}, of {len(history.consolidations)} in total")


def _lock_acquisition_failures(evidence: Evidence) -> Measurement:
    failed, tried = _acquisitions(evidence)
    return Measurement(failed, f"of {counted(tried, 'attempt')}") if tried else _NO_ACQUISITION


def _lock_failure_percent(evidence: Evidence) -> Measurement:
    failed, tried = _acquisitions(evidence)
    if not tried:
        return _NO_ACQUISITION
    return Measurement(100 * failed / tried, f"{failed} of {counted(tried, 'attempt')} failed")


_NO_ACQUISITION = Measurement(None, "no lock acquisition was logged")


def _acquisitions(evidence: Evidence) -> tuple[int, int]:
    failed = evidence.history.count(EventKind.ACQUISITION_FAILED)
    return failed, max(failed, evidence.history.count(EventKind.ACQUIRING))


def _error_lines(evidence: Evidence) -> Measurement:
    history = evidence.history
    return _lines(history, len(history.errors), history.platform.environment.services.both)


def _lock_service_errors(evidence: Evidence) -> Measurement:
    """Only the coordinator takes the lock."""
    history = evidence.history
    return _lines(history, len(history.lock_service_errors), (history.platform.environment.services.coordinator,))


def _lines(history: LogHistory, found: int, services: Sequence[str]) -> Measurement:
    """A count of lines. Zero lines in an empty log prove nothing."""
    silent = [name for name in services if (newest := history.newest(name)) is None or newest < history.since]
    if silent and not found:
        return Measurement(None, f"{' and '.join(silent)} logged nothing")
    ahead = [name for name in services if (newest := history.newest(name)) and history.is_in_future(newest)]
    if ahead and not found:
        return Measurement(None, f"the last line of {' and '.join(ahead)} is in the future")
    return Measurement(found, f"lines of {' and '.join(services)}")


def _duplicate_keys_of_past_dates(evidence: Evidence) -> Measurement:
    counts = evidence.duplicates.between(evidence.since, evidence.until)
    past = [count for count in counts if count.game_date < evidence.today]
    if not past:
        return Measurement(None, f"no rows for dates before {evidence.today}")
    basis = f"rows for {', '.join(str(count.game_date) for count in past)}"
    return Measurement(sum(count.duplicate_keys for count in past), basis)


METRICS: Mapping[str, Callable[[Evidence], Measurement]] = {
    "validation_duplicates": _validation_duplicates,
    "longest_consolidation_seconds": _longest_consolidation_seconds,
    "lock_cycle_faults": _lock_cycle_faults,
    "lock_acquisition_failures": _lock_acquisition_failures,
    "lock_failure_percent": _lock_failure_percent,
    "error_lines": _error_lines,
    "lock_service_errors": _lock_service_errors,
    "duplicate_keys_of_past_dates": _duplicate_keys_of_past_dates,
}
