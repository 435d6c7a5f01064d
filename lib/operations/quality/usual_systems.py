"""The prediction systems of the recent dates: what each usually has, and how it ended where it did.

A system that is switched off on purpose stops between two dates: its last date is whole. One that
crashes, or whose model was lost with a deployment in the middle of a date, leaves that date in part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from lib.consolidation.upkeep.day_profiles import SystemProfile
from lib.operations.quality.night import Night
from lib.operations.quality.volume import games_of
from lib.words.dates import local_time


@dataclass(frozen=True)
class UsualSystem:
    """A system of the recent dates.

    Attributes:
        rows: For one game; the median.
        is_everywhere: Whether it usually has rows in every game.
        last: Its last date with rows before the one that is looked at.
        ended_whole: Whether that date had it in all games, with no fewer rows than usual.
        missed: Dates after that one, and before the one that is looked at, which have rows of others only.
    """

    rows: float
    is_everywhere: bool
    last: SystemProfile
    ended_whole: bool
    missed: Sequence[date]


def usual_systems(night: Night) -> dict[str | None, UsualSystem]:
    """By name the systems that most dates since their first have; none without a past."""
    if not night.has_past:
        return {}
    past = {day: systems for day, systems in night.coverage.items() if day < night.game_date}
    by_system: dict[str | None, list[SystemProfile]] = {}
    for systems in past.values():
        for system in systems:
            by_system.setdefault(system.system, []).append(system)
    return {name: _usual(night, seen, past) for name, seen in by_system.items() if _is_usual(night, seen, past)}


def last_rows(night: Night, system: SystemProfile) -> str:
    """When the system's last row was written, in the run's zone; its date where no column tells."""
    return local_time(system.newest, night.platform.environment.timezone) if system.newest else str(system.game_date)


def _is_usual(night: Night, seen: Sequence[SystemProfile], past: dict[date, list[SystemProfile]]) -> bool:
    since_first = sum(day >= seen[0].game_date for day in past)
    return len(seen) >= max(night.rules.fewest_dates, night.rules.usual_system_share * since_first)


def _usual(night: Night, seen: Sequence[SystemProfile], past: dict[date, list[SystemProfile]]) -> UsualSystem:
    rows, last = median(map(_rows_of_a_game, seen)), seen[-1]
    whole = sum(system.games == games_of(past[system.game_date]) for system in seen)
    return UsualSystem(
        rows=rows,
        is_everywhere=whole >= night.rules.usual_system_share * len(seen),
        last=last,
        ended_whole=last.games == games_of(past[last.game_date])
        and _rows_of_a_game(last) >= night.rules.thin_below * rows,
        missed=[day for day in past if day > last.game_date],
    )


def _rows_of_a_game(system: SystemProfile) -> float:
    return system.active_rows / max(1, system.games)
