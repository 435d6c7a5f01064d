"""Duplicates of the business key: counted and explained.

The exact key decides. A table with rounded columns also shows the rounded count, which takes keys that differ only by
rounding for duplicates. They are not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from lib.consolidation.upkeep.duplicates import DuplicateCount, DuplicateKind, Explanation
from lib.operations.duplicates import writers
from lib.operations.duplicates.key_table import key_table
from lib.operations.duplicates.offending_rows import offending_rows
from lib.operations.logs.history import LogHistory
from lib.operations.logs.timeline import batch_names
from lib.operations.logs.validations import in_words, invalid_runs, is_of_inactive_rows
from lib.operations.quality.night import Night
from lib.operations.scope import Scope
from lib.operations.staging.ledger_answers import LEDGER
from lib.platform import Platform
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, not_asked, or_fault, section
from lib.verdict.verdict import Verdict
from lib.words.dates import kept_moment
from lib.words.nouns import agreeing, counted
from lib.words.quantities import Quantity, Value

DUPLICATES = Question(
    "duplicates",
    "Duplicates",
    affects="readers of the date: they get these keys more than once",
    can_wait="as long as readers can; no row is lost",
)
CAUSE = Question(
    "cause_of_duplicates",
    "Cause of the duplicates",
    affects="the next batches: whatever wrote keys twice may do so again",
    can_wait="until the next batch; a repair does not remove the cause",
)
_MOST_COLUMNS = 8
_CAUSES = {
    DuplicateKind.SAME_ID: "one batch was consolidated twice",
    DuplicateKind.DIFFERENT_IDS: "two generations of a row, or two batches, raced",
    DuplicateKind.BOTH: "one batch was consolidated twice, and another raced with it",
    DuplicateKind.IDENTICAL: "the same rows were written twice",
    DuplicateKind.DIFFERING: "two versions of a row were written",
}


@section(DUPLICATES)
def duplicates(scope: Scope, since: date, until: date, *, history: LogHistory | None = None) -> Section:
    """Count the duplicate keys of each date from `since` to `until`, both inclusive.

    Args:
        scope: The run's scope.
        since: First date.
        until: Last date.
        history: The logs, which may show that no rows were due when there are none; the environment's `due` decides
            first.
    """
    return _counted(scope, scope.duplicates.again(since, until), since, until, history)


@section(DUPLICATES)
def duplicates_of(night: Night) -> Section:
    """Count the duplicate keys of the night's date; skipped when it has no rows."""
    if night.profile is None:
        return not_asked(DUPLICATES, "the date has no rows")
    day = night.game_date
    return _counted(night.scope, night.scope.duplicates.between(day, day), day, day)


@section(DUPLICATES)
def remaining_duplicates(scope: Scope, planned: Section) -> Section:
    """Count again at the end of a diagnosis; the next step is the one of the plan that was shown.

    When no duplicates are left, their cause and age no longer count in the verdict.
    """
    day = scope.game_date
    counted = _counted(scope, scope.duplicates.again(day, day), day, day)
    (check,) = counted.checks
    match check.verdict:
        case Verdict.FAIL:
            known = scope.duplicates.explanation_of(day)
            since = kept_moment(writers.doubled_at(known.groups) if known else None)
            step = _repair_of(scope, planned)
            counted = replace(counted, checks=(replace(check, next_step=step, since=since),))
        case Verdict.PASS:
            key = ", ".join(scope.platform.table.key_columns)
            step = f"If readers see rows twice, look downstream for a join that leaves out one of {key}."
            check = _with_failed_validations(scope, check)
            settled = (DUPLICATES.id, CAUSE.id, LEDGER.id)
            found = is_of_inactive_rows(scope.duplicates.on(day))
            return replace(counted, checks=(replace(check, next_step=step),), settles=settled, leads=found)
    return replace(counted, settles=(DUPLICATES.id,))


def _with_failed_validations(scope: Scope, check: Check) -> Check:
    """A validation that failed on inactive rows explains why consolidations failed although the table is clean."""
    failed, _ = or_fault(lambda: invalid_runs(scope.history_of_date.of_date(scope.game_date)))
    if not failed or not is_of_inactive_rows(scope.duplicates.on(scope.game_date)):
        return check
    why = f"the validation of {batch_names(failed)} failed because it counts inactive rows"
    return replace(check, summary=f"{check.summary}; {why}")


@section(CAUSE)
def explanation(scope: Scope) -> Section:
    """Explain the date's duplicates: their kinds and batches, the columns that differ, and the time between them."""
    platform = scope.platform
    explained = scope.duplicates.explained(scope.game_date)
    zone = platform.environment.timezone
    file = offending_rows(explained)
    table = key_table(explained, platform.table.key_columns, timezone=zone, file=file)
    # Another check reports whether there are any; an undo may bring them back after this step.
    checks = (_cause_check(explained, zone),) if explained.groups else ()
    return Section(checks, (table,))


