"""What was consolidated, when, and by whom: the ledger's answer to "where did it go?"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from difflib import get_close_matches
from itertools import pairwise
from typing import TYPE_CHECKING

from lib.consolidation.identifiers import checked_batch_id
from lib.consolidation.ledger import LedgerRun, ledger_runs
from lib.consolidation.staged_batch import StagedBatch, find_staged
from lib.consolidation.upkeep.duplicates import count_duplicates
from lib.operations import by_hand
from lib.verdict.check import Check
from lib.verdict.section import Section, section
from lib.verdict.table import Table
from lib.verdict.verdict import Verdict
from lib.words.dates import date_in, local_time

if TYPE_CHECKING:
    from lib.operations.logs.history import LogHistory
    from lib.platform import Platform

_OLD_OR_NEW = "Old duplicates or new ones"


@section("Ledger")
def committed_consolidations(platform: Platform, game_date: date) -> Section:
    """The consolidations of the date that were committed, and whether its duplicates are older than they."""
    runs = ledger_runs(platform.warehouse, platform.table, game_date=game_date)
    counts = count_duplicates(platform.warehouse, platform.table, game_date, game_date)
    duplicate_keys = sum(count.duplicate_keys for count in counts)
    checks = (_old_or_new(platform, list(reversed(runs)), duplicate_keys),) if runs and duplicate_keys else ()
    note = "A MERGE that is in the timeline and not here was none of this library's: it had no fence."
    return Section(checks, (_table(platform, f"Ledger of {game_date}", runs, note),))


def _table(platform: Platform, caption: str, runs: Sequence[LedgerRun], note: str = "") -> Table:
    zone = platform.environment.timezone
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
        "Duplicate keys before → after",
    )
    return Table(caption, columns, rows, note)


def _old_or_new(platform: Platform, runs: Sequence[LedgerRun], duplicate_keys: int) -> Check:
    """Each run counted the date's duplicates before and after itself; between two runs someone else wrote.

    Args:
        platform: Whose table.
        runs: Of the date, oldest first; at least one.
        duplicate_keys: As many as there are now; at least one.
    """
    zone = platform.environment.timezone
    added = [run for run in runs if run.duplicates_after > run.duplicates_before]
    between = [
        f"{later.duplicates_before - run.duplicates_after} between {run.batch_id} and {later.batch_id}"
        for run, later in pairwise(runs)
        if later.duplicates_before > run.duplicates_after
    ]
    if duplicate_keys > runs[-1].duplicates_after:
        between.append(f"{duplicate_keys - runs[-1].duplicates_after} after {runs[-1].batch_id}")
    first = runs[0]
    evidence = {
        "before the first consolidation": f"{first.duplicates_before}: {first.batch_id}, "
        f"{local_time(first.committed_at, zone)}",
        "came past the fence": "; ".join(between) or "none",
        "now": duplicate_keys,
    }
    if added:
        summary = f"{added[0].batch_id} added duplicates, which its transaction must refuse"
        return Check(_OLD_OR_NEW, Verdict.FAIL, summary, evidence, "Report this: the fence did not hold.")
    if between:
        verify = by_hand.runbook("deploy_verify", platform.environment)
        summary = f"new ones were written past the fence: {'; '.join(between)}"
        return Check(_OLD_OR_NEW, Verdict.WARN, summary, evidence, f"See which old code still serves: {verify}")
    summary = (
        f"all {duplicate_keys} duplicate keys are older than {first.batch_id}; "
        f"none of the {len(runs)} consolidations added any"
    )
    step = "They hold up no consolidation. Repair them when it suits."
    return Check(_OLD_OR_NEW, Verdict.WARN, summary, evidence, step)


@section("Timeline")
def timeline_of_date(history: LogHistory, game_date: date) -> Section:
    """The consolidations of the date as they were logged, all instances together. Judges nothing."""
    return Section((), (history.table(f"Logged consolidations of {game_date}", history.of_date(game_date)),))


@section("Batch")
def batch_history(platform: Platform, batch_id: str) -> Section:
    """What became of one batch; nothing when none is named.

    Raises:
        UserError: It is no batch's name.
    """
    if not batch_id:
        return Section(())
    checked_batch_id(batch_id)
    runs = ledger_runs(platform.warehouse, platform.table, batch_id=batch_id)
    staged = find_staged(platform.warehouse, platform.table, batch_id)
    return Section((_batch_check(platform, runs, staged),), (_table(platform, f"Consolidations of {batch_id}", runs),))


def _batch_check(platform: Platform, runs: Sequence[LedgerRun], staged: StagedBatch) -> Check:
    name = f"Batch {staged.batch_id}"
    rows = sum(table.rows for table in staged.listed if table.name in staged.to_merge)
    evidence = {
        "tables not merged": f"{len(staged.to_merge)}, {rows:,} rows",
        "tables merged, to be dropped": len(staged.merged),
        "consolidations": len(runs),
    }
    done = _told(platform, runs[0]) if runs else "never consolidated"
    if staged.to_merge:
        game_date = runs[0].game_date if runs else date_in(staged.batch_id)
        batch = (platform.environment, staged.batch_id, game_date)
        look, consolidate = by_hand.consolidate_dry_run(*batch), by_hand.consolidate(*batch)
        summary = f"{done}; {len(staged.to_merge)} staging tables with {rows:,} rows wait"
        step = f"See what it would do: {look}; then do it: {consolidate}"
        return Check(name, Verdict.WARN, summary, evidence, step, [look], [consolidate])
    if runs:
        summary = f"already {done}; nothing of it waits in staging, and nothing is lost"
        return Check(name, Verdict.PASS, summary, evidence)
    known = {run.batch_id for run in ledger_runs(platform.warehouse, platform.table)}
    near = get_close_matches(staged.batch_id, known, n=3)
    evidence["batches with a name like it"] = ", ".join(near) or "none"
    step = "See that the name is right. Code without the ledger leaves no trace but its log lines."
    return Check(name, Verdict.UNKNOWN, "no staging tables, and no row in the ledger", evidence, step)


def _told(platform: Platform, run: LedgerRun) -> str:
    committed_at = local_time(run.committed_at, platform.environment.timezone)
    return (
        f"consolidated {committed_at} by {run.host} for {run.game_date}: "
        f"{run.staged_rows:,} rows from {len(run.staging_tables)} staging tables "
        f"({run.inserted_rows:,} inserted, {run.updated_rows:,} updated, {run.deduplicated_rows:,} deduplicated)"
    )
