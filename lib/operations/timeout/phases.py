"""How long each phase of a consolidation takes, from its log lines."""

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
from lib.words.nouns import counted
from lib.words.quantities import Value, seconds, spoken_seconds

TIME_SPENT = Question(
    "time_spent",
    "Time by phase",
    affects="this batch, and those that wait for the lock behind it",
    can_wait="as long as those still get the lock",
)


class Phase(StrEnum):
    """The phases of a consolidation, in order."""

    LOCK_WAIT = "waiting for the lock"
    GATHERING = "gathering and checks"
    MERGE = "MERGE"
    VALIDATION = "validation"
    CLEANUP = "cleanup"


# The phase that a consolidation is in after each line.
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
    Phase.LOCK_WAIT: "It waited for another consolidation; a smaller batch would have waited just as long. "
    "See who holds the lock: {locks}",
    Phase.GATHERING: "Gathering takes longer with more staging tables: see how many are staged.",
    Phase.MERGE: "Check the job queue and the table layout.",
    Phase.VALIDATION: "Validation reads the keys of the date: check the table layout.",
    Phase.CLEANUP: "Cleanup makes one request per staging table: see how many are staged. The rows are committed.",
}


@dataclass(frozen=True)
class TimedRun:
    """A consolidation with the duration of each phase.

    Attributes:
        run: Its lines.
        seconds: By phase; while it runs, the current phase counts until now.
        silent_in: The phase in which it stopped logging; None: it ended, or is still running.
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
    """Return the consolidations of the period or of one batch, slowest first. Raises `SourceUnavailable`."""
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
    """Show each consolidation by phase, slowest first, and which phase dominates; for all batches or one."""
    timed = timed_runs(scope.history, batch_id)
    if not timed:
        return Section((no_consolidation_seen(scope.history, TIME_SPENT),))
    check = _check(scope.platform, timed)
    if timed[0].silent_in and closes_nothing(scope.history, timed[0].run):
        check = TIME_SPENT.on(check.evidence, check.commands).unknown(
            f"{check.summary}; an unrecognised log line may be its end", "See those lines in day1_monitoring."
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
    name = slowest.run.batch_id or "an unnamed batch"
    if slowest.silent_in:
        since = local_time(slowest.run.last_at, platform.environment.timezone)
        summary = f"{name} has not ended: silent since {since} in phase {slowest.silent_in}"
        return question.fails(summary, f"Check whether its holder is alive: {locks}", since=slowest.run.last_at)
    taken = f"{spoken_seconds(slowest.total_seconds)}, {share:.0f}% of it {slowest.longest}"
    step = _STEPS[slowest.longest].format(locks=locks)
    if slowest.total_seconds >= threshold(platform.environment, "consolidation_times_out"):
        return question.fails(f"{name} took {taken}", step, since=slowest.run.started_at)
    if slowest.total_seconds >= limit:
        return question.warns(f"{name} took {taken}", step, since=slowest.run.started_at)
    return question.passes(f"{counted(len(timed), 'consolidation')} under {limit:g} s; longest {taken}")


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
    columns = ("Batch", "Started", "State", "Total", *map(str, Phase), "Staging tables", "Rows")
    note = (
        "Gathering is everything between the lock and the commit except the MERGE, including retries after conflicts."
    )
    return Table("Consolidations by phase, slowest first", columns, rows, note, shown=15)