def _counted(
    scope: Scope, counts: Sequence[DuplicateCount], since: date, until: date, history: LogHistory | None = None
) -> Section:
    platform = scope.platform
    rounds = bool(platform.table.rounded_columns)
    rows = [
        (
            *(count.game_date, count.rows, count.keys, count.duplicate_keys, count.excess_rows),
            *([count.rounded_keys] if rounds else []),
        )
        for count in counts
    ]
    heading = platform.environment.nouns.date_heading
    columns = (heading, "Rows", "Keys", "Duplicate keys", "Surplus rows", *(["Rounded count"] if rounds else []))
    note = f"The rounded count rounds {_rounded(platform)} and includes superseded rows; it never affects the verdict."
    period = f"{since}" if since == until else f"{since} to {until}"
    commands = [
        *(platform.commands.looking("duplicates", "--date", count.game_date) for count in counts[-3:]),
        platform.commands.count_duplicates(since),
    ]
    question = DUPLICATES.on(_evidence(counts), commands)
    if counts:
        check = _duplicates_check(platform, question, counts)
    elif none_due := scope.due.none_due(since, until) or (history.off_day if history else ""):
        check = question.passes(f"no rows for {period}, none expected: {none_due}")
    else:
        step = "Find out whether rows were due; if so, look for their batch in the backlog of day1_monitoring."
        check = question.unknown(f"{platform.table.table} has no rows for {period}", step)
    return Section((check,), (Table("Duplicates", columns, rows, note if rounds else ""),))


def _rounded(platform: Platform) -> str:
    return ", ".join(platform.table.rounded_columns)


def _evidence(counts: Sequence[DuplicateCount]) -> dict[str, Value]:
    seen: dict[str, Value] = {}
    for count in counts:
        day = count.game_date
        seen |= {f"duplicate keys {day}": count.duplicate_keys, f"keys {day}": count.keys, f"rows {day}": count.rows}
        seen |= {f"rounded count {day}": count.rounded_keys} if count.rounded_keys is not None else {}
    return seen | {f"keys of inactive rows {count.game_date}": n for count in counts if (n := count.inactive_keys)}


def _duplicates_check(platform: Platform, question: Question, counts: Sequence[DuplicateCount]) -> Check:
    found = [count for count in counts if count.duplicate_keys]
    if not found:
        rows = sum(count.rows for count in counts)
        inactive = "".join(f"; {in_words(count)}" for count in counts if is_of_inactive_rows(count))
        return question.passes(
            f"none in {counted(rows, 'row')} for {', '.join(str(count.game_date) for count in counts)}{inactive}"
        )
    summary = "; ".join(
        f"{counted(count.duplicate_keys, 'duplicate key')} of {count.keys:,} on {count.game_date} "
        f"({counted(count.excess_rows, 'surplus row')}{_and_inactive(count)})"
        for count in found
    )
    diagnose = platform.commands.run("duplicate_diagnosis", {"date": found[-1].game_date})
    return question.fails(summary, f"Find the cause and plan the repair: {diagnose}")


def _and_inactive(count: DuplicateCount) -> str:
    return (
        f"; {counted(count.inactive_keys, 'more key')} of inactive rows "
        f"{agreeing(count.inactive_keys, 'blocks')} nothing"
        if count.inactive_keys
        else ""
    )


def _repair_of(scope: Scope, planned: Section) -> str:
    preview = scope.platform.commands.run("duplicate_diagnosis", {"date": scope.game_date})
    steps = (check.next_step for check in planned.checks if check.next_step)
    return next(steps, f"Preview the repair: {preview}")


def _cause_check(explained: Explanation, timezone: str) -> Check:
    kinds = {kind: number for kind, number in explained.by_kind.items() if number}
    gaps = [group.gap_ms for group in explained.groups if group.gap_ms is not None]
    evidence: dict[str, Value] = {
        **{f"{kind}": Quantity(number, "keys") for kind, number in kinds.items()},
        "batches still in staging": sorted({batch for group in explained.groups for batch in group.batches}),
        "shortest gap between rows of a key": Quantity(min(gaps), "ms") if gaps else None,
        "longest gap between rows of a key": Quantity(max(gaps), "ms") if gaps else None,
    }
    columns = Counter(name for group in explained.groups for name in group.differs).most_common()
    evidence |= {"keys that differ in": [f"{name} ({number:,})" for name, number in columns[:_MOST_COLUMNS]]}
    summary = ", ".join(
        f"{number} {'key' if number == 1 else 'keys'}: {kind} ({_CAUSES[kind]})" for kind, number in kinds.items()
    )
    if more := explained.keys_left_out:
        summary = f"of the first {counted(len(explained.groups), 'key')}, {summary}; {more:,} more were not read"
    if differs := _differs(explained, [name for name, _ in columns]):
        summary = f"{summary}; {differs}"
    step = "Find the two consolidations in the timeline, and check whether they ran without the lock."
    if times := writers.in_words(writers.writes_of(writers.of_several_writes(explained.groups)), timezone):
        summary = f"{summary}; {times}"
        step = "Find what wrote at each of these times, such as a schedule and a backfill, and stop one of the two."
    # Another check fails for the duplicates; a repair removes them, but not their cause.
    return CAUSE.on(evidence).warns(summary, step, since=writers.doubled_at(explained.groups))


def _differs(explained: Explanation, columns: Sequence[str]) -> str:
    """Such as ``their rows differ in quantity, price``; write times are named only if nothing else differs."""
    if columns:
        more = f" and {counted(len(columns) - _MOST_COLUMNS, 'more column')}" if len(columns) > _MOST_COLUMNS else ""
        return f"their rows differ in {', '.join(columns[:_MOST_COLUMNS])}{more}"
    written = dict.fromkeys(name for group in explained.groups for name in group.written_differs)
    return f"their rows differ only in {', '.join(written)}" if written else ""
