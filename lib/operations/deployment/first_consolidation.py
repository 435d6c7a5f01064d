"""The first consolidation after a deployment, line by line (step 4)."""

from __future__ import annotations

from datetime import datetime

from lib.operations.logs.events import EXPECTED_ORDER, EventKind
from lib.operations.logs.history import LogHistory
from lib.operations.logs.monitoring import no_consolidation_seen
from lib.operations.logs.timeline import Consolidation, Progress
from lib.operations.scope import Scope
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, section
from lib.words.dates import local_time
from lib.words.quantities import Value, seconds, spoken_seconds

FIRST_CONSOLIDATION = Question(
    "first_consolidation",
    "First consolidation",
    affects="the deployment: it is not yet known to work",
    can_wait="until the next batch",
)


@section(FIRST_CONSOLIDATION)
def first_consolidation(scope: Scope) -> Section:
    """Compare the log lines of the first MERGE since the deployment with their expected order."""
    history = scope.history_since_deployment
    seen = [run for run in history.merges if not run.is_only_printed]
    if not seen:
        return Section((no_consolidation_seen(history, FIRST_CONSOLIDATION),))
    run = seen[0]
    return Section((_order_check(history, run),), (_line_table(history, run),))


def _order_check(history: LogHistory, run: Consolidation) -> Check:
    evidence: dict[str, Value] = {
        "batch": run.batch_id or "not logged",
        history.platform.environment.nouns.date: run.likely_game_date or "not logged",
        "lock wait": seconds(run.lock_wait_seconds),
        "MERGE": seconds(run.merge_seconds),
        "missing lines": [str(kind) for kind in run.missing],
    }
    question = FIRST_CONSOLIDATION.on(evidence, [history.platform.commands.read_logs(run.service)])
    batch = run.batch_id or "a batch"
    if bad := _bad_end(question, history, run):
        return bad
    if EventKind.NOT_VALIDATED in run.events:
        step = "It logged that the validation passed although it did not run. See the duplicates step."
        return question.warns(f"{batch}: its validation could not run", step)
    if not run.is_in_order:
        return question.warns(f"{batch}: its log lines are not in the expected order", "Read them.")
    if run.missing:
        return question.warns(f"{batch}: no log line for {', '.join(run.missing)}", "Read its other lines.")
    return question.passes(f"{batch}: all seven log lines, in order, in {spoken_seconds(run.work_seconds)}")


def _bad_end(question: Question, history: LogHistory, run: Consolidation) -> Check | None:
    """None if it merged under the lock and completed."""
    batch, progress = run.batch_id or "a batch", history.progress(run)
    if EventKind.VALIDATION_FAILED in run.events:
        step = "The staging tables are kept. See the duplicates step, then run duplicate_diagnosis."
        return question.fails(f"{batch}: the validation failed", step)
    if run.merged_without_lock:
        disabled = run.has(EventKind.LOCK_DISABLED)
        why = "It logged that the lock is disabled" if disabled else "An old revision may still be serving traffic"
        step = f"{why}. Check the revisions and their traffic."
        return question.fails(f"{batch}: its MERGE ran without the lock", step)
    if progress is Progress.RUNNING:
        return question.unknown(f"{batch}: still running", "Run this again once it has ended.")
    if run.failure and run.failure.kind is not EventKind.LOST:
        step = "Its staging tables are kept. Fix the cause, then consolidate the batch again."
        return question.fails(f"{batch}: {run.failure.in_words}", step)
    if progress is not Progress.COMPLETED:
        step = "Check the lock; run stuck_lock_release if its holder is gone."
        return question.fails(f"{batch}: {progress}", step)
    return None


def _line_table(history: LogHistory, run: Consolidation) -> Table:
    rows: list[tuple[object, ...]] = []
    before: datetime | None = None
    for kind in EXPECTED_ORDER:
        moment = run.at(kind)
        gap = (moment - before).total_seconds() if moment and before else None
        line = run.events[kind].entry.message if kind in run.events else "missing"
        rows.append((kind, local_time(moment, history.platform.environment.timezone), spoken_seconds(gap), line))
        before = moment or before
    caption = f"Lines of {run.batch_id or 'the batch'}, in the expected order"
    return Table(caption, ("Expected", "Logged at", "After", "Line"), rows)
