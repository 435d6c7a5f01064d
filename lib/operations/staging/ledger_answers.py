"""What was consolidated, when and by which host, from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from lib.consolidation.identifiers import checked_batch_id
from lib.consolidation.known import Known
from lib.consolidation.ledger import MOST_RUNS, LedgerRun, is_cut, ledger_runs
from lib.consolidation.merged_tables import merged_in_part
from lib.consolidation.staged_batch import StagedBatch, find_staged
from lib.consolidation.upkeep.cleanup import Proof, ProvenTable
from lib.operations.logs.timeline import Progress
from lib.operations.pictures.timeline import pictures, timeline_of_runs
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, or_fault, section
from lib.words.choices import nearest
from lib.words.dates import date_in, local_time
from lib.words.nouns import agreeing, counted
from lib.words.quantities import Value

LEDGER = Question(
    "age_of_duplicates",
    "Ledger",
    affects="readers of the date: they get these keys more than once",
    can_wait="as long as readers can if all are older than the ledger, otherwise until the next batch",
)
BATCH = Question(
    "batch_history",
    "Batch",
    affects="readers: rows of the batch may not be in the table",
    can_wait="until readers need them; unmerged rows are kept in staging",
)


@section(LEDGER)
def committed_consolidations(scope: Scope) -> Section:
    """List the committed consolidations of the date, and check whether its duplicates are older."""
    platform, game_date = scope.platform, scope.game_date
    runs = ledger_runs(platform.warehouse, platform.table, game_date=game_date, most=MOST_RUNS)
    duplicate_keys = scope.duplicates.on(game_date).duplicate_keys
    checks = (_old_or_new(platform, list(reversed(runs)), duplicate_keys),) if runs and duplicate_keys else ()
    note = "A MERGE in the timeline that is missing here is not this library's: it had no fence."
    return Section(checks, (ledger_table(platform, f"Ledger of {game_date}", runs, note),))


def ledger_table(platform: Platform, caption: str, runs: Sequence[LedgerRun], note: str = "") -> Table:
    """Return a table of committed consolidations, in the given order.

    Args:
        platform: The platform with the ledger.
        caption: The table's caption.
        runs: The consolidations.
        note: A note below the table; may be empty.
    """
    note = " ".join(filter(None, (note, f"Only the newest {MOST_RUNS} were read." if is_cut(runs) else "")))
    zone, supersedes = platform.environment.timezone, bool(platform.table.supersedes)
    rows = [
        (
            local_time(run.committed_at, zone),
            run.batch_id,
            run.host,
            len(run.staging_tables),
            run.staged_rows,
            run.inserted_rows,
            run.updated_rows,
            run.deduplicated_rows,
            *([run.superseded_rows] if supersedes else []),
            f"{run.duplicates_before} → {run.duplicates_after}",
        )
        for run in runs
    ]
    columns = (
        "Committed",
        "Batch",
        "By",
        "Tables",
        "Staged",
        "Inserted",
        "Updated",
        "Deduplicated",
        *(["Superseded"] if supersedes else []),
        "Duplicate keys before → after",
    )
    return Table(caption, columns, rows, note)


def _old_or_new(platform: Platform, runs: Sequence[LedgerRun], duplicate_keys: int) -> Check:
    """Each run counted the date's duplicates before and after its own MERGE; new ones in between came without a fence.

    Args:
        platform: The platform with the table.
        runs: The date's runs, oldest first; at least one.
        duplicate_keys: The number of duplicate keys now; at least one.
    """
    added = [run for run in runs if run.duplicates_after > run.duplicates_before]
    between = [
        (later.duplicates_before - run.duplicates_after, f"between {run.batch_id} and {later.batch_id}")
        for run, later in pairwise(runs)
        if later.duplicates_before > run.duplicates_after
    ]
    if duplicate_keys > runs[-1].duplicates_after:
        between.append((duplicate_keys - runs[-1].duplicates_after, f"after {runs[-1].batch_id}"))
    first = runs[0]
    question = LEDGER.named("Age of the duplicates").on(
        {
            "before the first consolidation": first.duplicates_before,
            "first consolidation": f"{first.batch_id}{', of the newest ' + str(len(runs)) if is_cut(runs) else ''}",
            "first consolidation committed": local_time(first.committed_at, platform.environment.timezone),
            "added without the fence": sum(number for number, _ in between),
            "now": duplicate_keys,
        }
    )
    if added:
        summary = f"{added[0].batch_id} added duplicates, which its transaction should have refused"
        return question.fails(summary, "Report this: the fence did not hold.")
    if between:
        verify = platform.commands.run("deploy_verify")
        new = "; ".join(f"{number} {when}" for number, when in between)
        step = f"Check whether an old revision still serves traffic: {verify}"
        return question.warns(f"new ones were written without the fence: {new}", step)
    newest = "newest " if is_cut(runs) else ""
    summary = (
        f"{counted(duplicate_keys, 'duplicate key', 'is')} older than {first.batch_id}; "
        f"{counted(len(runs), f'{newest}consolidation')} added none"
    )
    return question.warns(summary, "They do not block consolidations. Repair them when convenient.")


@section(
    Question(
        "timeline",
        "Timeline",
        affects="the timeline of the date, which is not shown",
        can_wait="yes: no row depends on it",
    )
)
def timeline_of_date(scope: Scope) -> Section:
    """Show the logged consolidations of the date, of all instances, without judging them."""
    history, game_date = scope.history_of_date, scope.game_date
    runs = history.of_date(game_date)
    table = history.table(f"Logged consolidations of {game_date}", runs)
    return Section((), (*pictures(timeline_of_runs(history, runs)), table))


@section(BATCH)
def batch_history(scope: Scope, batch_id: str) -> Section:
    """Report what happened to one batch, which is the headline if all is well; empty if none is named.

    Raises:
        UserError: `batch_id` is not a valid batch id.
    """
    if not batch_id:
        return Section(())
    checked_batch_id(batch_id)
    platform = scope.platform
    runs = tuple(ledger_runs(platform.warehouse, platform.table, batch_id=batch_id, most=MOST_RUNS))
    known = Known(runs, has_fence=bool(runs), has_another_spec=False)
    staged = find_staged(platform.warehouse, platform.table, batch_id, scope.game_date, known=known)
    table = ledger_table(platform, f"Consolidations of {batch_id}", runs)
    listed = [table for table in staged.listed if table.name in staged.to_merge]
    proven = scope.staging_proofs.of(listed)
    return Section((_batch_check(scope, runs, staged, proven),), (table,), leads=True)


def _batch_check(scope: Scope, runs: Sequence[LedgerRun], staged: StagedBatch, proven: Sequence[ProvenTable]) -> Check:
    platform = scope.platform
    # If the batch is in the ledger, the next consolidation decides about tables staged later.
    waiting = [one for one in proven if not (one.proof is Proof.OTHER_WRITER or (one.proof.is_merged and not runs))]
    left = len(proven) - len(waiting)
    rows = sum(one.rows for one in waiting)
    evidence: dict[str, Value] = {
        "tables not merged": len(waiting),
        "rows not merged": rows,
        "tables merged, can be dropped": len(staged.merged) + left,
        "rows newer in the table": sum(one.newer for one in proven),
        "rows inactive in the table": sum(one.inactive for one in proven),
        "consolidations": f"the newest {MOST_RUNS}" if is_cut(runs) else len(runs),
    }
    question = BATCH.named(f"Batch {staged.batch_id}").on(evidence)
    days = sorted({run.day for run in runs})
    done = _in_words(platform, runs[0]) if runs else "never consolidated"
    if len(days) > 1:
        done = f"consolidated for {counted(len(days), 'date')}, {days[0]} to {days[-1]}, the newest {done}"
    if waiting:
        # Without a date, the command merges the remaining dates of a batch with several.
        day = None if len(days) > 1 or merged_in_part(runs) else days[0] if days else date_in(staged.batch_id)
        batch = staged.batch_id, day
        look, consolidate = platform.commands.consolidate_dry_run(*batch), platform.commands.consolidate(*batch)
        summary = (
            f"{done}; {counted(len(waiting), 'staging table')} with {counted(rows, 'row')} "
            f"{agreeing(len(waiting), 'waits')}"
        )
        step = f"Preview the consolidation: {look}; then run it: {consolidate}"
        return question.on(evidence, [look]).warns(summary, step, [consolidate])
    if left and not runs:
        see = platform.commands.run("consolidation_timeout", {"cleanup": staged.batch_id})
        others = "merged by another writer" if any(one.newer or one.inactive for one in proven) else "merged"
        return question.passes(
            f"{others}: all its rows are in the table; {counted(left, 'staging table', 'is')} left", f"Drop them: {see}"
        )
    if runs:
        return question.passes(f"already {done}; nothing waits in staging, and nothing is lost")
    if (logged := _logged(scope, staged.batch_id)) and not scope.guard.holds:
        return question.passes(f"merged, by its log lines: {logged}; no staging tables are left")
    newest = ledger_runs(platform.warehouse, platform.table, most=MOST_RUNS)
    near = nearest(staged.batch_id, {run.batch_id for run in newest}, most=3)
    step = "Check the batch id. Code without the ledger leaves no trace except its log lines."
    of = f", of the newest {MOST_RUNS} runs" if is_cut(newest) else ""
    question = question.on({**evidence, f"similar batch ids{of}": near})
    return question.unknown("it has no staging tables and no ledger row", step)


def _logged(scope: Scope, batch_id: str) -> str:
    """The newest logged consolidation of the batch; empty if there is none, or the logs cannot be read."""
    history = scope.history
    runs, _ = or_fault(lambda: history.consolidations)
    done = [
        run
        for run in runs or []
        if run.batch_id == batch_id and history.progress(run) is Progress.COMPLETED and run.rows
    ]
    if not done:
        return ""
    return f"{counted(done[-1].rows or 0, 'row')}, {local_time(done[-1].last_at, scope.platform.environment.timezone)}"


def _in_words(platform: Platform, run: LedgerRun) -> str:
    committed_at = local_time(run.committed_at, platform.environment.timezone)
    superseded = f", {run.superseded_rows:,} superseded" if run.superseded_rows else ""
    return (
        f"consolidated {committed_at} by {run.host} for {run.day}: "
        f"{counted(run.staged_rows, 'row')} from {counted(len(run.staging_tables), 'staging table')} "
        f"({run.inserted_rows:,} inserted, {run.updated_rows:,} updated, "
        f"{run.deduplicated_rows:,} deduplicated{superseded})"
    )
