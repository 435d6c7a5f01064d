"""Are the rows still those that were written, and when was that?

The ledger knows how many rows each consolidation inserted. Rows can become more in other ways,
but they become fewer only when someone deletes them.
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
    affects="readers of the date: its rows are not those that the ledger knows",
    can_wait="until readers need the date",
)
TABLE_FRESHNESS = Question(
    "table_freshness",
    "Freshness of the table",
    affects="every other check: a table that stands still passes them",
    can_wait="where no rows are due, yes",
)
_CLOCKS_DIFFER_BY = timedelta(minutes=5)
_MOST_NAMED = 5
_WHILE_THE_PAST_IS_KEPT = "only while the warehouse keeps the table's past: seven days by default"


@section(ROWS_AGAINST_LEDGER)
def rows_against_ledger(night: Night) -> Section:
    """Fewer rows than were written: they were deleted by hand."""
    platform = night.platform
    runs = ledger_runs(platform.warehouse, platform.table, game_date=night.game_date, most=MOST_RUNS)
    if not runs and (night.profile is None or ledger_is_empty(platform.warehouse, platform.table)):
        # Another writer's rows are in no ledger.
        why = "the date has no rows" if night.profile is None else "no consolidation of this library is on record"
        return not_asked(ROWS_AGAINST_LEDGER, why)
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
        summary = f"none of its {counted(rows, 'row')} is in the ledger: they were written without the fence"
        return ROWS_AGAINST_LEDGER.on({"rows now, active or not": rows}).warns(summary, step)
    # A row too many is none of the ledger's: no consolidation of this library inserts a key twice.
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
            f"{counted(distinct, 'row')}, and older runs than {read} are not read: they may have written more"
        )
    if distinct >= written:
        return question.passes(
            f"{counted(distinct, 'row')}, and {written:,} were written by {counted(len(runs), 'consolidation')}"
        )
    summary = f"{counted(written - distinct, 'row', 'is')} gone: {distinct:,} are there, and {written:,} were written"
    knows_the_past = as_of not in night.row_count
    can_wait = _WHILE_THE_PAST_IS_KEPT if knows_the_past else question.can_wait
    return replace(question, can_wait=can_wait).fails(summary, _restore(knows_the_past=knows_the_past))


def _restore(*, knows_the_past: bool) -> str:
    """BigQuery keeps a table's past for seven days by default; DuckDB keeps none."""
    found = "Someone deleted them. Change nothing before you know what; a repair's own undo is: runbook repair undo."
    if not knows_the_past:
        return f"{found} Else restore them from a copy, or stage and consolidate the batch again."
    return f"{found} Time travel (FOR SYSTEM_TIME AS OF) shows them as they were, for seven days: see the command."


@section(TABLE_FRESHNESS)
def table_freshness(night: Night) -> Section:
    """A table that stands still passes every other check, for months: it is UNKNOWN."""
    return Section((_freshness_check(night),))


def _freshness_check(night: Night) -> Check:
    zone = night.platform.environment.timezone
    name = night.platform.table.table
    last = night.last_written
    if last is None:
        summary = f"{name} has no rows of the {night.days} days before {night.game_date}, nor of the date"
        if explained := _explained(night, TABLE_FRESHNESS, summary, night.days):
            return explained
        return TABLE_FRESHNESS.unknown(summary, "See whether this is the table that the pipeline writes to.")
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
        summary = f"its newest row is {ahead} in the future, which hides when it was really written last"
        return question.unknown(summary, "A clock or a row is wrong: find which worker's.")
    if days:
        return _break_check(night, question, last.game_date, days)
    if written is None:  # the newest date is all that such a table shows
        return question.passes("the date has rows; no column of newest_first records when they were written")
    early = (night.starts_at - written).total_seconds()
    if early > night.rules.written_at_most_hours_before * 3600:
        summary = f"stale: the rows of {night.game_date} were last written {spoken_seconds(early)} before it began"
        return question.unknown(summary, "Find out why nothing has been written since.", since=written)
    return question.passes(f"rows of the date last written {local_time(written, zone)}")


def _break_check(night: Night, question: Question, last: date, days: int) -> Check:
    """One day without rows is usual; many are a table that nobody writes to any more."""
    summary = f"no rows for {counted(days, 'day')}, the last are of {last}"
    if explained := _explained(night, question, summary, days - 1):
        return explained
    if days > night.rules.most_days_without_rows:
        step = "Outside the season that is right. In it, find out why nothing has been written since."
        return question.unknown(f"stale: {summary}", step, since=last)
    if days > night.rules.usual_days_without_rows:
        step = "Right during a break; else see whether anything starts the batches."
        return question.warns(summary, step, since=last)
    return question.passes(f"the day before has rows; {summary}")


def _explained(night: Night, question: Question, summary: str, days: int) -> Check | None:
    """What the environment's `due` says of so many days before the date; None: it does not say enough.

    Whether the date itself lacks its rows is for other checks, which know what still comes.
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
