"""Three fixes for a consolidation that times out, with the effect of each here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lib.consolidation.upkeep.day_profiles import rows_of_date
from lib.errors import CouldNotLook
from lib.operations.criteria.criteria import threshold
from lib.operations.logs.events import EventKind
from lib.operations.scope import Scope
from lib.operations.staging.size import StagedSize, staged_sizes
from lib.operations.timeout.phases import Phase, TimedRun, timed_runs
from lib.operations.timeout.surroundings import bytes_of_date, is_pruned
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, section
from lib.words.nouns import counted
from lib.words.quantities import Value, seconds, spoken_bytes, spoken_seconds

THREE_FIXES = Question(
    "three_fixes",
    "Three fixes for a timeout",
    affects="the slowest batch, and those that wait for the lock behind it",
    can_wait="as long as those still get the lock",
)

# The present state, and the effect that the fix would have.
_Figures = tuple[str, str]


@section(THREE_FIXES)
def three_fixes(scope: Scope, batch_id: str = "") -> Section:
    """Show the present state and the likely effect of each fix, and which fix the slowest run calls for.

    Without a batch, the largest and the slowest ones are used.
    """
    figures = {fix: _figures(fix, scope, batch_id) for fix in _FIXES}
    rows = [(fix, *found) for fix, found in figures.items()]
    table = Table(THREE_FIXES.name, ("Fix", "Today", "Effect here"), rows)
    timed = timed_runs(scope.history, batch_id)
    return Section(
        (_called_for(timed[0], figures, threshold(scope.platform.environment, "normal_duration")),) if timed else (),
        (table,),
    )


def _figures(fix: str, scope: Scope, batch_id: str) -> _Figures:
    """A source that cannot be read affects only its own fix."""
    try:
        return _FIXES[fix](scope, batch_id)
    except CouldNotLook as error:
        return f"not known: {error}", "-"


def _called_for(slowest: TimedRun, figures: Mapping[str, _Figures], limit: float) -> Check:
    if slowest.silent_in:
        step = "First check whether its holder is alive, and what is in the warehouse's job queue."
        return THREE_FIXES.warns("none of them ends a hanging consolidation", step)
    part = slowest.longest
    evidence: dict[str, Value] = {"slowest": seconds(slowest.total_seconds), str(part): seconds(slowest.seconds[part])}
    question = THREE_FIXES.on(evidence)
    if slowest.total_seconds < limit:
        return question.passes(f"none is needed: no consolidation took {limit:g} s or longer")
    fix = _FIX_OF[part]
    step = "Compare it with the other two before you change anything."
    return question.warns(f"{part} dominates. {fix}: {figures[fix][1]}", step)


def _lock_timeout(scope: Scope, batch_id: str) -> _Figures:
    """Judge by all batches of the period, since each waits for the others."""
    lock = scope.platform.environment.lock
    today = f"waits at most {lock.max_wait_seconds:g} s; a lease of {lock.lease_seconds:g} s that its holder renews"
    timed = timed_runs(scope.history)
    gave_up = [one for one in timed if EventKind.ACQUISITION_FAILED in one.run.events]
    held = max((one.total_seconds - one.seconds[Phase.LOCK_WAIT] for one in timed), default=0.0)
    longest = spoken_seconds(held)
    if gave_up and held <= lock.max_wait_seconds:
        return today, f"little: {len(gave_up)} gave up behind several others; the longest hold was {longest}"
    if gave_up:
        return today, f"{len(gave_up)} gave up: waiting longer than {longest}, the longest hold, would have been enough"
    return today, f"none: no consolidation gave up waiting; the longest hold was {longest}, with its lease renewed"


def _merge(scope: Scope, batch_id: str) -> _Figures:
    platform = scope.platform
    layout = platform.activity.layout(platform.table.table)
    of_date = rows_of_date(platform.warehouse, platform.table, scope.game_date)
    share = 100 * of_date / max(layout.rows, 1)
    if not layout.has_partitions:
        return f"{counted(layout.rows, 'row')}, not partitioned", "none: this platform has no partitions"
    whole, pruned = spoken_bytes(layout.size_bytes), spoken_bytes(bytes_of_date(layout, of_date))
    if is_pruned(platform, layout):
        return f"partitioned: reads about {pruned} of {whole}", "none: already done"
    return f"each MERGE scans {whole}", f"each would read about {pruned}: the date has {share:.1f}% of the rows"


def _split(scope: Scope, batch_id: str) -> _Figures:
    sizes = [size for size in staged_sizes(scope.platform) if batch_id in ("", size.batch.batch_id)]
    timed = [one for one in timed_runs(scope.history, batch_id) if one.run.staging_tables]
    slowest = timed[0] if timed else None
    today = _staged(sizes[0]) if sizes else f"nothing is staged; {_consolidated(slowest)}"
    if slowest is None:
        return today, "not known: no consolidation of the period shows how long gathering took"
    by_tables, by_rows = slowest.seconds[Phase.GATHERING], slowest.seconds[Phase.MERGE]
    halves = f"each half would gather for about {spoken_seconds(by_tables / 2)} instead of {spoken_seconds(by_tables)}"
    cost = f"and run its own MERGE, which takes {spoken_seconds(by_rows)} now"
    if slowest.longest is Phase.LOCK_WAIT:
        return today, "none: the slowest waited for the lock, and both halves would wait too"
    return today, f"{halves}, {cost}; fewer, larger staging tables have the same effect without a second MERGE"


def _staged(size: StagedSize) -> str:
    name = size.batch.name
    return f"{name}: {counted(size.rows, 'row')} in {counted(size.tables, 'table')}, {size.rows_a_table:.1f} per table"


def _consolidated(slowest: TimedRun | None) -> str:
    if slowest is None:
        return "none was consolidated"
    return (
        f"the slowest had {counted(slowest.run.rows or 0, 'row')} in "
        f"{counted(slowest.run.staging_tables or 0, 'table')}"
    )


_FIXES: Mapping[str, Callable[[Scope, str], _Figures]] = {
    "Increase the lock timeout (lock.max_wait_seconds, lock.lease_seconds)": _lock_timeout,
    "Optimize the MERGE (partition the table by its date)": _merge,
    "Split very large batches": _split,
}
_TIMEOUT, _OPTIMIZE, _SMALLER = _FIXES
_FIX_OF: Mapping[Phase, str] = {
    Phase.LOCK_WAIT: _TIMEOUT,
    Phase.GATHERING: _SMALLER,
    Phase.MERGE: _OPTIMIZE,
    Phase.VALIDATION: _OPTIMIZE,
    Phase.CLEANUP: _SMALLER,
}
