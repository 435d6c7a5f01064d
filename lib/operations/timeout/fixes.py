"""Three fixes for a consolidation that times out, each with what it would change here."""

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

# What it is today, and what the fix would change.
_Figures = tuple[str, str]


@section(THREE_FIXES)
def three_fixes(scope: Scope, batch_id: str = "") -> Section:
    """A row a fix: what it is today, and what it would change; and which of them the slowest calls for.

    Without a batch: by the largest and the slowest there are.
    """
    figures = {fix: _figures(fix, scope, batch_id) for fix in _FIXES}
    rows = [(fix, *found) for fix, found in figures.items()]
    table = Table(THREE_FIXES.name, ("Fix", "Today", "It would change"), rows)
    timed = timed_runs(scope.history, batch_id)
    return Section(
        (_called_for(timed[0], figures, threshold(scope.platform.environment, "normal_duration")),) if timed else (),
        (table,),
    )


def _figures(fix: str, scope: Scope, batch_id: str) -> _Figures:
    """A source that cannot be read takes its fix with it, and not the others."""
    try:
        return _FIXES[fix](scope, batch_id)
    except CouldNotLook as error:
        return f"not known: {error}", "-"


def _called_for(slowest: TimedRun, figures: Mapping[str, _Figures], limit: float) -> Check:
    if slowest.silent_in:
        step = "First see whether its holder lives and what the warehouse's queue holds."
        return THREE_FIXES.warns("none of them ends one that hangs", step)
    part = slowest.longest
    evidence: dict[str, Value] = {"slowest": seconds(slowest.total_seconds), str(part): seconds(slowest.seconds[part])}
    question = THREE_FIXES.on(evidence)
    if slowest.total_seconds < limit:
        return question.passes(f"none is called for: nothing took {limit:g} s")
    fix = _FIX_OF[part]
    step = "See the other two with their figures before you change anything."
    return question.warns(f"{part} dominates. {fix}: {figures[fix][1]}", step)


def _lock_timeout(scope: Scope, batch_id: str) -> _Figures:
    """By all batches of the period, since each waits for the others."""
    lock = scope.platform.environment.lock
    today = f"waits at most {lock.max_wait_seconds:g} s; a lease of {lock.lease_seconds:g} s that its holder renews"
    timed = timed_runs(scope.history)
    gave_up = [one for one in timed if EventKind.ACQUISITION_FAILED in one.run.events]
    held = max((one.total_seconds - one.seconds[Phase.LOCK_WAIT] for one in timed), default=0.0)
    longest = spoken_seconds(held)
    if gave_up and held <= lock.max_wait_seconds:
        return today, f"little for {len(gave_up)} that gave up, behind several others: none held it over {longest}"
    if gave_up:
        return today, f"{len(gave_up)} gave up: a wait of more than {longest}, the longest hold, would have sufficed"
    return today, f"nothing: none gave up waiting; the longest held the lock for {longest}, and renewed its lease"


def _merge(scope: Scope, batch_id: str) -> _Figures:
    platform = scope.platform
    layout = platform.activity.layout(platform.table.table)
    of_date = rows_of_date(platform.warehouse, platform.table, scope.game_date)
    share = 100 * of_date / max(layout.rows, 1)
    if not layout.has_partitions:
        return f"{counted(layout.rows, 'row')}, not partitioned", "nothing: this platform has no partitions"
    whole, pruned = spoken_bytes(layout.size_bytes), spoken_bytes(bytes_of_date(layout, of_date))
    if is_pruned(platform, layout):
        return f"partitioned: reads about {pruned} of {whole}", "nothing: it is done"
    return f"each MERGE scans {whole}", f"it would read about {pruned}: {share:.1f}% of the rows are of the date"


def _split(scope: Scope, batch_id: str) -> _Figures:
    sizes = [size for size in staged_sizes(scope.platform) if batch_id in ("", size.batch.batch_id)]
    timed = [one for one in timed_runs(scope.history, batch_id) if one.run.staging_tables]
    slowest = timed[0] if timed else None
    today = _staged(sizes[0]) if sizes else f"nothing is staged; {_consolidated(slowest)}"
    if slowest is None:
        return today, "not known: no consolidation of the period shows how long its gathering took"
    by_tables, by_rows = slowest.seconds[Phase.GATHERING], slowest.seconds[Phase.MERGE]
    halves = f"each half would gather for about {spoken_seconds(by_tables / 2)} instead of {spoken_seconds(by_tables)}"
    cost = f"and start a MERGE of its own, of {spoken_seconds(by_rows)} now"
    if slowest.longest is Phase.LOCK_WAIT:
        return today, "nothing: the slowest waited for the lock, which both halves would have to do"
    return today, f"{halves}, {cost}; fewer and larger staging tables do the same without a second MERGE"


def _staged(size: StagedSize) -> str:
    name = size.batch.name
    return f"{name}: {counted(size.rows, 'row')} in {counted(size.tables, 'table')}, {size.rows_a_table:.1f} a table"


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
