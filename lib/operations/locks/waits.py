"""Do consolidations wait for the lock so long that they nearly give up? Answered from the logs of a period.

A long wait that ended well passes every other check, but the next one, a little longer, merges nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from statistics import median

from lib.operations.logs.events import EventKind
from lib.operations.logs.history import LogHistory
from lib.operations.logs.monitoring import no_consolidation_seen
from lib.operations.logs.timeline import Consolidation, batch_names
from lib.operations.scope import Scope
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, not_asked, section
from lib.words.quantities import Value, percent, seconds, spoken_seconds

LOCK_WAITS = Question(
    "lock_waits",
    "Lock waits",
    affects="the batches that wait longest: one that gives up merges nothing, and its rows stay in staging",
    can_wait="until batches come closer together, or one takes longer",
)
_NEAR_PERCENT = 50


@section(LOCK_WAITS)
def lock_waits(scope: Scope) -> Section:
    """Judge the longest wait that has ended by its share of ``lock.max_wait_seconds``: more than half is WARN.

    Skipped if no MERGE asked for the lock, which `acquisitions.lock_activity` judges.
    """
    history = scope.history
    waits = [(wait, run) for run in history.consolidations if (wait := run.lock_wait_seconds) is not None]
    if waits:
        return Section((_wait_check(history, waits),))
    if without_lock := [run for run in history.merges if run.merged_without_lock]:
        return not_asked(LOCK_WAITS, f"no line shows that {batch_names(without_lock)} asked for the lock")
    return Section((no_consolidation_seen(history, LOCK_WAITS),))


def _wait_check(history: LogHistory, waits: Sequence[tuple[float, Consolidation]]) -> Check:
    limit = history.platform.environment.lock.max_wait_seconds
    longest, run = max(waits, key=lambda each: each[0])
    near = [each for wait, each in waits if 100 * wait > _NEAR_PERCENT * limit]
    used = percent(100 * longest / limit) if limit else None
    line = run.events.get(EventKind.WAITING) or run.events.get(EventKind.ACQUISITION_FAILED)
    evidence: dict[str, Value] = {
        "waits": len(waits),
        f"waits above {_NEAR_PERCENT}% of the limit": len(near),
        "longest wait": seconds(longest),
        "median wait": seconds(median(wait for wait, _ in waits)),
        "limit (lock.max_wait_seconds)": seconds(limit),
        "share of the limit": used,
        "logged while waiting": line.in_words if line else None,
    }
    commands = history.platform.commands
    question = LOCK_WAITS.on(evidence, [commands.read_logs(history.platform.environment.services.coordinator)])
    share = f"{used} of the limit of {spoken_seconds(limit)}" if used else "with a limit of 0: each tries once"
    if not near or not used:
        return question.passes(f"longest wait {spoken_seconds(longest)}, {share}")
    holder = _holder(history, run, longest)
    behind = f" for {batch_names([holder])}" if holder else ""
    gave_up = ", and gave up" if run.has(EventKind.ACQUISITION_FAILED) else ""
    summary = f"{batch_names([run])} waited {spoken_seconds(longest)}{behind}, {share}{gave_up}"
    step = _see_holder(history) if gave_up else _see_phases(history, run, holder)
    return question.warns(summary, step, since=min(each.started_at for each in near))


def _see_holder(history: LogHistory) -> str:
    return f"Check whether its holder still has the lock: {history.platform.commands.run('stuck_lock_release')}"


def _see_phases(history: LogHistory, run: Consolidation, holder: Consolidation | None) -> str:
    """Return the step that shows the holder's phases, or those of the whole date if the holder is unknown."""
    known = {"batch": holder and holder.batch_id, "date": run.likely_game_date}
    given = {name: value for name, value in known.items() if value}
    return f"Check what held the lock: {history.platform.commands.run('consolidation_timeout', given)}"


def _holder(history: LogHistory, run: Consolidation, waited_seconds: float) -> Consolidation | None:
    """Return the last consolidation that took the lock of the date before it; None if no line shows one."""
    waited_until = run.at(EventKind.ACQUIRED) or run.last_at
    asked_at = waited_until - timedelta(seconds=waited_seconds)
    before = [
        (acquired_at, other)
        for other in history.consolidations
        if run.likely_game_date and other.likely_game_date == run.likely_game_date
        if (acquired_at := other.at(EventKind.ACQUIRED)) is not None and acquired_at < waited_until
    ]
    if not before:
        return None
    holder = max(before, key=lambda each: each[0])[1]
    return holder if (holder.at(EventKind.RELEASED) or waited_until) > asked_at else None
