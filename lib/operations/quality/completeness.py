"""Each game predicted by each system: what is missing is named, and since when.

A system that stopped for all games at once, after a date that was whole, was mostly switched off: that is a
WARN on the first date without it, and silent from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from lib.consolidation.upkeep.day_profiles import rows_by_game_and_system
from lib.operations.quality.night import Night
from lib.operations.quality.usual_systems import UsualSystem, last_rows, usual_systems
from lib.operations.quality.volume import so_far
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, section
from lib.words.text import text_of

COMPLETENESS = Question(
    "completeness",
    "Completeness by game and system",
    affects="readers of the date: they lack what is named",
    can_wait="until readers need the date",
)
_MOST_NAMED, _MOST_LISTED = 5, 20

Cells = dict[tuple[str | None, str | None], int]


@dataclass(frozen=True)
class _Found:
    """What the date has of each game and system, beside what is usual."""

    night: Night
    cells: Cells

    @cached_property
    def usual(self) -> dict[str | None, UsualSystem]:
        return usual_systems(self.night)

    @property
    def games(self) -> list[str | None]:
        return list(dict.fromkeys(game for game, _ in self.cells))

    @property
    def systems(self) -> list[str | None]:
        return sorted({system for _, system in self.cells}, key=str)

    @property
    def gone(self) -> list[str | None]:
        """Usual systems without an active row."""
        systems = self.systems
        return [name for name in self.usual if name not in systems]

    @property
    def switched_off(self) -> list[str | None]:
        """Those that ended cleanly before an earlier date, which reported them."""
        return [name for name in self._ended if self.usual[name].missed]

    @property
    def stopped(self) -> list[str | None]:
        """Those that ended cleanly just before this date, while nothing of it waits in staging."""
        stopped = [name for name in self._ended if not self.usual[name].missed]
        return stopped if stopped and not self.night.waiting_batches else []

    @property
    def lost(self) -> list[str | None]:
        """All others that are gone."""
        explained = [*self.switched_off, *self.stopped]
        return [name for name in self.gone if name not in explained]

    @cached_property
    def empty(self) -> list[tuple[str | None, str | None]]:
        """System and game without rows, where the system is new or usually has rows of every game."""
        systems = [name for name in self.systems if name not in self.usual or self.usual[name].is_everywhere]
        return [(system, game) for game in self.games for system in systems if (game, system) not in self.cells]

    @property
    def thin(self) -> dict[str, str]:
        """By system and game how few rows there are."""
        return {
            f"{system} in {game}": f"{rows} rows, {self.usual[system].rows:,.0f} are usual"
            for (game, system), rows in self.cells.items()
            if system in self.usual and rows < self.night.rules.thin_below * self.usual[system].rows
        }

    @property
    def last_rows(self) -> dict[str | None, str]:
        """By system when its last row was written, of those that miss some or all games."""
        assert self.night.profile is not None
        of_date = {of.system: of for of in self.night.profile.systems if of.active_rows}
        last = {name: self.usual[name].last for name in self.gone}
        last |= {name: of_date[name] for name, _ in self.empty}
        return {name: last_rows(self.night, of) for name, of in last.items()}

    @cached_property
    def _ended(self) -> list[str | None]:
        return [name for name in self.gone if self._ended_cleanly(self.usual[name], name)]

    def _ended_cleanly(self, usual: UsualSystem, name: str | None) -> bool:
        """After a date that was whole; the next has no row of it, active or not, and more systems than stopped."""
        first_without = self.night.profiles[(*usual.missed, self.night.game_date)[0]].systems
        stopped = sum(self.usual[other].last.game_date == usual.last.game_date for other in self.gone)
        left = sum(bool(system.active_rows) for system in first_without)
        return usual.ended_whole and stopped < left and name not in {system.system for system in first_without}


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
    found = _Found(night, cells)
    return Section((_check(found),), (_grid(found),))


def _check(found: _Found) -> Check:
    night, usual = found.night, found.usual
    empty = [f"{system} in {game}" for system, game in found.empty]
    question = COMPLETENESS.on(
        {
            "games": len(found.games),
            "systems": _listed(found.systems),
            "usual systems that are missing": _listed([*found.lost, *found.stopped]),
            "games that a system left out": _listed(empty),
            "games with few rows": _listed(found.thin),
            "last rows": _listed(f"{text_of(name)}: {when}" for name, when in found.last_rows.items()),
            "switched off": _listed(f"{text_of(name)} since {usual[name].missed[0]}" for name in found.switched_off),
        }
    )
    if not found.games:
        return question.fails("readers see no row of the date", _ran(night))
    if found.lost or empty:
        gone = [f"{name} altogether (last rows {found.last_rows[name]})" for name in found.lost]
        summary = f"no rows of {_named([*gone, *empty])}"
        return so_far(night, question.fails(summary, _ran(night)) if usual else question.warns(summary, _ran(night)))
    if found.stopped:
        return _stopped(found, question)
    if found.thin:
        few = [f"{cell} ({figures})" for cell, figures in found.thin.items()]
        return so_far(night, question.warns(f"few rows of {_named(few)}", _ran(night)))
    if not night.has_past:
        summary = f"each of {len(found.games)} games has rows of all {len(found.systems)} systems"
        return question.unknown(f"{summary}; whether these are all is not known: {night.no_past}")
    return question.passes(f"each of {len(found.games)} games has its rows of {len(found.systems)} systems")


def _ran(night: Night) -> str:
    return f"See which batches and workers ran: {night.monitoring}"


def _stopped(found: _Found, question: Question) -> Check:
    names, last = ", ".join(map(text_of, found.stopped[:_MOST_NAMED])), found.last_rows[found.stopped[0]]
    more = f" and {len(found.stopped) - _MOST_NAMED} more" if len(found.stopped) > _MOST_NAMED else ""
    cause = "switched off, or its model is missing?"
    summary = f"{names}{more} stopped for all games at once: {cause} Last rows {last}"
    deployed = found.night.platform.commands.run("deploy_verify", {"date": found.night.game_date})
    step = f"This is reported once. If nobody switched it off, look for its model in the newest revision: {deployed}"
    return question.warns(summary, step)


def _named(missing: Sequence[str]) -> str:
    more = len(missing) - _MOST_NAMED
    return "; ".join(map(text_of, missing[:_MOST_NAMED])) + (f"; and {more} more" if more > 0 else "")


def _listed(names: Iterable[str | None]) -> list[str]:
    """The first of them, each as one bounded line: they come from the rows."""
    return [text_of(name) for name in islice(names, _MOST_LISTED)]


def _grid(found: _Found) -> Table:
    systems, cells = found.systems, found.cells
    rows = [(game, *(cells.get((game, system), 0) for system in systems)) for game in found.games]
    return Table("Rows by game and system", ("Game", *(text_of(system) for system in systems)), rows)
