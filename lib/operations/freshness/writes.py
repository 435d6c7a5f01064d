"""Are all written rows still there, and when was the table last written?

The ledger records how many rows each consolidation inserted. Rows can be added in other ways, but there are fewer only
when someone deleted some.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from lib.consolidation.ledger import MOST_RUNS, LedgerRun, is_cut, ledger_is_empty, ledger_runs
from lib.operations.due.no_rows import what_to_start
from lib.operations.quality.night import Night
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, not_asked, section
from lib.words.dates import local_time
from lib.words.nouns import counted
from lib.words.quantities import spoken_seconds

ROWS_AGAINST_LEDGER = Question(
    "rows_against_ledger",
    "Rows against the ledger",
    affects="readers of the date: its rows are not the ones in the ledger",
    can_wait="until readers need the date",
)
TABLE_FRESHNESS = Question(
    "table_freshness",
    "Freshness of the table",
    affects="every other check: a table that is no longer written to passes them",
    can_wait="yes, as long as no rows are due",
)
_CLOCKS_DIFFER_BY = timedelta(minutes=5)
_MOST_NAMED = 5
_WHILE_THE_PAST_IS_KEPT = "only within the warehouse's time travel window, seven days by default"


@section(ROWS_AGAINST_LEDGER)
def rows_against_ledger(night: Night) -> Section:
    """Compare the rows of the date with the ledger; fewer rows mean that some were deleted by hand."""
    platform = night.platform
    runs = ledger_runs(platform.warehouse, platform.table, game_date=night.game_date, most=MOST_RUNS)
    if not runs and (night.profile is None or ledger_is_empty(platform.warehouse, platform.table)):
        # Other writers do not write to the ledger.
        why = "the date has no rows" if night.profile is None else "the ledger is empty: another writer consolidates"
        return not_asked(ROWS_AGAINST_LEDGER, why)
    return Section((_ledger_check(night, runs),))


def written_at_least(runs: Sequence[LedgerRun]) -> int:
    """Return the number of rows that the date has at least, if none was deleted.

    It is the number of inserted keys, and no less than the keys that any one run inserted or updated.
    """
    inserted = sum(run.inserted_rows for run in runs)
    return max([inserted, *(run.inserted_rows + run.updated_rows for run in runs)])


def _ledger_check(night: Night, runs: Sequence[LedgerRun]) -> Check:
    platform = night.platform
    rows = night.profile.rows if night.profile else 0
    if not runs:
        step = "Find out what writes without the lock and the fence: check the services' revisions with deploy_verify."
        summary = f"{counted(rows, 'row')} written without the fence: the ledger has no consolidation of the date"
        return ROWS_AGAINST_LEDGER.on({"rows now, active or not": rows}).warns(summary, step)
    # Surplus rows are not from the ledger's runs: no consolidation of this library inserts a key twice.
    distinct = rows - night.scope.duplicates.on(night.game_date).excess_rows
    written = written_at_least(runs)
    last = runs[0]
    read = f"the newest {len(runs)}" if is_cut(runs) else len(runs)
    as_of = platform.commands.rows_as_of(night.game_date, last.committed_at + timedelta(minutes=1))
    question = ROWS_AGAINST_LEDGER.on(
        {
            "rows now, active or not": rows,
            "without duplicates": distinct,
            "written, at least": written,
            "consolidations": read,
            "last one": last.batch_id,
            "last one committed": local_time(last.committed_at, platform.environment.timezone),
        },
        [as_of],
    )
    if distinct >= written and is_cut(runs):
        return question.unknown(
            f"{counted(distinct, 'row')}; only {read} runs were read, and older ones may have written more"
        )
    if distinct >= written:
        return question.passes(
            f"{counted(distinct, 'row')} in the table, {written:,} written by {counted(len(runs), 'consolidation')}"
        )
    summary = f"{counted(written - distinct, 'row', 'is')} gone: {written:,} were written, {distinct:,} are left"
    knows_the_past = as_of not in night.row_count
    can_wait = _WHILE_THE_PAST_IS_KEPT if knows_the_past else question.can_wait
    return replace(question, can_wait=can_wait).fails(summary, _restore(knows_the_past=knows_the_past))


def _restore(*, knows_the_past: bool) -> str:
    """BigQuery has time travel, seven days by default; DuckDB has none."""
    found = "Someone deleted them. Find out who before you change anything. To undo a repair: runbook repair undo."
    if not knows_the_past:
        return f"{found} Otherwise restore them from a copy, or stage and consolidate the batch again."
    return f"{found} Time travel (FOR SYSTEM_TIME AS OF) shows the old rows for seven days: see the command."


@section(TABLE_FRESHNESS)
def table_freshness(night: Night) -> Section:
    """Report when the table was last written. A stale one is UNKNOWN, as it passes every other check."""
    return Section((_freshness_check(night),))


def _freshness_check(night: Night) -> Check:
    zone = night.platform.environment.timezone
    name = night.platform.table.table
    last = night.last_written
    if last is None:
        summary = f"{name} has no rows for {night.game_date} or the {counted(night.days, 'day')} before"
        if explained := _explained(night, TABLE_FRESHNESS, summary, night.days):
            return explained
        return TABLE_FRESHNESS.unknown(summary, "Check that this is the table the pipeline writes to.")
    written, days = last.newest, (night.game_date - last.game_date).days
    question = TABLE_FRESHNESS.on(
        {
            "newest date with rows": last.game_date,
            "days without rows": days,
            "last written": local_time(written, zone) if written else "not recorded",
        }
    )
    if written and written > night.scope.now + _CLOCKS_DIFFER_BY:
        ahead = spoken_seconds((written - night.scope.now).total_seconds())
        summary = f"its newest row is {ahead} in the future, which hides the real time of the last write"
        return question.unknown(summary, "A clock or a row is wrong: find the worker that wrote it.")
    if days:
        return _break_check(night, question, last.game_date, days)
    if written is None:  # only the newest date is known then
        return question.passes("the date has rows; no column of newest_first records when they were written")
    early = (night.starts_at - written).total_seconds()
    if early > night.rules.written_at_most_hours_before * 3600:
        summary = f"stale: rows for {night.game_date} were last written {spoken_seconds(early)} before that date began"
        return question.unknown(summary, "Find out why nothing has been written since.", since=written)
    return question.passes(f"rows for the date were last written {local_time(written, zone)}")


def _break_check(night: Night, question: Question, last: date, days: int) -> Check:
    """One day without rows is usual; many mean that the table is no longer written to."""
    summary = f"no rows for {counted(days, 'day')}, the last ones are for {last}"
    if explained := _explained(night, question, summary, days - 1):
        return explained
    if days > night.rules.most_days_without_rows:
        step = "This is normal outside the season. Otherwise find out why nothing has been written since."
        return question.unknown(f"stale: {summary}", step, since=last)
    if days > night.rules.usual_days_without_rows:
        step = "This is normal during a break. Otherwise check that something starts the batches."
        return question.warns(summary, step, since=last)
    return question.passes(f"the day before has rows; {summary}")


def _explained(night: Night, question: Question, summary: str, days: int) -> Check | None:
    """Explain this many days before the date by the environment's `due`; None if it cannot.

    Whether the date itself lacks rows is left to other checks, which know what is still to come.
    """
    if not days:
        return None
    dates, day = night.scope.due, night.game_date
    due = dates.between(day - timedelta(days=days), day)
    missing = [each for each, found in due.items() if found.is_due and night.scope.now >= dates.deadline(each)]
    if missing and missing != [day]:
        named = ", ".join(f"{each} ({due[each]})" for each in missing[-_MOST_NAMED:])
        more = f"{counted(len(missing) - _MOST_NAMED, 'date')} and " if len(missing) > _MOST_NAMED else ""
        return question.fails(f"{summary}; missing: {more}{named}", what_to_start(night.scope))
    if all(found.is_due is False for each, found in due.items() if each < day):
        return question.passes(f"{summary}; {due[day - timedelta(days=1)]}")
    return None
