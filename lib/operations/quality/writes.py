"""Are the rows still those that were written, and when was that?

The ledger knows how many rows each consolidation inserted. Rows can become more in other ways,
but they become fewer only when someone deletes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from lib.consolidation.ledger import LedgerRun, ledger_runs
from lib.consolidation.upkeep.duplicates import count_duplicates
from lib.operations import by_hand
from lib.verdict.check import Check
from lib.verdict.section import Section, section
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from lib.words.durations import spoken_seconds
from lib.words.quantities import Value

if TYPE_CHECKING:
    from lib.operations.quality.night import Night

_LEDGER, _FRESH = "Rows against the ledger", "Freshness of the table"
_CLOCKS_DIFFER_BY = timedelta(minutes=5)


@section(_LEDGER)
def rows_against_ledger(night: Night) -> Section:
    """Fewer rows than were written: they were deleted by hand."""
    runs = ledger_runs(night.platform.warehouse, night.platform.table, game_date=night.game_date)
    if not runs and night.profile is None:
        return Section(())
    return Section((_ledger_check(night, runs),))


def written_at_least(runs: Sequence[LedgerRun]) -> int:
    """So many rows the date has if none was deleted.

    All keys that were new, each once; and no fewer than the keys that one run found or made.
    """
    inserted = sum(run.inserted_rows for run in runs)
    return max([inserted, *(run.inserted_rows + run.updated_rows for run in runs)])


def _ledger_check(night: Night, runs: Sequence[LedgerRun]) -> Check:
    platform = night.platform
    rows = night.profile.rows if night.profile else 0
    if not runs:
        step = "Find out what writes past the lock and the fence: see the services' revisions with deploy_verify."
        summary = f"none of its {rows:,} rows is in the ledger: they were written without the fence"
        return Check(_LEDGER, Verdict.WARN, summary, {}, step)
    # A row too many is none of the ledger's: no consolidation of this library inserts a key twice.
    counts = count_duplicates(platform.warehouse, platform.table, night.game_date, night.game_date)
    distinct = rows - sum(count.excess_rows for count in counts)
    written = written_at_least(runs)
    last = runs[0]
    evidence = {
        "rows now, active or not": rows,
        "without duplicates": distinct,
        "written, at least": written,
        "consolidations": len(runs),
        "last one": f"{last.batch_id}, {local_time(last.committed_at, platform.environment.timezone)}",
    }
    commands = [by_hand.rows_as_of(platform.environment, night.game_date, last.committed_at + timedelta(minutes=1))]
    if distinct >= written:
        summary = f"{distinct:,} rows, and {written:,} were written by {len(runs)} consolidations"
        return Check(_LEDGER, Verdict.PASS, summary, evidence, commands=commands)
    summary = f"{written - distinct:,} rows are gone: {distinct:,} are there, and {written:,} were written"
    return Check(_LEDGER, Verdict.FAIL, summary, evidence, _restore(night), commands)


def _restore(night: Night) -> str:
    """BigQuery keeps a table's past for seven days by default; DuckDB keeps none."""
    found = "Someone deleted them. Change nothing before you know what; a repair's own undo is: runbook repair undo."
    if night.platform.environment.platform == "embedded":
        return f"{found} Else restore them from a copy, or stage and consolidate the batch again."
    return f"{found} Time travel (FOR SYSTEM_TIME AS OF) shows them as they were, for seven days: see the command."


@section(_FRESH)
def table_freshness(night: Night) -> Section:
    """A table that stands still passes every other check, for months: it is UNKNOWN."""
    return Section((_freshness_check(night),))


def _freshness_check(night: Night) -> Check:
    zone = night.platform.environment.timezone
    name = night.platform.table.table
    if not night.profiles:
        summary = f"{name} has no rows of the {night.days} days before {night.game_date}, nor of the date"
        return Check(_FRESH, Verdict.UNKNOWN, summary, {}, "See whether this is the table that the pipeline writes to.")
    newest_date = max(night.profiles)
    newest = max((profile.newest for profile in night.profiles.values() if profile.newest), default=None)
    evidence = {"newest date with rows": newest_date, "last written": local_time(newest, zone)}
    if newest and newest > night.scope.now + _CLOCKS_DIFFER_BY:
        ahead = spoken_seconds((newest - night.scope.now).total_seconds())
        summary = f"its newest row is {ahead} in the future, which hides when it was really written last"
        return Check(_FRESH, Verdict.UNKNOWN, summary, evidence, "A clock or a row is wrong: find which worker's.")
    if night.profile is None:
        return _break_check(night, evidence)
    written = night.profile.newest
    if written is None:
        step = "Name the columns that tell when a row was written (newest_first), in the environment's file."
        return Check(_FRESH, Verdict.UNKNOWN, "no column tells when the rows were written", evidence, step)
    evidence["rows of the date last written"] = local_time(written, zone)
    early = (night.starts_at - written).total_seconds()
    if early > night.rules.written_at_most_hours_before * 3600:
        summary = f"stale: the rows of {night.game_date} were last written {spoken_seconds(early)} before it began"
        return Check(_FRESH, Verdict.UNKNOWN, summary, evidence, "Find out why nothing has been written since.")
    return Check(_FRESH, Verdict.PASS, f"rows of the date last written {local_time(written, zone)}", evidence)


def _break_check(night: Night, evidence: dict[str, Value]) -> Check:
    """One day without games is usual; many are a table that nobody writes to any more."""
    newest_date = max(night.profiles)
    days = (night.game_date - newest_date).days
    evidence["days without rows"] = days
    summary = f"no rows for {days} days, the last are of {newest_date}"
    if days > night.rules.most_days_without_rows:
        step = "Outside the season that is right. In it, find out why nothing has been written since."
        return Check(_FRESH, Verdict.UNKNOWN, f"stale: {summary}", evidence, step)
    if days > night.rules.usual_days_without_rows:
        step = "Right during the All-Star break; else see whether anything starts the batches."
        return Check(_FRESH, Verdict.WARN, summary, evidence, step)
    return Check(_FRESH, Verdict.PASS, f"the day before has rows; {summary}", evidence)
