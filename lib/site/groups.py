"""Groups runs into pages: by month, by environment and runbook, and by environment.

A page depends only on its group, so comparing the groups with those of the last build shows which pages
have changed.

The lead is the run that determines the status of a runbook. The result of a run is valid until a later run
supersedes it: one of the same schedule entry or, if a person started one of the two, one about the same date
(any run, for a runbook without dates). A FAIL for one date is therefore not hidden by a PASS for another.
"Later" refers to the time that a run reports from: a rerun reports from the time of its original, so
rerunning last week's run does not affect today's status. Running and refused runs supersede nothing. Of the
valid results that started within seven days of the newest, the worst counts. The status of an environment is
that of its worst runbook, and never better than what could be checked.
"""

from __future__ import annotations

from calendar import month_name
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from lib.archive.record import RUN_ID_MOMENT, started_at
from lib.schedule.expected import Expected, MissedRun
from lib.site.index import BADNESS, Row
from lib.site.marks import Mark
from lib.verdict.verdict import Verdict

_RUNS_IN_HISTORY = 60
_RUNS_IN_SHARD = 500
_MOST_MARKS = 12
_COUNTS_FOR = timedelta(days=7)
_NOT_KNOWN = "Missed runs cannot be determined"


class Shard(NamedTuple):
    """The runs of a month (UTC) or a part of it: one page, and one file for the search.

    Attributes:
        name: Month and part: ``2026-11-1``.
        rows: Newest first, 500 at most.
        older: The shard before; empty for the oldest.
        parts: Number of parts of the month.
    """

    name: str
    rows: tuple[Row, ...]
    older: str
    newer: str
    parts: int

    @property
    def page(self) -> str:
        """Its page, from the archive's root."""
        return f"_site/runs/{self.name}.html"

    @property
    def script(self) -> str:
        """Path of its rows for the search, relative to the archive's root."""
        return f"_site/runs/{self.name}.js"

    @property
    def title(self) -> str:
        """The month, such as ``November 2026``, and the part if there are several."""
        year, month, part = self.name.split("-")
        # Folders are not validated: one may have month 13 in its name.
        words = f"{month_name[int(month)]} {year}" if 1 <= int(month) <= 12 else f"{year}-{month}"
        return f"{words}, part {part}" if self.parts > 1 else words


class History(NamedTuple):
    """The newest runs of a runbook in an environment.

    Attributes:
        rows: Newest first, 60 at most.
        lead: The run that determines the status (see above); it may be older than the rows.
        marks: Deploys and changes in the environment since the oldest row, oldest first.
    """

    rows: tuple[Row, ...]
    total: int
    lead: Row
    marks: tuple[Mark, ...] = ()

    @property
    def key(self) -> str:
        """``environment/runbook``."""
        return f"{self.lead.environment}/{self.lead.runbook}"

    @property
    def page(self) -> str:
        """Its page, from the archive's root."""
        return f"_site/runbooks/{self.key}/index.html"

    @property
    def running(self) -> Row | None:
        """The newest run if it has not ended."""
        return self.rows[0] if self.rows[0].badness < 0 and self.rows[0] is not self.lead else None

    @property
    def is_outstanding(self) -> bool:
        """Whether there is a problem that no newer run is about."""
        ended = [row for row in self.rows if row.badness >= 0 and not row.was_refused]
        return self.lead.badness > 0 and ended[:1] != [self.lead]


def shards(rows: Sequence[Row]) -> list[Shard]:
    """Group all runs by month, newest first; parts are filled from the month's start, so that old ones stay."""
    by_month: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_month[row.started_at[:7]].append(row)
    found = [shard for month, of_month in by_month.items() for shard in _parted(month, of_month)]
    names = ["", *(shard.name for shard in found), ""]
    neighbours = zip(found, names, names[2:], strict=False)
    return [shard._replace(newer=newer, older=older) for shard, newer, older in neighbours]


def histories(rows: Sequence[Row]) -> list[History]:
    """Group all runs, newest first, by runbook and environment in alphabetical order."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.place.rsplit("/", 1)[0]].append(row)
    marks: dict[str, set[Mark]] = defaultdict(set)
    for row in rows:
        marks[row.environment].update(row.marks)
    groups = (of_one for _, of_one in sorted(found.items()))
    return [_history(of_one, marks[of_one[0].environment]) for of_one in groups]


def followed_places(places: Iterable[str]) -> set[str]:
    """Return the places, given newest first, of the runs whose figures are on a runbook's page."""
    found: dict[str, list[str]] = defaultdict(list)
    for place in places:
        found[place.rsplit("/", 1)[0]].append(place)
    return {place for of_one in found.values() for place in of_one[:_RUNS_IN_HISTORY]}


