"""Duplicates of the business key: counted, explained, repaired.

The exact key judges. The guide's own query rounds the line, so its figure is shown
beside: two lines half a point apart are no duplicate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Literal

from lib.consolidation.duplicates import (
    DuplicateCount,
    DuplicateKind,
    Explanation,
    count_duplicates,
    explain_duplicates,
)
from lib.consolidation.repair import apply_repair, plan_repair
from lib.errors import UserError
from lib.operations import by_hand
from lib.operations.dates import local_time
from lib.operations.section import Section, section
from lib.operations.tables import Table
from lib.operations.verdict import Check, Verdict

if TYPE_CHECKING:
    from lib.consolidation.repair import RepairPlan, RepairResult
    from lib.platform import Platform

_CAUSES = {
    DuplicateKind.SAME_ID: "one batch was consolidated twice",
    DuplicateKind.DIFFERENT_IDS: "two generations of a prediction, or two batches, raced",
    DuplicateKind.BOTH: "one batch was consolidated twice, and another raced with it",
}


@section("Duplicates")
def duplicates(platform: Platform, since: date, until: date) -> Section:
    """Duplicate keys of each date from `since` to `until`, both included."""
    counts = count_duplicates(platform.warehouse, platform.table, since, until)
    rows = [
        (count.game_date, count.rows, count.keys, count.duplicate_keys, count.excess_rows, count.guide_keys)
        for count in counts
    ]
    columns = ("Game date", "Rows", "Keys", "Duplicate keys", "Rows too many", "The guide's count")
    note = "The guide's count rounds the line and counts superseded rows too; it decides nothing."
    return Section((duplicates_check(platform, counts, since, until),), (Table("Duplicates", columns, rows, note),))


def duplicates_check(platform: Platform, counts: Sequence[DuplicateCount], since: date, until: date) -> Check:
    """FAIL with the number of duplicate keys; UNKNOWN when there are no rows to judge."""
    period = f"{since}" if since == until else f"{since} to {until}"
    name = f"Duplicates {period}"
    environment = platform.environment
    commands = [
        *(by_hand.command(environment, "duplicates", "--game-date", count.game_date) for count in counts[-3:]),
        by_hand.count_duplicates(platform.table, since),
    ]
    if not counts:
        step = "See whether there were games; if so, whether their batch waits in the backlog of day1_monitoring."
        return Check(name, Verdict.UNKNOWN, f"{platform.table.table} has no rows of {period}", {}, step, commands)
    evidence = {
        f"{count.game_date}": f"{count.duplicate_keys} duplicate keys, {count.keys:,} keys, {count.rows:,} rows; "
        f"the guide's count: {count.guide_keys}"
        for count in counts
    }
    found = [count for count in counts if count.duplicate_keys]
    if not found:
        rows = sum(count.rows for count in counts)
        summary = f"none in {rows:,} rows of {', '.join(str(count.game_date) for count in counts)}"
        return Check(name, Verdict.PASS, summary, evidence, commands=commands)
    worst_date = found[-1].game_date
    summary = "; ".join(
        f"{count.duplicate_keys} duplicate keys of {count.keys:,} on {count.game_date} "
        f"({count.excess_rows} rows too many)"
        for count in found
    )
    diagnose = by_hand.runbook("duplicate_diagnosis", environment, {"game_date": worst_date})
    return Check(name, Verdict.FAIL, summary, evidence, f"Find the cause and see the repair: {diagnose}", commands)


@section("Duplicates")
def remaining_duplicates(platform: Platform, game_date: date) -> Section:
    """The count once more at the end of a diagnosis; the next step is the repair."""
    counted = duplicates(platform, game_date, game_date)
    step = f"When the cause is understood, do what the plan says: {_apply_command(platform, game_date)}"
    checks = [replace(check, next_step=step) if check.verdict is Verdict.FAIL else check for check in counted.checks]
    return replace(counted, checks=tuple(checks))


@section("Cause of the duplicates")
def explanation(platform: Platform, game_date: date) -> Section:
    """How the date's duplicates came to be: kinds, batches, and how far apart."""
    explained = explain_duplicates(platform.warehouse, platform.table, game_date)
    zone = platform.environment.timezone
    key = platform.table.key_columns
    rows = [
        (
            *(group.key[column] for column in key),
            group.rows,
            group.kind,
            group.gap_ms,
            group.batches,
            group.keep,
            tuple(local_time(moment, zone) for moment in group.created_at),
        )
        for group in explained.groups
    ]
    columns = (*key, "Rows", "Kind", "Gap, ms", "Batches", "Kept by a repair", "Created")
    return Section(
        (_cause_check(explained, game_date),),
        (Table(f"Duplicate keys of {game_date}", columns, rows, shown=20),),
    )


