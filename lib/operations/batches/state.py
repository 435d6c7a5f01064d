"""The batches of a date, from the coordinator's documents: progress, what is missing, what happened to the rows.

Skipped in an environment without ``batch_state:``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from lib.consolidation.identifiers import checked_batch_id, is_batch_id
from lib.environment.nouns import Nouns
from lib.operations.batches.outcome import date_of, outcomes
from lib.operations.batches.standing import VERDICTS, Judged, Standing, in_words, items, judge, shown
from lib.operations.scope import Scope
from lib.ports.batch_states import BatchState, BatchStates, is_cut
from lib.verdict.check import Changing, Check, Looking, Question
from lib.verdict.section import Section, Table, not_asked, or_fault, section
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from lib.words.nouns import counted
from lib.words.quantities import Quantity, Value, percent

BATCH_STATE = Question(
    "batch_state",
    "Batches of the date",
    affects="the batches named here: their rows are missing, or not in the table yet",
    can_wait="until readers need the rows",
)
_NOWHERE = "the environment's file has no batch_state"
_MOST_IN_EVIDENCE = 10
_MOST_NAMES_IN_EVIDENCE = 50


@section(BATCH_STATE)
def batch_state(scope: Scope, batch_id: str = "") -> Section:
    """Judge the batches of the date, worst first, or one of them.

    Raises:
        UserError: `batch_id` is not a valid batch id.
    """
    source = scope.platform.batch_states
    if source is None:
        return not_asked(BATCH_STATE, _NOWHERE)
    if batch_id:
        found = source.batch(checked_batch_id(batch_id))
        states = [found] if found else []
    else:
        states = scope.batches or []
    question = BATCH_STATE.named(f"Batch {batch_id}" if batch_id else f"Batches of {scope.game_date}")
    if not states:
        return Section((_none(scope, question, source, batch_id),))
    judged = _judged(scope, states, with_rows=True)
    return Section((_check(scope, question, judged, states),), _tables(scope, source, judged))


@section(BATCH_STATE)
def batches_of_date(scope: Scope) -> Section:
    """List the same batches in a table, without judging them or searching for their rows."""
    source = scope.platform.batch_states
    if source is None:
        return not_asked(BATCH_STATE, _NOWHERE)
    return Section((), _tables(scope, source, _judged(scope, scope.batches or [], with_rows=False)))


def _judged(scope: Scope, states: Sequence[BatchState], *, with_rows: bool) -> list[Judged]:
    found = outcomes(scope, states) if with_rows else None
    minutes = scope.platform.environment.batch_state.stuck_after_minutes
    return judge(states, found, now=scope.now, stuck_after=timedelta(minutes=minutes))


def _none(scope: Scope, question: Question, source: BatchStates, batch_id: str) -> Check:
    """Without a document nothing was started, unless the logs show that documents are kept elsewhere."""
    if batch_id:
        step = "Check the batch id. A batch staged by hand has no document."
        return question.unknown(f"{source.place} has no batch with this id", step)
    runs, _ = or_fault(lambda: scope.history.of_date(scope.game_date))
    if merged := [run for run in runs or () if run.has_merge]:
        logged = counted(len(merged), "consolidation", "was")
        summary = f"{source.place} has no batch of the date, but {logged} logged for it"
        step = "Check that this is the right place, and that the coordinator still writes there."
        return question.unknown(summary, step)
    return question.passes(f"no batch was started: {source.place} has none of the date")


def _check(scope: Scope, question: Question, judged: Sequence[Judged], states: list[BatchState]) -> Check:
    first, environment = judged[0], scope.platform.environment
    summary = f"{in_words(first, environment.timezone, environment.nouns)}{_others(judged[1:])}"
    if first.standing is Standing.CONSOLIDATED and len(judged) > 1:
        partial = sum(bool(one.state.missing_count) for one in judged)
        less = f", {partial} of them with something missing" if partial else ""
        summary = f"all {len(judged)} batches are complete and consolidated{less}"
    looks, changes, step = _what_to_do(scope, first)
    question = question.on(_evidence(judged, environment.nouns), looks)
    if is_cut(states) and first.verdict is not Verdict.FAIL:
        return question.unknown(
            f"only {counted(len(states), 'batch', 'was')} read, there may be more; {summary}", step, changes
        )
    return question.answer(
        first.verdict, summary, step, changes, since=first.state.completed_at or first.state.moved_at
    )


def _others(others: Sequence[Judged]) -> str:
    if not others:
        return ""
    counts = Counter(one.standing for one in others)
    return f"; others: {', '.join(f'{number} {standing}' for standing, number in counts.items())}"


def _evidence(judged: Sequence[Judged], nouns: Nouns) -> dict[str, Value]:
    evidence: dict[str, Value] = {"batches": len(judged)}
    for one in judged[:_MOST_IN_EVIDENCE]:
        evidence[one.name] = [
            str(one.standing),
            percent(one.state.percent),
            *([Quantity(one.state.missing_count, f"{items(nouns)} missing")] if one.state.missing_count else ()),
            *([Quantity(one.outcome.rows, "rows not consolidated")] if one.outcome.tables else ()),
        ]
    if VERDICTS[judged[0].standing] is not Verdict.PASS and (missing := judged[0].state.missing):
        evidence["missing"] = [shown(name) for name in missing[:_MOST_NAMES_IN_EVIDENCE]]
    return evidence


def _what_to_do(scope: Scope, one: Judged) -> tuple[list[Looking], list[Changing], str]:
    """Read-only commands, commands that change something, and the next step."""
    commands = scope.platform.commands
    worker = scope.platform.environment.services.worker
    errors = [commands.read_errors(worker)] if worker else []
    in_logs = f": {errors[0]}" if errors else ""
    if not is_batch_id(one.state.batch_id):
        return [], [], "Check its document: this is not a valid batch id." if one.verdict is not Verdict.PASS else ""
    batch = one.state.batch_id, date_of(one.state)
    look, consolidate = commands.consolidate_dry_run(*batch), commands.consolidate(*batch)
    history = commands.run("consolidation_timeout", {"batch": one.state.batch_id, "hours": 72})
    see = f"Preview the consolidation: {look}; then run it: {consolidate}"
    expected = "If the missing rows are still expected, find out why they fail, and start a batch for them"
    steps: dict[Standing, tuple[list[Looking], list[Changing], str]] = {
        Standing.WAITING: ([look], [consolidate], f"Its rows exist nowhere else. {see}"),
        Standing.GONE: (errors, [], f"Find out why the workers wrote nothing{in_logs}"),
        Standing.STUCK: ([look, *errors], [consolidate], f"If no more rows come, consolidate what is staged. {see}"),
        Standing.NOT_KNOWN: ([], [], "Make it readable and run this runbook again; until then its state is unknown."),
        Standing.UNSEEN: ([history], [], f"Look further back in the logs: {history}"),
        Standing.PARTLY: (errors, [], f"{expected}{in_logs}"),
        Standing.GIVEN_UP: ([look], [], f"The later batch has what is missing. To see what this one left: {look}"),
    }
    return steps.get(one.standing, ([], [], ""))


def _tables(scope: Scope, source: BatchStates, judged: Sequence[Judged]) -> tuple[Table, ...]:
    zone = scope.platform.environment.timezone
    rows = [
        (
            one.name,
            one.standing,
            state.completed,
            state.expected,
            state.missing_count,
            len(state.failed),
            state.predictions,
            local_time(state.started_at, zone),
            local_time(state.moved_at, zone),
            local_time(state.completed_at, zone),
            "; ".join(filter(None, (one.outcome.merged, one.outcome.fault, *state.faults))),
        )
        for one in judged
        for state in [one.state]
    ]
    columns = (
        "Batch",
        "State",
        "Done",
        "Expected",
        "Missing",
        "Failed",
        "Rows recorded",
        "Started",
        "Last progress",
        "Complete",
        "Notes",
    )
    batches = Table(f"Batches of {scope.game_date}", columns, rows, f"From {source.place}.")
    missing = [
        (one.name, shown(name), "failed" if name in one.state.failed else "not done")
        for one in judged
        if not one.state.is_done
        for name in one.state.missing or ()
    ]
    if not missing:
        return (batches,)
    entity = scope.platform.environment.entity.capitalize() or "Name"
    return batches, Table("Missing", ("Batch", entity, "State"), missing, shown=200)
