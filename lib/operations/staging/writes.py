"""Do the workers' writes reach staging? Rows of a failed write are lost, and no waiting table shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lib.consolidation.identifiers import shown_name
from lib.consolidation.schema import statement_that_adds
from lib.consolidation.staging import staging_of
from lib.consolidation.warehouse import Column
from lib.operations.logs.events import Event, EventKind
from lib.operations.logs.monitoring import freshness_check
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, or_fault, section
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from lib.words.nouns import counted
from lib.words.quantities import Quantity, Value

STAGING_WRITES = Question(
    "staging_writes",
    "Staging writes",
    affects="readers: rows of a failed write are in no table",
    can_wait="no: rows that are not staged exist nowhere else",
)
_MOST_NAMED = 20


@section(STAGING_WRITES)
def staging_writes(scope: Scope) -> Section:
    """Check for writes that were logged as failed, and show the columns that the table lacks."""
    events = scope.history.events
    mismatches = [event for event in events if event.kind is EventKind.SCHEMA_MISMATCH]
    failures = [event for event in events if event.kind is EventKind.STAGING_FAILED]
    staged = [event for event in events if event.kind is EventKind.STAGED]
    if mismatches:
        return _mismatch_section(scope, mismatches, failures, staged)
    check = _failure_check(scope, failures, staged) if failures else _none_failed(scope, staged)
    return Section((check,))


def _none_failed(scope: Scope, staged: Sequence[Event]) -> Check:
    history, worker = scope.history, scope.platform.environment.services.worker
    fresh = freshness_check(history, worker)
    question = STAGING_WRITES.on({**fresh.evidence, "writes": len(staged)}, fresh.commands)
    if staged:
        return question.passes(f"{counted(len(staged), 'write')} of {counted(_rows(staged), 'row')}, none failed")
    if fresh.verdict is not Verdict.PASS:
        return question.unknown(f"unknown whether writes failed: {fresh.summary}", fresh.next_step)
    return question.passes(f"no failed write was logged; {fresh.summary}")


def _failure_check(scope: Scope, failures: Sequence[Event], staged: Sequence[Event]) -> Check:
    question = _question(scope, failures, staged)
    step = "Rows that are not staged never reach the table: fix the cause, then write them again."
    if staged:
        summary = f"{counted(len(failures), 'write')} failed, {len(staged):,} succeeded: {failures[-1].in_words}"
        return question.warns(summary, step, since=failures[0].at)
    summary = f"{counted(len(failures), 'write')} failed, none succeeded: {failures[-1].in_words}"
    return question.fails(summary, step, since=failures[0].at)


def _mismatch_section(
    scope: Scope, mismatches: Sequence[Event], failures: Sequence[Event], staged: Sequence[Event]
) -> Section:
    platform, first_at = scope.platform, mismatches[0].at
    since = [event for event in staged if event.at > first_at]
    question = _question(scope, [*mismatches, *failures], since)
    began = f"SCHEMA MISMATCH from {local_time(first_at, platform.environment.timezone)}"
    successes = f"{counted(len(since), 'write')} succeeded since" if since else "no successful write was logged since"
    names = list(dict.fromkeys(name for event in mismatches for name in event.columns))
    columns, _ = or_fault(lambda: platform.warehouse.columns(platform.table.table))
    present = [column.name for column in columns or ()]
    lacking = [name for name in names if name not in present]
    if names and not lacking:
        summary = f"{began}; the table now has {_listed(names)}, and {successes}"
        step = "Rows that were not staged never reach the table: write them again."
        return Section((question.warns(summary, step, since=first_at),))
    known, _ = or_fault(lambda: _known_types(platform, lacking))
    types = {column.name: column.type for column in known or ()}
    fields = counted(len(lacking), "field", "is")
    what = f"{fields} not in {platform.table.table}: {_listed(lacking)}" if names else mismatches[0].in_words
    step = _remedy(platform, present, lacking, types)
    verdict = Verdict.WARN if since else Verdict.FAIL
    rows = [(shown_name(name), types.get(name, "unknown")) for name in lacking]
    caption = f"Fields that the workers write but {platform.table.table} lacks"
    check = question.answer(verdict, f"{began}, {what}; {successes}", step, since=first_at)
    return Section((check,), (Table(caption, ("Field", "Type"), rows),))


def _question(scope: Scope, failed: Sequence[Event], staged: Sequence[Event]) -> Question:
    zone = scope.platform.environment.timezone
    times = sorted(event.at for event in failed)
    evidence: dict[str, Value] = {
        "lines of failed writes": len(failed),
        "first": local_time(times[0], zone),
        "last": local_time(times[-1], zone),
        "successful writes": len(staged),
        "rows of successful writes": Quantity(_rows(staged), "rows"),
    }
    worker = scope.platform.environment.services.worker
    return STAGING_WRITES.on(evidence, [scope.platform.commands.read_any_log(worker)])


def _known_types(platform: Platform, names: Iterable[str]) -> list[Column]:
    """The columns that staging tables have, if all of those tables agree on the type."""
    tables = staging_of(platform.warehouse, platform.table, with_columns=True)
    types: dict[str, set[str]] = {}
    for column in (column for table in tables for column in table.columns):
        types.setdefault(column.name, set()).add(column.type)
    return [Column(name, type_) for name in names for type_ in types.get(name, ()) if len(types[name]) == 1]


def _remedy(platform: Platform, present: Sequence[str], lacking: Sequence[str], types: Mapping[str, str]) -> str:
    """The statement that adds columns of known types; an unknown type is not guessed."""
    known = [Column(name, type_) for name, type_ in types.items()]
    statement = statement_that_adds(platform.table, present, known)
    steps = [f"If they are new, add them: {statement}."] if statement else []
    if unclear := [name for name in lacking if name not in types]:
        steps.append(f"The type of {_listed(unclear)} is unknown: check what the worker writes, then add the columns.")
    if not lacking:
        steps.append("The log line names no columns: read it, and add the ones that the worker writes.")
    return " ".join([*steps, "Until then these workers stage no rows; or deploy the previous revision."])


def _listed(names: Sequence[str]) -> str:
    more = [f"and {len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    return ", ".join([*map(shown_name, names[:_MOST_NAMED]), *more])


def _rows(staged: Iterable[Event]) -> int:
    return sum(event.rows or 0 for event in staged)