def _history(rows: Sequence[Row], marks: Iterable[Mark]) -> History:
    newest = tuple(rows[:_RUNS_IN_HISTORY])
    within = (
        mark for mark in marks if newest[-1].started_at <= mark.at <= (newest[0].ended_at or newest[0].started_at)
    )
    return History(newest, len(rows), _lead_of(rows), tuple(sorted(within))[-_MOST_MARKS:])


def _parted(month: str, rows: Sequence[Row]) -> list[Shard]:
    starts = range(0, len(rows), _RUNS_IN_SHARD)
    oldest_first = rows[::-1]
    parts = [oldest_first[start : start + _RUNS_IN_SHARD] for start in starts]
    return [
        Shard(f"{month}-{number}", tuple(reversed(part)), "", "", len(parts))
        for number, part in reversed(list(enumerate(parts, start=1)))
    ]


def _lead_of(rows: Sequence[Row]) -> Row:
    """Return the run, from a runbook's runs newest first, that determines its status; a running one if none ended."""
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
    """Return the beginning of run ids a week earlier; empty if the id has no valid time, such as month 13."""
    try:
        return f"{started_at(run_id) - _COUNTS_FOR:{RUN_ID_MOMENT}}"
    except (ValueError, OverflowError):
        return ""


@dataclass(frozen=True)
class Status:
    """The status of an environment.

    Attributes:
        verdict: The worst verdict; RUNNING if no run has ended yet. At best UNKNOWN if a run was missed,
            an entry is paused, or this cannot be determined.
        next_step: What to do now; may be empty.
        lead: The run that determines the verdict; for PASS, the oldest one. None if no run does.
        histories: Histories of its runbooks, worst first.
        missed: Missed runs, newest first.
    """

    environment: str
    verdict: str
    headline: str
    next_step: str
    lead: Row | None
    histories: tuple[History, ...]
    missed: tuple[MissedRun, ...]

    @property
    def tally(self) -> str:
        """The number of its runbooks that passed."""
        return f"{len(_passed(self.histories))} of {len(self.histories)} passed"

    @property
    def overdue(self) -> list[tuple[MissedRun, int]]:
        """The newest missed run of each schedule entry, with the number of earlier missed runs."""
        by_entry: dict[str, list[MissedRun]] = defaultdict(list)
        for run in self.missed:
            by_entry[run.entry.name].append(run)
        return [(runs[0], len(runs) - 1) for runs in by_entry.values()]


def statuses(histories: Sequence[History], expected: Expected) -> list[Status]:
    """Return the status of each environment with actual or missed runs, worst first."""
    names = {history.lead.environment for history in histories} | {run.entry.environment for run in expected.missed}
    found = [
        _status(
            name,
            [history for history in histories if history.lead.environment == name],
            [run for run in expected.missed if run.entry.environment == name],
            is_known=not expected.problem,
        )
        for name in names
    ]
    return sorted(found, key=lambda status: (-BADNESS[status.verdict], status.environment))


def _status(environment: str, histories: Sequence[History], missed: Sequence[MissedRun], *, is_known: bool) -> Status:
    ordered = sorted(histories, key=lambda history: (-history.lead.badness, history.lead.runbook))
    bad = [history.lead for history in ordered if history.lead.badness > 0]
    if (missed or not is_known) and (not bad or bad[0].badness < Verdict.UNKNOWN.badness):
        verdict, lead = str(Verdict.UNKNOWN), None
        headline, next_step = (missed[0].headline, missed[0].next_step) if missed else (_NOT_KNOWN, "")
    elif bad:
        lead = bad[0]
        verdict, headline, next_step = lead.verdict, lead.headline, lead.next_step
    else:
        lead = min(_passed(ordered), key=lambda row: row.started_at, default=ordered[0].lead)
        verdict, headline, next_step = lead.verdict, _all_well(ordered), ""
    return Status(environment, verdict, headline, next_step, lead, tuple(ordered), tuple(missed))


def _passed(histories: Sequence[History]) -> list[Row]:
    return [history.lead for history in histories if history.lead.verdict == Verdict.PASS]


def _all_well(histories: Sequence[History]) -> str:
    passed = _passed(histories)
    if not passed:
        return "No run has finished yet"
    if count := len(histories) - len(passed):
        return f"Healthy so far: {len(passed)} passed, {count} {'has' if count == 1 else 'have'} not finished"
    return f"Healthy: all {len(passed)} runbooks passed" if len(passed) > 1 else f"{passed[0].title} It passed."
