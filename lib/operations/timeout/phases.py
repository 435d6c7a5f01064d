"""Which part of a consolidation takes the time: from its log lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lib.operations.criteria.criteria import threshold
from lib.operations.logs.events import EventKind
from lib.operations.logs.history import LogHistory
from lib.operations.logs.monitoring import no_consolidation_seen
from lib.operations.logs.timeline import Consolidation, Progress
from lib.operations.logs.unread import closes_nothing
from lib.operations.pictures.timeline import pictures, timeline_of_runs
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, section
from lib.words.dates import local_time
from lib.words.quantities import Value, seconds, spoken_seconds

TIME_SPENT = Question(
    "time_spent",
    "Where the time goes",
    affects="this batch, and those that wait for the lock behind it",
    can_wait="as long as those still get the lock",
)


class Phase(StrEnum):
    """The parts of a consolidation, in their order."""

    LOCK_WAIT = "waiting for the lock"
    GATHERING = "gathering and checks"
    MERGE = "MERGE"
    VALIDATION = "validation"
    CLEANUP = "cleanup"


# After each line, the phase that its consolidation is in.
_PHASE_AFTER: Mapping[EventKind, Phase] = {
    EventKind.ACQUIRING: Phase.LOCK_WAIT,
    EventKind.WAITING: Phase.LOCK_WAIT,
    EventKind.LOCK_SERVICE_ERROR: Phase.LOCK_WAIT,
    EventKind.ACQUIRED: Phase.GATHERING,
    EventKind.MERGING: Phase.MERGE,
    EventKind.MERGED: Phase.VALIDATION,
    EventKind.VALIDATING: Phase.VALIDATION,
    EventKind.NOT_VALIDATED: Phase.VALIDATION,
    EventKind.VALIDATED: Phase.CLEANUP,
    EventKind.INACTIVE_DUPLICATES: Phase.CLEANUP,
    EventKind.CLEANED: Phase.CLEANUP,
}
_STEPS: Mapping[Phase, str] = {
    Phase.LOCK_WAIT: "It waited behind another consolidation, and a smaller batch would have waited as long. "
    "See who holds the lock: {locks}",
    Phase.GATHERING: "The number of its staging tables decides: see how much is staged.",
    Phase.MERGE: "See the job queue, and how the table is stored.",
    Phase.VALIDATION: "It reads the keys of the date: see how the table is stored.",
    Phase.CLEANUP: "Dropping takes a request a staging table: see how many are staged. The rows are committed.",
}


@dataclass(frozen=True)
class TimedRun:
    """A consolidation by the seconds that its phases took.

    Attributes:
        run: Its lines.
        seconds: By phase; of one that runs, the present phase counts until now.
        silent_in: The phase in which it fell silent; None: it ended, or still runs.
    """

    run: Consolidation
    seconds: Mapping[Phase, float]
    silent_in: Phase | None = None

    @property
    def total_seconds(self) -> float:
        return sum(self.seconds.values())

    @property
    def longest(self) -> Phase:
        return self.silent_in or max(Phase, key=lambda phase: self.seconds[phase])


def timed_runs(history: LogHistory, batch_id: str = "") -> list[TimedRun]:
    """The consolidations of the period, or those of one batch, the slowest first. Raises `SourceUnavailable`."""
    runs = [run for run in history.consolidations if not batch_id or run.batch_id == batch_id]
    timed = [_timed(history, run) for run in runs if not run.has(EventKind.ALREADY_DONE) and not run.is_only_printed]
    return sorted(timed, key=lambda one: (one.silent_in is None, -one.total_seconds))


def _timed(history: LogHistory, run: Consolidation) -> TimedRun:
    seconds = dict.fromkeys(Phase, 0.0)
    seconds[Phase.LOCK_WAIT] = run.lock_wait_seconds or 0.0
    seconds[Phase.MERGE] = run.merge_seconds or 0.0
    seconds[Phase.VALIDATION] = run.validation_seconds or 0.0
    to_commit = run.between(EventKind.ACQUIRED, EventKind.MERGED)
    if to_commit is not None:
        seconds[Phase.GATHERING] = max(0.0, to_commit - seconds[Phase.MERGE])
    else:
        seconds[Phase.GATHERING] = run.between(EventKind.ACQUIRED, EventKind.MERGING) or 0.0
    seconds[Phase.CLEANUP] = run.between(EventKind.VALIDATED, EventKind.RELEASED) or 0.0
    progress, now_in = history.progress(run), _PHASE_AFTER.get(next(reversed(run.events)))
    if progress is Progress.RUNNING and now_in:
        seconds[now_in] += (history.until - run.last_at).total_seconds()
    hangs = progress is Progress.UNFINISHED and not history.is_replaced(run)
    return TimedRun(run, seconds, now_in if hangs else None)


@section(TIME_SPENT)
def phases(scope: Scope, batch_id: str = "") -> Section:
    """Each consolidation by phase, the slowest first, and which phase dominates; of all batches or of one."""
    timed = timed_runs(scope.history, batch_id)
    if not timed:
        return Section((no_consolidation_seen(scope.history, TIME_SPENT),))
    check = _check(scope.platform, timed)
    if timed[0].silent_in and closes_nothing(scope.history, timed[0].run):
        check = TIME_SPENT.on(check.evidence, check.commands).unknown(
            f"{check.summary}; a line that no dialect reads may be its end", "See those lines in day1_monitoring."
        )
    shown = [run for run in scope.history.consolidations if any(run is one.run for one in timed)]
    picture = timeline_of_runs(scope.history, shown, [timed[0].run])
    return Section((check,), (*pictures(picture), _table(scope.history, timed)))


def _check(platform: Platform, timed: Sequence[TimedRun]) -> Check:
    slowest, limit = timed[0], threshold(platform.environment, "normal_duration")
    part = slowest.seconds[slowest.longest]
    share = 100 * part / slowest.total_seconds if slowest.total_seconds else 0.0
    evidence: dict[str, Value] = {
        "consolidations": len(timed),
        f"{limit:g} s or longer": sum(one.total_seconds >= limit for one in timed),
        "never ended": sum(one.silent_in is not None for one in timed),
        "slowest": seconds(slowest.total_seconds),
        **{str(phase): seconds(slowest.seconds[phase]) for phase in Phase},
    }
    question = TIME_SPENT.on(evidence, [platform.commands.read_logs(platform.environment.services.coordinator)])
    locks = platform.commands.run("stuck_lock_release")
    name = slowest.run.batch_id or "a batch without a name"
    if slowest.silent_in:
        since = local_time(slowest.run.last_at, platform.environment.timezone)
        summary = f"{name} has not ended: silent since {since} in its phase {slowest.silent_in}"
        return question.fails(summary, f"See whether its holder lives: {locks}", since=slowest.run.last_at)
    taken = f"{spoken_seconds(slowest.total_seconds)}, {share:.0f}% of it {slowest.longest}"
    step = _STEPS[slowest.longest].format(locks=locks)
    if slowest.total_seconds >= threshold(platform.environment, "consolidation_times_out"):
        return question.fails(f"{name} took {taken}", step, since=slowest.run.started_at)
    if slowest.total_seconds >= limit:
        return question.warns(f"{name} took {taken}", step, since=slowest.run.started_at)
    return question.passes(f"all {len(timed)} took less than {limit:g} s; the longest {taken}")


def _table(history: LogHistory, timed: Sequence[TimedRun]) -> Table:
    zone = history.platform.environment.timezone
    rows = [
        (
            one.run.batch_id or "not known",
            local_time(one.run.started_at, zone),
            history.progress(one.run),
            spoken_seconds(one.total_seconds),
            *(spoken_seconds(one.seconds[phase]) for phase in Phase),
            one.run.staging_tables,
            one.run.rows,
        )
        for one in timed
    ]
    columns = ("Batch", "Started", "State", "Whole", *map(str, Phase), "Staging tables", "Rows")
    note = (
        "Gathering holds everything between the lock and the commit but the MERGE itself: retries after a rival, too."
    )
    return Table("Consolidations by phase, the slowest first", columns, rows, note, shown=15)
