"""Why a date has no rows: none were due, they are not late yet, or they were lost. UNKNOWN without evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from lib.operations.due.answer import Due
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time, start_of
from lib.words.nouns import counted

if TYPE_CHECKING:
    from lib.operations.scope import Scope

_WEEKS_COMPARED = 4


@dataclass(frozen=True)
class Reason:
    """Why a date has no rows.

    Attributes:
        verdict: The verdict.
        words: The reason in one line, without the date.
        next_step: What to do; may be empty.
    """

    verdict: Verdict
    words: str
    next_step: str = ""


def why_no_rows(scope: Scope, day: date, due: Due, said: str = "") -> Reason:
    """Judge a date without rows.

    Args:
        scope: The run's scope.
        day: The date.
        due: Whether its rows are due.
        said: The coordinator's log line that nothing was due; empty if there is none.
    """
    if due.is_due is False:
        return Reason(Verdict.PASS, str(due))
    following = day + timedelta(days=1)
    ahead = scope.due.rows(following, following).get(following, 0)
    has_begun = scope.now >= start_of(following, scope.platform.environment.timezone)
    if due.is_due is None:
        return _unexplained(scope, day, due, said, 0 if has_begun else ahead)
    return _missing(scope, day, due, said, ahead) if has_begun or not ahead else _ahead(scope, due, ahead)


def _ahead(scope: Scope, due: Due, rows: int) -> Reason:
    """Rows for a date that has not begun, and none for the date before it: their date is from another zone."""
    step = (
        f"Check whether their writer takes its date in a zone other than {scope.platform.environment.timezone}, such "
        "as date.today() in UTC; then write them again with the right date."
    )
    words = f"{due}, but {counted(rows, 'row', 'is')} under the next date, which has not begun"
    return Reason(Verdict.FAIL if due.is_due else Verdict.WARN, words, step)


def _missing(scope: Scope, day: date, due: Due, said: str, ahead: int) -> Reason:
    deadline = scope.due.deadline(day)
    conflict = f", but {said}" if said else ""
    if scope.now < deadline:
        by = local_time(deadline, scope.platform.environment.timezone)
        step = "Find out which of the two is wrong." if said else "Run this again once its batches are done."
        return Reason(Verdict.WARN, f"not yet: {due} by {by}{conflict}", step)
    note = f"; the next date has {counted(ahead, 'row')}" if ahead else ""
    return Reason(Verdict.FAIL, f"{due}{conflict}{note}", what_to_start(scope))


def what_to_start(scope: Scope) -> str:
    """Return the next step when rows were due but none came."""
    coordinator = scope.platform.environment.services.coordinator
    if not coordinator:
        return "Check whether the job that writes the rows ran; then start it."
    calls = f"Check that something calls {coordinator} (a scheduler may have an old URL), and what its /start did"
    return f"{calls}; then start the batch."


def _unexplained(scope: Scope, day: date, due: Due, said: str, ahead: int) -> Reason:
    if scope.due.settings:
        return Reason(Verdict.UNKNOWN, str(due), "Correct due: in the environment's file, or what it reads.")
    if said:
        return Reason(Verdict.PASS, said)
    if ahead:
        return _ahead(scope, due, ahead)
    step = "Find out whether rows were due, and add due: to the environment's file, so that it is known from now on."
    not_yet = "not yet; " if scope.now < scope.due.deadline(day) else ""
    weeks = [day - timedelta(weeks=number) for number in range(1, _WEEKS_COMPARED + 1)]
    had_rows = len(scope.due.rows(weeks[-1], weeks[0]).keys() & {*weeks})
    if had_rows:
        words = f"{not_yet}{had_rows} of the {len(weeks)} {day:%A}s before had rows"
        return Reason(Verdict.WARN, words, step)
    return Reason(Verdict.UNKNOWN, f"{not_yet}{due}", step)
