"""Duplicates of the business key: counted and explained.

The exact key judges. The guide's own query rounds the line, so its figure is shown
beside: two lines half a point apart are no duplicate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from lib.consolidation.upkeep.duplicates import (
    DuplicateCount,
    DuplicateKind,
    Explanation,
    count_duplicates,
    explain_duplicates,
)
from lib.operations import by_hand
from lib.verdict.check import Check
from lib.verdict.section import Section, section
from lib.verdict.table import Table
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from lib.words.quantities import Value

if TYPE_CHECKING:
    from lib.operations.logs.history import LogHistory
    from lib.platform import Platform

_CAUSES = {
    DuplicateKind.SAME_ID: "one batch was consolidated twice",
    DuplicateKind.DIFFERENT_IDS: "two generations of a prediction, or two batches, raced",
    DuplicateKind.BOTH: "one batch was consolidated twice, and another raced with it",
}


@section("Duplicates")
def duplicates(platform: Platform, since: date, until: date, *, history: LogHistory | None = None) -> Section:
    """Duplicate keys of each date from `since` to `until`, both included.

    Args:
        platform: Whose table.
        since: First game date.
        until: Last one.
        history: Tells whether there were games, in case there are no rows.
    """
    counts = count_duplicates(platform.warehouse, platform.table, since, until, with_guide=True)
    rows = [
        (count.game_date, count.rows, count.keys, count.duplicate_keys, count.excess_rows, count.guide_keys)
        for count in counts
    ]
    columns = ("Game date", "Rows", "Keys", "Duplicate keys", "Rows too many", "The guide's count")
    note = "The guide's count rounds the line and counts superseded rows too; it decides nothing."
    off_day = history.off_day if history and not counts else ""
    return Section(
        (duplicates_check(platform, counts, since, until, off_day),), (Table("Duplicates", columns, rows, note),)
    )


def duplicates_check(
    platform: Platform, counts: Sequence[DuplicateCount], since: date, until: date, off_day: str = ""
) -> Check:
    """FAIL with the number of duplicate keys; UNKNOWN when there are no rows to judge, and should be."""
    period = f"{since}" if since == until else f"{since} to {until}"
    name = f"Duplicates {period}"
    environment = platform.environment
    commands = [
        *(by_hand.command(environment, "duplicates", "--game-date", count.game_date) for count in counts[-3:]),
        by_hand.count_duplicates(environment, since),
    ]
    if not counts and off_day:
        return Check(name, Verdict.PASS, f"no rows, and none expected: {off_day}", {}, commands=commands)
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
def remaining_duplicates(platform: Platform, game_date: date, planned: Section) -> Section:
    """The count once more at the end of a diagnosis; the next step is that of the plan that was shown."""
    counted = duplicates(platform, game_date, game_date)
    steps = [check.next_step for check in planned.checks if check.next_step]
    preview = by_hand.runbook("duplicate_diagnosis", platform.environment, {"game_date": game_date})
    step = steps[0] if steps else f"See the repair that would be done: {preview}"
    key = ", ".join(platform.table.key_columns)
    next_steps = {
        Verdict.FAIL: step,
        # Whoever sees picks twice although the table is clean has to look elsewhere.
        Verdict.PASS: f"If picks are shown several times, look downstream, at a join that leaves out one of {key}.",
    }
    checks = [replace(check, next_step=next_steps.get(check.verdict, check.next_step)) for check in counted.checks]
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
    # Whether there are any is another check's answer; an undo brings them back after this.
    checks = (_cause_check(explained),) if explained.groups else ()
    return Section(checks, (Table(f"Duplicate keys of {game_date}", columns, rows, shown=20),))


def _cause_check(explained: Explanation) -> Check:
    kinds = {kind: number for kind, number in explained.by_kind.items() if number}
    gaps = [group.gap_ms for group in explained.groups if group.gap_ms is not None]
    batches = sorted({batch for group in explained.groups for batch in group.batches})
    evidence: dict[str, Value] = {f"{kind}": f"{number} keys: {_CAUSES[kind]}" for kind, number in kinds.items()}
    evidence["batches still in staging"] = ", ".join(batches) or "none: cleaned up"
    evidence["created apart"] = f"{min(gaps):,.0f} to {max(gaps):,.0f} ms" if gaps else "not recorded"
    summary = ", ".join(f"{number} keys: {kind} ({_CAUSES[kind]})" for kind, number in kinds.items())
    step = "Find the two consolidations in the timeline below, and whether they ran without the lock."
    # That there are duplicates is another check's FAIL; a repair removes them and not their cause.
    return Check("Cause of the duplicates", Verdict.WARN, summary, evidence, step)


def still_open(found: Section, after: Section) -> tuple[Check, ...]:
    """The findings that stand at the end: what a repair has settled is history."""
    settled = all(check.verdict is Verdict.PASS for check in after.checks)
    return () if settled else found.checks
