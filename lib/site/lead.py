"""Which of a runbook's runs tells how things stand.

What a run says stands until another answers its question: a later run of the same entry of the
schedule, or, when a person started one of the two, a later run about the same date (of a runbook
without dates, any). So a FAIL of one date is not hidden by a PASS of another; a repair answers for
its date, and a released lock for the locks. Later is what looked from a later moment: a rerun looks
from that of its run, so last week's changes nothing of today's. Runs that go on or were refused
answer nothing. Of what stands, and began within seven days of the newest, the worst counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from lib.archive.record import started_at
from lib.site.rows import Row

_COUNTS_FOR = timedelta(days=7)


def lead_of(rows: Sequence[Row]) -> Row:
    """The run that tells how a runbook stands in an environment; one that goes on when none has ended.

    Args:
        rows: All its runs there, newest first.
    """
    answers = (row for row in rows if row.badness >= 0 and not row.was_refused)
    standing = list(_standing(_of_a_week(answers)))
    if standing:
        return max(standing, key=lambda row: row.badness)
    return min(rows, key=lambda row: row.badness < 0)


def _of_a_week(answers: Iterator[Row]) -> Iterator[Row]:
    since = ""
    for row in answers:
        since = since or _week_before(row.run_id)
        if row.run_id < since:
            return
        yield row


def _standing(answers: Iterable[Row]) -> Iterator[Row]:
    entries, dates, dates_by_hand = set[str](), set[str](), set[str]()
    for row in sorted(answers, key=lambda row: row.looked_from, reverse=True):
        if row.entry not in entries and row.date not in (dates_by_hand if row.entry else dates):
            yield row
        dates.add(row.date)
        if row.entry:
            entries.add(row.entry)
        else:
            dates_by_hand.add(row.date)


def _week_before(run_id: str) -> str:
    """As run ids begin; empty when it tells no moment, since a folder may be named after a 13th month."""
    try:
        return f"{started_at(run_id) - _COUNTS_FOR:%Y%m%dT%H%M%SZ}"
    except (ValueError, OverflowError):
        return ""
