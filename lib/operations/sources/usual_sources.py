"""The sources of recent dates: what each usually has, and how it ended if it did.

A source that is switched off on purpose stops between two dates, so its last date is complete. One that crashes, or is
lost with a deployment in the middle of a date, leaves that date incomplete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from lib.consolidation.upkeep.day_profiles import SourceProfile
from lib.operations.quality.night import Night
from lib.operations.quality.volume import units_of
from lib.words.dates import local_time

_FEWEST_OF_A_WEEKDAY = 3


@dataclass(frozen=True)
class UsualSource:
    """A source of the recent dates.

    Attributes:
        rows: The median number of rows for a unit.
        is_everywhere: Whether it usually has rows of every unit.
        last: Its last date with rows before the run's date.
        ended_whole: Whether that date had it in all units, with no fewer rows than usual.
        missed: Dates between that one and the run's date, with rows of other sources only.
    """

    rows: float
    is_everywhere: bool
    last: SourceProfile
    ended_whole: bool
    missed: Sequence[date]


def usual_sources(night: Night) -> dict[str | None, UsualSource]:
    """Return by name the sources that are there on most dates since their first, and on most of the same weekday."""
    if not night.has_past:
        return {}
    past = {day: sources for day, sources in night.coverage.items() if day < night.game_date}
    by_source: dict[str | None, list[SourceProfile]] = {}
    for sources in past.values():
        for source in sources:
            by_source.setdefault(source.source, []).append(source)
    return {name: _usual(night, seen, past) for name, seen in by_source.items() if _is_usual(night, seen)}


def last_rows(night: Night, source: SourceProfile) -> str:
    """Return when the source's last row was written, in the run's zone; its date if no column records it."""
    return local_time(source.newest, night.platform.environment.timezone) if source.newest else str(source.game_date)


def is_usual(night: Night, first: date, dates: int, alike: int) -> bool:
    """Return whether a unit or source is usual on the date.

    Args:
        night: The date and its past.
        first: The first date that had it.
        dates: Number of earlier dates that had it.
        alike: How many of those have the date's weekday: a source that never has rows on Sundays is not missing on
            one, and a source that has rows from Monday to Friday is missing on a Tuesday.
    """
    since_first = [profile.game_date for profile in night.past if profile.game_date >= first]
    of_weekday = sum(day.weekday() == night.game_date.weekday() for day in since_first)
    enough = dates >= max(night.rules.fewest_dates, night.rules.usual_share * len(since_first))
    return (enough and 2 * alike >= of_weekday) or alike == of_weekday >= _FEWEST_OF_A_WEEKDAY


def _is_usual(night: Night, seen: Sequence[SourceProfile]) -> bool:
    alike = sum(source.game_date.weekday() == night.game_date.weekday() for source in seen)
    return is_usual(night, seen[0].game_date, len(seen), alike)


def _usual(night: Night, seen: Sequence[SourceProfile], past: dict[date, list[SourceProfile]]) -> UsualSource:
    rows, last = median(map(_rows_of_a_unit, seen)), seen[-1]
    whole = sum(source.units == units_of(past[source.game_date]) for source in seen)
    return UsualSource(
        rows=rows,
        is_everywhere=whole >= night.rules.usual_share * len(seen),
        last=last,
        ended_whole=last.units == units_of(past[last.game_date])
        and _rows_of_a_unit(last) >= night.rules.thin_below * rows,
        missed=[day for day in past if day > last.game_date],
    )


def _rows_of_a_unit(source: SourceProfile) -> float:
    return source.active_rows / max(1, source.units)
