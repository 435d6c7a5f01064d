"""Are the rows there that were due on a date and the two dates before it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from lib.operations.due.answer import Due
from lib.operations.due.dates import Counted
from lib.operations.due.no_rows import Reason, why_no_rows
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, or_fault, section
from lib.verdict.verdict import Verdict, worst
from lib.words.dates import start_of
from lib.words.nouns import agreeing, counted
from lib.words.quantities import Value

if TYPE_CHECKING:
    from lib.operations.scope import Scope

ROWS_DUE = Question(
    "rows_due",
    "Rows that were due",
    affects="readers of the dates without rows",
    can_wait="until readers need the dates",
)
_DAYS_BEFORE = timedelta(days=2)
_FOUR_WEEKS = timedelta(weeks=4)


@section(ROWS_DUE)
def rows_due(scope: Scope) -> Section:
    """Check the run's date and the two before it: the rows, or why there are none."""
    first, last = scope.game_date - _DAYS_BEFORE, scope.game_date
    due, rows = scope.due.between(first, last), scope.due.rows(first, last)
    empty = [day for day in due if day not in rows]
    said = _nothing_due(scope, [day for day in empty if due[day].is_due is not False])
    reasons = {day: _reason(scope, day, due[day], said.get(day, "")) for day in empty}
    table = [(day, f"{day:%a}", rows.get(day, 0), str(found), _verdict(reasons.get(day))) for day, found in due.items()]
    columns = (scope.platform.environment.nouns.date_heading, "Day", "Rows", "Due", "Verdict")
    return Section((_check(scope, due, rows, reasons),), (Table("Rows that were due", columns, table),))


def _nothing_due(scope: Scope, days: Sequence[date]) -> dict[date, str]:
    """What the coordinator logged about the dates; another step reports logs that cannot be read."""
    if not days:
        return {}
    began_at = start_of(days[0], scope.platform.environment.timezone)
    history = scope.history if scope.since <= began_at else scope.history_between(began_at, scope.now)
    said, _ = or_fault(lambda: {day: history.no_games_on(day) for day in days})
    return said or {}


def _reason(scope: Scope, day: date, due: Due, said: str) -> Reason:
    """Without `due`, dates before the first rows are not a gap: nobody wrote to the table yet."""
    is_gap = scope.due.settings or day == scope.game_date or scope.due.rows(day - _FOUR_WEEKS, day)
    return why_no_rows(scope, day, due, said) if is_gap else Reason(Verdict.PASS, "before the table's first rows")


def _verdict(reason: Reason | None) -> str:
    return str(reason.verdict if reason else Verdict.PASS)


def _check(scope: Scope, due: Mapping[date, Due], rows: Counted, reasons: Mapping[date, Reason]) -> Check:
    evidence: dict[str, Value] = {
        f"{day:%a} {day}": f"{counted(rows.get(day, 0), 'row')}; {found}" for day, found in due.items()
    }
    commands = scope.platform.commands
    services = scope.platform.environment.services
    logs = [commands.read_any_log(services.coordinator)] if services.is_named else []
    question = ROWS_DUE.on(evidence, [*(commands.count_rows(day) for day in reasons), *logs])
    verdict = worst([reason.verdict for reason in reasons.values()] or [Verdict.PASS])
    decisive = {day: reason for day, reason in reasons.items() if reason.verdict is verdict}
    if verdict is not Verdict.PASS:
        step = next(reversed(decisive.values())).next_step
        return question.answer(verdict, f"no rows for {_spoken(decisive)}", step, since=min(decisive))
    there = f"{len(rows)} of {counted(len(due), 'date')} {agreeing(len(rows), 'has')} rows"
    return question.passes(f"{there}; none for {_spoken(decisive)}" if decisive else there)


def _spoken(reasons: Mapping[date, Reason]) -> str:
    """``2026-03-26 (8 units due), 2026-03-27, 2026-03-28 (none due: off-season)``."""
    parts = []
    for words, found in groupby(reasons.items(), key=lambda item: item[1].words):
        days = [str(day) for day, _ in found]
        parts.append(f"{', '.join(days)} ({words})")
    return ", ".join(parts)
