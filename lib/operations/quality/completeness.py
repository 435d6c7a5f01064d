"""Each game predicted by each system: what is missing is named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median

from lib.consolidation.upkeep.day_profiles import rows_by_game_and_system
from lib.operations.quality.night import Night
from lib.operations.quality.volume import games_of, so_far
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, section
from lib.words.text import text_of

COMPLETENESS = Question("completeness", "Completeness by game and system")
_MOST_NAMED, _MOST_LISTED = 5, 20

Cells = dict[tuple[str | None, str | None], int]


@dataclass(frozen=True)
class _UsualSystem:
    """A system of the recent dates.

    Attributes:
        rows: For one game; the median.
        is_everywhere: Whether it usually has rows in every game.
    """

    rows: float
    is_everywhere: bool


@section(COMPLETENESS)
def completeness(night: Night) -> Section:
    """Systems and games without rows, or with few."""
    if night.profile is None or not night.has_systems:
        return Section(())
    platform, rules = night.platform, night.rules
    cells = rows_by_game_and_system(
        platform.warehouse,
        platform.table,
        night.game_date,
        game_column=rules.game_column,
        system_column=rules.system_column,
    )
    return Section((_check(night, cells),), (_grid(cells),))


def _check(night: Night, cells: Cells) -> Check:
    games, systems = _distinct(cells)
    usual = _usual_systems(night)
    gone = [name for name in usual if name not in systems]
    expected = [name for name in systems if name not in usual or usual[name].is_everywhere]
    empty = [f"{system} in {game}" for game in games for system in expected if (game, system) not in cells]
    thin = {
        f"{system} in {game}": f"{rows} rows, {usual[system].rows:,.0f} are usual"
        for (game, system), rows in cells.items()
        if system in usual and rows < night.rules.thin_below * usual[system].rows
    }
    question = COMPLETENESS.on(
        {
            "games": len(games),
            "systems": _listed(systems),
            "usual systems that are missing": _listed(gone),
            "games that a system left out": _listed(empty),
            "games with few rows": _listed(thin),
        }
    )
    step = f"See which batches and workers ran: {night.monitoring}"
    if not games:
        return question.fails("readers see no row of the date", step)
    if gone or empty:
        summary = f"no rows of {_named([*(f'{name} altogether' for name in gone), *empty])}"
        return so_far(night, question.fails(summary, step) if usual else question.warns(summary, step))
    if thin:
        few = [f"{cell} ({figures})" for cell, figures in thin.items()]
        return so_far(night, question.warns(f"few rows of {_named(few)}", step))
    if not night.has_past:
        summary = f"each of {len(games)} games has rows of all {len(systems)} systems"
        return question.unknown(f"{summary}; whether these are all is not known: {night.no_past}")
    return question.passes(f"each of {len(games)} games has its rows of {len(systems)} systems")


def _distinct(cells: Cells) -> tuple[list[str | None], list[str | None]]:
    games = dict.fromkeys(game for game, _ in cells)
    return list(games), sorted({system for _, system in cells}, key=str)


def _usual_systems(night: Night) -> dict[str | None, _UsualSystem]:
    """Systems that most of the recent dates have; none without a past."""
    if not night.has_past:
        return {}
    past = [systems for day, systems in night.coverage.items() if day < night.game_date]
    by_system: dict[str | None, list[tuple[float, bool]]] = {}
    for systems in past:
        for system in systems:
            seen = (system.rows / max(1, system.games), system.games == games_of(systems))
            by_system.setdefault(system.system, []).append(seen)
    share = night.rules.usual_system_share
    return {
        name: _UsualSystem(median(rows for rows, _ in seen), sum(whole for _, whole in seen) >= share * len(seen))
        for name, seen in by_system.items()
        if len(seen) >= share * len(past)
    }


def _named(missing: Sequence[str]) -> str:
    more = len(missing) - _MOST_NAMED
    return "; ".join(map(text_of, missing[:_MOST_NAMED])) + (f"; and {more} more" if more > 0 else "")


def _listed(names: Iterable[str | None]) -> list[str]:
    """The first of them, each as one bounded line: they come from the rows."""
    return [text_of(name) for name in islice(names, _MOST_LISTED)]


def _grid(cells: Cells) -> Table:
    games, systems = _distinct(cells)
    rows = [(game, *(cells.get((game, system), 0) for system in systems)) for game in games]
    return Table("Rows by game and system", ("Game", *(text_of(system) for system in systems)), rows)
