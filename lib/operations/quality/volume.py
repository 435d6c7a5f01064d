"""Enough rows for the games that were due; a date without any is judged in `no_rows`.

A number of rows says nothing by itself: there are nights with one game and nights with
fifteen. So what is compared is the rows of one game by one system.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from statistics import median

from lib.consolidation.upkeep.day_profiles import DayProfile, SystemProfile
from lib.operations.quality.night import Night
from lib.operations.quality.no_rows import VOLUME, without_rows
from lib.operations.quality.picture import rows_over_dates
from lib.verdict.check import Check
from lib.verdict.figure import Figure
from lib.verdict.section import Section, Table, section
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from lib.words.quantities import percent


@section(VOLUME)
def volume(night: Night) -> Section:
    """Rows against games and the recent dates. A date without rows needs a reason."""
    check = _volume_check(night) if night.profile else without_rows(night)
    return Section((check,), (*_figures(night), _recent_dates(night)))


def rows_for_each(systems: Sequence[SystemProfile]) -> float | None:
    """Rows for a game and system of one date; None: there are none."""
    cells = sum(system.games for system in systems)
    return sum(system.active_rows for system in systems) / cells if cells else None


def _compared_rows(night: Night, day: DayProfile) -> float | None:
    """Rows for a game and system, or all rows of the date where the table has no such columns."""
    return rows_for_each(night.coverage.get(day.game_date, [])) if night.has_systems else float(day.active_rows)


def games_of(systems: Sequence[SystemProfile]) -> int:
    """Games of a date: those of the system that has most."""
    return max((system.games for system in systems), default=0)


def _volume_check(night: Night) -> Check:
    assert night.profile is not None
    systems = night.coverage.get(night.game_date, [])
    rows, games, found = night.profile.active_rows, games_of(systems), _compared_rows(night, night.profile)
    past = [each for day in night.past if (each := _compared_rows(night, day)) is not None]
    usual = _usual_rows(night)
    share = (found or 0) / usual if usual else None
    question = VOLUME.on(
        {
            "rows": rows,
            "inactive rows": night.profile.rows - rows,
            "games": games if night.has_systems else None,
            "games due": str(night.due) if night.due.units is None else night.due.units,
            "systems": len(systems) if night.has_systems else None,
            "rows for a game and system": found if night.has_systems else None,
            "usual": usual,
            "usual, from so many earlier dates": len(past),
            "of the usual": percent(None if share is None else 100 * share),
        },
        night.row_count,
    )
    counted = f"{rows:,} rows of {games} games by {len(systems)} systems" if night.has_systems else f"{rows:,} rows"
    step = f"See whether its batches wait in staging: {night.monitoring}"
    if night.has_systems and games < (night.due.units or 0):
        return _too_few_games(night, question.fails(f"{counted}; {night.due}", step))
    if not night.has_past or share is None:
        enough = ", as many as were due" if night.due.units else ""
        return question.unknown(
            f"{counted}{enough}; {night.no_past}", "Read more days (days=…), or wait until there are some."
        )
    summary = f"{counted}: {share:.0%} of the usual rows{' for a game and system' if night.has_systems else ''}"
    if share < night.rules.volume_fail_below:
        return so_far(night, question.fails(summary, step))
    if share < night.rules.volume_warn_below:
        return so_far(night, question.warns(summary, step))
    settings = night.scope.due.settings
    if settings and settings.has_units and night.due.is_due is None:
        return question.unknown(f"{summary}; {night.due}", "Correct due: in the environment's file, or what it reads.")
    return question.passes(summary)


def _too_few_games(night: Night, check: Check) -> Check:
    """While the date's rows are not late the others may still come, whether or not their batch has begun."""
    if night.is_late or night.is_under_way:
        return so_far(night, check)
    return replace(check, verdict=Verdict.WARN, summary=f"so far {check.summary}")


def so_far(night: Night, check: Check) -> Check:
    """What is missing while batches of the date still wait is no failure yet."""
    if not night.is_under_way:
        return check
    summary = f"so far {check.summary}; its batches wait in staging: {', '.join(night.waiting_batches[:3])}"
    verdict = Verdict.WARN if check.verdict is Verdict.FAIL else check.verdict
    return replace(check, verdict=verdict, summary=summary)


def _figures(night: Night) -> list[Figure]:
    """One bar shows nothing."""
    rows = {day: found for day, profile in night.profiles.items() if (found := _compared_rows(night, profile))}
    if len(rows) < 2:
        return []
    of, rules = "rows for a game and system" if night.has_systems else "rows", night.rules
    limits = {"warns": rules.volume_warn_below, "fails": rules.volume_fail_below}
    return [rows_over_dates(rows, of=of, game_date=night.game_date, usual=_usual_rows(night), **limits)]


def _usual_rows(night: Night) -> float | None:
    """The median of the dates before; None: there are none with rows."""
    past = [found for day in night.past if (found := _compared_rows(night, day)) is not None]
    return median(past) if past else None


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

    heading = night.platform.environment.nouns.date_heading
    columns = (heading, "Day", "Rows", "Inactive", "Games", "Systems", "Rows for each", "Last written")
    note = "Rows for each: for one game by one system. Dates without rows are left out."
    if night.days_compared < night.days:
        note += f" {night.days_compared} days before it instead of {night.days}: more would read over the limit."
    rows = [row(day) for day in reversed(night.profiles)]
    return Table("The date and those before it", columns, rows, note, shown=30)
