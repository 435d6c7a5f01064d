"""Lock acquisitions, and MERGEs that ran without the lock, from the logs of a period.

This module is not in `logs`: a criterion decides how many failures are too many, and criteria
are computed from the logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lib.operations.criteria.criteria import threshold
from lib.operations.logs.events import EventKind
from lib.operations.logs.history import LogHistory
from lib.operations.logs.monitoring import no_consolidation_seen
from lib.operations.logs.timeline import batch_names
from lib.operations.scope import Scope
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, section
from lib.words.nouns import counted
from lib.words.quantities import Value, percent

LOCK_ACQUISITIONS = Question(
    "lock_acquisitions",
    "Lock acquisitions",
    affects="batches: two that merge without the lock may write a key twice; one that did not get it merged nothing",
    can_wait="until the next batch",
)
_SHOWN = (
    EventKind.ACQUIRING,
    EventKind.ACQUIRED,
    EventKind.RELEASED,
    EventKind.ACQUISITION_FAILED,
    EventKind.LOST,
    EventKind.TOOK_OVER,
    EventKind.FORCE_RELEASED,
    EventKind.ALREADY_RELEASED,
    EventKind.NO_LOCK,
    EventKind.RELEASE_FAILED,
    EventKind.WAITING,
    EventKind.LOCK_SERVICE_ERROR,
    EventKind.LOCK_DISABLED,
)
_NOT_HELD = (EventKind.ACQUISITION_FAILED, EventKind.LOST)


@section(LOCK_ACQUISITIONS)
def lock_activity(scope: Scope) -> Section:
    """Report acquisitions, failures, and MERGEs that ran without the lock; `waits.lock_waits` judges the waits."""
    times = {str(kind): scope.history.count(kind) for kind in _SHOWN}
    found, not_logged = [(kind, n) for kind, n in times.items() if n], [kind for kind, n in times.items() if not n]
    note = f"Not logged: {', '.join(not_logged)}." if not_logged else ""
    return Section((_lock_check(scope.history),), (Table("Lock events", ("Event", "Count"), found, note),))


def _lock_check(history: LogHistory) -> Check:
    unlocked = [run for run in history.merges if run.merged_without_lock]
    asked, failed, lost = map(history.count, (EventKind.ACQUIRING, EventKind.ACQUISITION_FAILED, EventKind.LOST))
    tried = max(asked, failed)
    if not tried and not unlocked:
        return no_consolidation_seen(history, LOCK_ACQUISITIONS)
    failed_percent = 100 * failed / max(tried, 1)
    evidence: dict[str, Value] = {
        "tried": asked,
        "acquired": history.count(EventKind.ACQUIRED),
        "failed": failed,
        "failed, share": percent(failed_percent),
        "lost": lost,
        "taken over, released by force": history.count(EventKind.TOOK_OVER) + history.count(EventKind.FORCE_RELEASED),
        "lock service errors": history.count(EventKind.LOCK_SERVICE_ERROR),
        "MERGEs without the lock": len(unlocked),
    }
    commands = history.platform.commands
    question = LOCK_ACQUISITIONS.on(evidence, [commands.read_logs(history.platform.environment.services.coordinator)])
    see_locks = f"See who holds the lock: {commands.run('stuck_lock_release')}"
    if failed_percent > threshold(history.platform.environment, "acquisition_fails_consistently"):
        return question.fails(f"{failed} of {tried} failed", see_locks, since=_first(history, _NOT_HELD))
    if unlocked:
        summary = f"{counted(len(unlocked), 'MERGE')} ran without the lock: {batch_names(unlocked)}"
        disabled = any(run.has(EventKind.LOCK_DISABLED) for run in unlocked)
        why = "The lock is disabled there: enable it" if disabled else "An old revision may still be serving traffic"
        step = f"{why}. Check the revisions: {commands.run('deploy_verify')}"
        return question.warns(summary, step, since=min(run.started_at for run in unlocked))
    if failed or lost:
        summary = f"{failed} of {tried} failed, {lost} lost"
        return question.warns(summary, see_locks, since=_first(history, _NOT_HELD))
    return question.passes(f"{counted(asked, 'attempt')}, none failed")


def _first(history: LogHistory, kinds: Sequence[EventKind]) -> datetime | None:
    return min((event.at for event in history.events if event.kind in kinds), default=None)