def _cause_check(explained: Explanation, game_date: date) -> Check:
    name = "Cause of the duplicates"
    if not explained.groups:
        return Check(name, Verdict.PASS, f"{game_date} has no duplicates to explain")
    kinds = {kind: number for kind, number in explained.by_kind.items() if number}
    gaps = [group.gap_ms for group in explained.groups if group.gap_ms is not None]
    batches = sorted({batch for group in explained.groups for batch in group.batches})
    evidence: dict[str, object] = {f"{kind}": f"{number} keys: {_CAUSES[kind]}" for kind, number in kinds.items()}
    evidence["batches still in staging"] = ", ".join(batches) or "none: cleaned up"
    evidence["created apart"] = f"{min(gaps):,.0f} to {max(gaps):,.0f} ms" if gaps else "not recorded"
    summary = ", ".join(f"{number} keys: {kind} ({_CAUSES[kind]})" for kind, number in kinds.items())
    step = "Find the two consolidations in the timeline below, and whether they ran without the lock."
    # That there are duplicates is another check's FAIL; a repair removes them and not their cause.
    return Check(name, Verdict.WARN, summary, evidence, step)


def checked_repair(repair: Literal["no", "preview", "apply"], repair_date: str, game_date: date) -> None:
    """Refuse a repair that does not name what it changes.

    Raises:
        UserError: ``apply`` without the date it is for, or for another one.
    """
    if repair == "apply" and repair_date != game_date.isoformat():
        raise UserError(
            f"repair=apply changes rows of {game_date}: confirm it with repair_date={game_date} "
            f"(it is {repair_date or 'empty'!r:.40}); nothing was changed"
        )


@section("Repair")
def repair(platform: Platform, game_date: date, mode: Literal["no", "preview", "apply"]) -> Section:
    """Plan the repair of the date and, with ``apply``, do it."""
    if mode == "no":
        return Section(())
    plan = plan_repair(platform.warehouse, platform.table, game_date)
    if plan.is_empty:
        return Section((Check("Repair", Verdict.PASS, f"{game_date} needs none"),))
    if mode == "preview":
        return Section((), (_plan_table(plan), _how_to_apply(platform, game_date)))
    result = apply_repair(platform.warehouse, platform.locks, platform.table, plan)
    undo = by_hand.undo_repair(platform.environment, game_date, result.backup_table.table)
    return Section((_repair_check(result, undo),), (_plan_table(plan), _undo_table(undo)))


def still_open(found: Section, after: Section) -> tuple[Check, ...]:
    """The findings that stand at the end: what a repair has settled is history."""
    settled = all(check.verdict is Verdict.PASS for check in after.checks)
    return () if settled else found.checks


def _plan_table(plan: RepairPlan) -> Table:
    rows = [
        ("duplicate keys", plan.duplicate_keys),
        ("rows of those keys", plan.rows_found),
        ("rows to remove", plan.rows_to_remove),
        ("rows to keep, the newest of each key", plan.rows_found - plan.rows_to_remove),
        ("rows of the date now", plan.rows_of_date),
        ("rows of the date afterwards", plan.rows_of_date - plan.rows_to_remove),
    ]
    return Table(f"Repair plan of {plan.game_date}", ("What", "Rows"), rows)


def _how_to_apply(platform: Platform, game_date: date) -> Table:
    command = _apply_command(platform, game_date)
    note = "It backs the rows up first, refuses if the table has changed meanwhile, and prints its undo."
    return Table("To do what the plan says", ("Command",), [(command,)], note)


def _apply_command(platform: Platform, game_date: date) -> str:
    parameters = {"game_date": game_date, "repair": "apply", "repair_date": game_date}
    return by_hand.runbook("duplicate_diagnosis", platform.environment, parameters)


def _undo_table(undo: str) -> Table:
    return Table("To undo the repair", ("Command",), [(undo,)])


def _repair_check(result: RepairResult, undo: str) -> Check:
    evidence = {
        "removed": result.removed,
        "kept": result.kept,
        "backup": result.backup_table,
        "undo": undo,
        "duplicate keys afterwards": result.duplicate_keys_after,
    }
    summary = f"{result.removed} rows removed, backed up in {result.backup_table}"
    if result.duplicate_keys_after:
        summary += f"; {result.duplicate_keys_after} duplicate keys are there again"
        return Check("Repair", Verdict.FAIL, summary, evidence, "Something writes duplicates now: see the timeline.")
    return Check("Repair", Verdict.PASS, summary, evidence, f"To undo it: {undo}")
