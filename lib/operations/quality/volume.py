"""Enough rows for the games that there were; and without rows, whether there were games at all.

A number of rows says nothing by itself: there are nights with one game and nights with
fifteen. So what is compared is the rows of one game by one system.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from statistics import median

from lib.consolidation.ledger import MOST_RUNS, is_cut, ledger_runs
from lib.consolidation.upkeep.day_profiles import SystemProfile
from lib.operations.quality.night import Night
from lib.ports.logs import LogEntry
from lib.verdict.check import Check, Question
from lib.verdict.figure import Figure, rows_over_dates
from lib.verdict.section import Section, Table, section
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from lib.words.quantities import percent
from lib.words.text import text_of

VOLUME = Question("volume", "Volume")
_NO_GAMES = re.compile(r"\bno games\b", re.IGNORECASE)
_HALF_A_DAY = timedelta(hours=12)


@section(VOLUME)
def volume(night: Night) -> Section:
    """Rows against games and the recent dates. A date without rows needs a reason."""
    check = _volume_check(night) if night.profile else _without_rows(night)
    return Section((check,), (*_figures(night), _recent_dates(night)))


def rows_for_each(systems: Sequence[SystemProfile]) -> float | None:
    """Rows for a game and system of one date; None: there are none."""
    cells = sum(system.games for system in systems)
    return sum(system.active_rows for system in systems) / cells if cells else None


def games_of(systems: Sequence[SystemProfile]) -> int:
    """Games of a date: those of the system that has most."""
    return max((system.games for system in systems), default=0)


def _volume_check(night: Night) -> Check:
    assert night.profile is not None
    systems = night.coverage.get(night.game_date, [])
    rows, games, found = night.profile.active_rows, games_of(systems), rows_for_each(systems)
    past = [share for day in night.past if (share := rows_for_each(night.coverage.get(day.game_date, []))) is not None]
    usual = median(past) if past else None
    share = (found or 0) / usual if usual else None
    question = VOLUME.on(
        {
            "rows": rows,
            "inactive rows": night.profile.rows - rows,
            "games": games if night.has_systems else None,
            "games told": night.games,
            "systems": len(systems) if night.has_systems else None,
            "rows for a game and system": found,
            "usual": usual,
            "usual, from so many earlier dates": len(past),
            "of the usual": percent(None if share is None else 100 * share),
        },
        night.row_count,
    )
    counted = f"{rows:,} rows of {games} games by {len(systems)} systems" if night.has_systems else f"{rows:,} rows"
    step = f"See whether its batches wait in staging: {night.monitoring}"
    if night.games is not None and games < night.games:
        return so_far(night, question.fails(f"{counted}; {night.games} games were told", step))
    if not night.has_systems:
        step = "Name the columns of game and system in params/quality.yaml."
        summary = f"{counted}; whether that is enough is not known: the table has no column for game and system"
        return question.unknown(summary, step)
    if not night.has_past or share is None:
        return question.unknown(f"{counted}; {night.no_past}", "Read more days (days=…), or wait until there are some.")
    summary = f"{counted}: {share:.0%} of the usual rows for a game and system"
    if share < night.rules.volume_fail_below:
        return so_far(night, question.fails(summary, step))
    if share < night.rules.volume_warn_below:
        return so_far(night, question.warns(summary, step))
    return question.passes(summary)


def so_far(night: Night, check: Check) -> Check:
    """What is missing while batches of the date still wait is no failure yet."""
    if not night.is_under_way:
        return check
    summary = f"so far {check.summary}; its batches wait in staging: {', '.join(night.waiting_batches[:3])}"
    verdict = Verdict.WARN if check.verdict is Verdict.FAIL else check.verdict
    return replace(check, verdict=verdict, summary=summary)


def _without_rows(night: Night) -> Check:
    """No games, not yet, or lost? Only what speaks for an answer gives one."""
    batches = _batches(night)
    lines = list(_lines(night, night.platform.environment.services.both, [night.game_date.isoformat()]))
    weekdays = [night.game_date - timedelta(weeks=number) for number in range(1, night.days_compared // 7 + 1)]
    question = VOLUME.on(
        {
            "games told": night.games,
            "batches": batches,
            "log lines that name the date": len(lines),
            # Off-days keep to no weekday, so this shows what is usual and decides nothing.
            "the same weekdays before": len(weekdays),
            "the same weekdays before, with rows": sum(day in night.profiles for day in weekdays),
        },
        night.row_count,
    )
    return _reason(night, question, batches, lines)


def _reason(night: Night, question: Question, batches: Sequence[str], lines: Sequence[LogEntry]) -> Check:
    coordinator = night.platform.environment.services.coordinator
    monitoring = f"Find out what became of them: {night.monitoring}"
    if night.games == 0:
        return question.passes("no rows: no games, as was told")
    if batches and night.is_over:
        return question.fails(f"no rows: though batches ran: {', '.join(batches[:3])}", monitoring)
    if night.games and night.is_over:
        return question.fails(f"no rows: though {night.games} games were told", monitoring)
    if said := next((line for line in lines if _NO_GAMES.search(line.message)), None):
        return question.passes(f"no rows: no games, says {said.service}: {text_of(said.message)[:120]}")
    if not night.is_over:
        return question.unknown("no rows: the date is not over", "Run this again when its batches are done.")
    if lines:
        summary = f"no rows: though the services speak of the date: {text_of(lines[-1].message)[:120]}"
        return question.unknown(summary, f"Read what was to be done: {night.monitoring}")
    # Workers run only when there is work; the coordinator decides whether there is.
    if next(iter(_lines(night, [coordinator])), None) is None:
        step = "Find out whether there were games, and say so (games=0); then why nothing is logged."
        return question.unknown(f"no rows: and {coordinator} logged nothing that day", step)
    step = f"If there were games, no batch was ever started: run this with games=…, and {night.monitoring}"
    return question.passes(f"no rows: no games: {coordinator} was up, and nothing was started for the date", step)


def _batches(night: Night) -> list[str]:
    platform = night.platform
    runs = ledger_runs(platform.warehouse, platform.table, game_date=night.game_date, most=MOST_RUNS)
    names = list(dict.fromkeys([*(run.batch_id for run in runs if run.staged_rows), *night.waiting_batches]))
    return [*names, f"others before the newest {MOST_RUNS} runs"] if is_cut(runs) else names


def _lines(night: Night, services: Sequence[str], containing: Sequence[str] = ()) -> Iterable[LogEntry]:
    """Batches of a date are started on its eve at the earliest, and end in the night after it."""
    since, until = night.starts_at - _HALF_A_DAY, night.ends_at + _HALF_A_DAY
    return night.platform.logs.entries(services, since=since, until=until, containing=containing)


def _figures(night: Night) -> list[Figure]:
    """One bar shows nothing."""
    counts = {day: (found.active_rows, found.rows - found.active_rows) for day, found in night.profiles.items()}
    return [rows_over_dates(counts, game_date=night.game_date)] if len(counts) > 1 else []


def _recent_dates(night: Night) -> Table:
    zone = night.platform.environment.timezone

    def row(day: date) -> tuple[object, ...]:
        profile, systems = night.profiles[day], night.coverage.get(day, [])
        return (
            day,
            f"{day:%a}",
            profile.active_rows,
            profile.rows - profile.active_rows,
            games_of(systems),
            len(systems),
            rows_for_each(systems),
            local_time(profile.newest, zone),
        )

    columns = ("Game date", "Day", "Rows", "Inactive", "Games", "Systems", "Rows for each", "Last written")
    note = "Rows for each: for one game by one system. Dates without rows are left out."
    if night.days_compared < night.days:
        note += f" {night.days_compared} days before it instead of {night.days}: more would read over the limit."
    rows = [row(day) for day in reversed(night.profiles)]
    return Table("The date and those before it", columns, rows, note, shown=30)
