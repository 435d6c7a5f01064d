"""The last 30 days of a runbook: the worst verdict of each day in the operators' time zone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from lib.site.groups import History
from lib.site.index import Row, iso
from lib.site.marks import Mark
from lib.words.nouns import counted
from lib.words.pages import in_zone

DAYS = 30


class Day(NamedTuple):
    """A day of a runbook in an environment.

    Attributes:
        date: ``YYYY-MM-DD``, in the environment's time zone.
        verdict: Worst verdict of the runs that started on that day and have ended; empty if there were none.
        runs: Number of those runs.
        changed: Descriptions of their changes.
        deploys: Descriptions of the deploys in the environment on that day.
    """

    date: str
    verdict: str = ""
    runs: int = 0
    changed: tuple[str, ...] = ()
    deploys: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """One line for a tooltip."""
        runs = f" ({'worst of ' if self.runs > 1 else ''}{counted(self.runs, 'run')})" if self.runs else ""
        return " · ".join((self.date, f"{self.verdict or 'no run'}{runs}", *self.changed, *self.deploys))


def strips(rows: Sequence[Row], histories: Iterable[History], now: datetime) -> dict[str, list[Day]]:
    """Return the days of each history by its key, today last.

    Args:
        rows: All runs, newest first; read only as far back as the days go.
        histories: The histories of all runbooks.
        now: The current time (UTC).
    """
    # In some zones the day starts earlier than in UTC.
    since = iso(now - timedelta(days=DAYS + 1))
    by_day: dict[tuple[str, str], list[Row]] = defaultdict(list)
    deploys: dict[str, set[Mark]] = defaultdict(set)
    for row in rows:
        if row.started_at < since:
            break
        deploys[row.environment].update(mark for mark in row.marks if mark.is_deploy)
        if row.badness >= 0 and not row.was_refused:
            by_day[row.place.rsplit("/", 1)[0], row.when[:10]].append(row)
    return {history.key: list(_days(history, now, by_day, deploys[history.lead.environment])) for history in histories}


def _days(
    history: History, now: datetime, by_day: Mapping[tuple[str, str], Sequence[Row]], deploys: Iterable[Mark]
) -> Iterator[Day]:
    timezone = history.lead.timezone
    deployed: dict[str, list[str]] = defaultdict(list)
    for mark in sorted(deploys):
        deployed[in_zone(datetime.fromisoformat(mark.at), timezone)[:10]].append(mark.text)
    for day in _dates(now, timezone):
        yield _day(day, by_day.get((history.key, day), ()))._replace(deploys=tuple(deployed[day]))


def in_words(days: Sequence[Day]) -> str:
    """Describe a strip for people who cannot see it, with the dates of the bad days."""
    counts = Counter(day.verdict for day in days)
    words = [f"{verdict} on {_dates_of(days, verdict)}" for verdict in ("FAIL", "UNKNOWN", "WARN") if counts[verdict]]
    words += [f"PASS on {counts['PASS']} {'day' if counts['PASS'] == 1 else 'days'}", f"no run on {counts['']}"]
    changed = ", ".join(day.date for day in days if day.changed)
    words += [f"changed on {changed}"] if changed else []
    deployed = ", ".join(day.date for day in days if day.deploys)
    words += [f"deployed on {deployed}"] if deployed else []
    return f"{counted(len(days), 'day')} to {days[-1].date}: {'; '.join(words)}"


def _dates(now: datetime, timezone: str) -> list[str]:
    today = date.fromisoformat(in_zone(now, timezone)[:10])
    return [(today - timedelta(days=ago)).isoformat() for ago in range(DAYS - 1, -1, -1)]


def _dates_of(days: Iterable[Day], verdict: str) -> str:
    return ", ".join(day.date for day in days if day.verdict == verdict)


def _day(day: str, rows: Sequence[Row]) -> Day:
    if not rows:
        return Day(day)
    worst = max(rows, key=lambda row: row.badness)
    return Day(day, worst.verdict, len(rows), tuple(change.what for row in rows for change in row.changed))
