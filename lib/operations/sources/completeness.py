"""Which units and sources have no rows or few rows, and since when.

A source that stopped for all units at once, after a complete date, was most likely switched off: a WARN on the first
date without it, and nothing after that. A unit or source that recurs is judged by its own recent dates. Units that are
new on each date, such as games, have none: each of them should have rows from every source that usually covers all
units.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from lib.consolidation.upkeep.day_profiles import Cell
from lib.operations.quality.night import Night
from lib.operations.quality.volume import so_far
from lib.operations.sources.usual_sources import UsualSource, is_usual, last_rows, usual_sources
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, not_asked, section
from lib.words.nouns import counted, plural
from lib.words.quantities import Value
from lib.words.text import text_of

COMPLETENESS = Question(
    "completeness",
    "Completeness",
    affects="readers of the date: the rows named here are missing",
    can_wait="until readers need the date",
)
_MOST_NAMED, _MOST_LISTED, _MOST_COLUMNS = 5, 20, 12


@dataclass(frozen=True)
class _Found:
    """What the date has of each unit and source, and what is usual."""

    night: Night

    @cached_property
    def usual(self) -> dict[str | None, UsualSource]:
        return usual_sources(self.night) if self.night.groups.source else {}

    @cached_property
    def there(self) -> dict[tuple[str | None, str | None], Cell]:
        """The rows of the date by unit and source."""
        return {(cell.unit, cell.source): cell for cell in self.night.cells if cell.rows}

    @cached_property
    def units(self) -> list[str | None]:
        return list(dict.fromkeys(unit for unit, _ in self.there))

    @cached_property
    def sources(self) -> list[str | None]:
        return sorted({source for _, source in self.there}, key=str)

    @cached_property
    def units_recur(self) -> bool:
        """Whether units recur on other dates."""
        return any(cell.dates >= self.night.rules.fewest_dates for cell in self.night.cells)

    @property
    def gone(self) -> list[str | None]:
        """Usual sources without an active row."""
        return [name for name in self.usual if name not in self.sources]

    @property
    def switched_off(self) -> list[str | None]:
        """The gone ones that ended cleanly before an earlier date; that date reported them."""
        return [name for name in self._ended if self.usual[name].missed]

    @property
    def stopped(self) -> list[str | None]:
        """The gone ones that ended cleanly just before this date, if none of its batches wait in staging."""
        stopped = [name for name in self._ended if not self.usual[name].missed]
        return stopped if stopped and not self.night.waiting_batches else []

    @property
    def lost(self) -> list[str | None]:
        """The other gone ones."""
        explained = [*self.switched_off, *self.stopped]
        return [name for name in self.gone if name not in explained]

    @cached_property
    def missing(self) -> list[tuple[str | None, str | None]]:
        """Units and sources that should have rows but do not, except for gone sources."""
        if not self.units_recur:
            expected = [name for name in self.sources if name not in self.usual or self.usual[name].is_everywhere]
            return [(unit, name) for unit in self.units for name in expected if (unit, name) not in self.there]
        gone, night = self.gone, self.night
        return [
            (cell.unit, cell.source)
            for cell in self.night.cells
            if not cell.rows and cell.source not in gone and is_usual(night, cell.first, cell.dates, cell.alike)
        ]

    @cached_property
    def empty(self) -> list[str]:
        """The names of the missing ones; a unit without any rows is named once."""
        return list(
            dict.fromkeys(
                self.name(unit, source) if not self.night.groups.unit or unit in self.units else self._unit(unit)
                for unit, source in self.missing
            )
        )

    @property
    def thin(self) -> dict[str, str]:
        """The units and sources with few rows, by name, with the figures."""
        limit = "at least {:,.0f} on earlier dates" if self.units_recur else "usually {:,.0f}"
        return {
            self.name(*pair): f"{counted(cell.rows, 'row')}, {limit.format(fewest)}"
            for pair, cell in self.there.items()
            if cell.rows < self.night.rules.thin_below * (fewest := self._fewest(cell))
        }

    @property
    def last_rows(self) -> dict[str | None, str]:
        """When the last row of each source was written, for sources that miss some or all units."""
        assert self.night.profile is not None
        of_date = {of.source: of for of in self.night.profile.sources if of.active_rows}
        last = {name: self.usual[name].last for name in self.gone}
        last |= {name: of_date[name] for _, name in self.missing if name in of_date}
        return {name: last_rows(self.night, of) for name, of in last.items()}

    def name(self, unit: str | None, source: str | None) -> str:
        """Return ``web in store 7``, or the only one of the two that the table has."""
        groups = self.night.groups
        return " in ".join([*([str(source)] if groups.source else []), *([self._unit(unit)] if groups.unit else [])])

    def _unit(self, unit: str | None) -> str:
        return f"{self.night.words.unit} {unit}"

    def _fewest(self, cell: Cell) -> float:
        """The rows that a unit and source usually has; 0 if unknown."""
        if self.units_recur:
            return cell.fewest or 0 if cell.dates >= self.night.rules.fewest_dates else 0
        return self.usual[cell.source].rows if cell.source in self.usual else 0

    @cached_property
    def _ended(self) -> list[str | None]:
        return [name for name in self.gone if self._ended_cleanly(self.usual[name], name)]

    def _ended_cleanly(self, usual: UsualSource, name: str | None) -> bool:
        """It ended with a complete date; the next date has no row of it at all, and more sources than stopped."""
        first_without = self.night.profiles[(*usual.missed, self.night.game_date)[0]].sources
        stopped = sum(self.usual[other].last.game_date == usual.last.game_date for other in self.gone)
        left = sum(bool(source.active_rows) for source in first_without)
        return usual.ended_whole and stopped < left and name not in {source.source for source in first_without}


@section(COMPLETENESS)
def completeness(night: Night) -> Section:
    """Check for sources and units without rows, or with few rows."""
    if not night.rules.groups.columns:
        return not_asked(COMPLETENESS, "the quality rules name no groups")
    if not night.groups.columns:
        return not_asked(COMPLETENESS, f"the table has no column {' or '.join(night.rules.groups.columns)}")
    if night.profile is None:
        return not_asked(COMPLETENESS, "the date has no rows")
    found = _Found(night)
    return Section((_check(found),), (_grid(found),))


def _check(found: _Found) -> Check:
    night, there = found.night, _there(found)
    question = COMPLETENESS.named(f"Completeness by {night.words.groups_named}").on(_evidence(found))
    if not found.there:
        return question.fails("the date has no rows that readers can see", _ran(night))
    if not night.has_past:
        return question.unknown(f"{there}; unknown whether these are all: {night.no_past}")
    if found.lost or found.empty:
        gone = [f"{name} (last ones {found.last_rows[name]})" for name in found.lost]
        return so_far(night, question.fails(f"no rows of {_named([*gone, *found.empty])}", _ran(night)))
    if found.stopped:
        return _stopped(found, question)
    if thin := found.thin:
        few = [f"{name} ({figures})" for name, figures in thin.items()]
        return so_far(night, question.warns(f"few rows of {_named(few)}", _ran(night)))
    return question.passes(f"{there}: nothing usual is missing")


def _there(found: _Found) -> str:
    """Such as ``rows of 3 stores by 2 channels``."""
    words, groups = found.night.words, found.night.groups
    sizes = {groups.unit: (len(found.units), words.unit), groups.source: (len(found.sources), words.source)}
    return f"rows of {' by '.join(counted(*size) for column, size in sizes.items() if column)}"


def _evidence(found: _Found) -> dict[str, Value]:
    words, groups, usual = found.night.words, found.night.groups, found.usual
    seen: dict[str, Value] = {plural(words.unit): len(found.units)} if groups.unit else {}
    if groups.source:
        sources = plural(words.source)
        seen |= {sources: _listed(found.sources)}
        seen |= {f"usual {sources} that are missing": _listed([*found.lost, *found.stopped])}
    seen |= {f"{words.groups_named} without rows": _listed(found.empty)}
    seen |= {f"{words.groups_named} with few rows": _listed(found.thin)}
    if groups.source:
        seen["last rows"] = _listed(f"{text_of(name)}: {when}" for name, when in found.last_rows.items())
        seen["switched off"] = _listed(f"{text_of(name)} since {usual[name].missed[0]}" for name in found.switched_off)
    return seen


def _ran(night: Night) -> str:
    return f"Check which batches and workers ran: {night.monitoring}"


def _stopped(found: _Found, question: Question) -> Check:
    night = found.night
    names, last = ", ".join(map(text_of, found.stopped[:_MOST_NAMED])), found.last_rows[found.stopped[0]]
    more = f" and {len(found.stopped) - _MOST_NAMED} more" if len(found.stopped) > _MOST_NAMED else ""
    everywhere = f" for all {plural(night.words.unit)} at once" if night.groups.unit else ""
    summary = f"{names}{more} stopped{everywhere}, perhaps switched off; last rows {last}"
    deployed = night.platform.commands.run("deploy_verify", {"date": night.game_date})
    step = f"This is reported only once. If nobody switched it off, check the newest revision: {deployed}"
    return question.warns(summary, step)


def _named(missing: Sequence[str]) -> str:
    more = len(missing) - _MOST_NAMED
    return "; ".join(map(text_of, missing[:_MOST_NAMED])) + (f"; and {more} more" if more > 0 else "")


def _listed(names: Iterable[str | None]) -> list[str]:
    """The first names, each as one bounded line, since they come from the rows."""
    return [text_of(name) for name in islice(names, _MOST_LISTED)]


def _grid(found: _Found) -> Table:
    """Units down and sources across; a row for each if the table has only one of the two."""
    words, groups, there = found.night.words, found.night.groups, found.there
    caption = f"Rows by {words.groups_named}"
    if not (groups.unit and groups.source):
        names = [(found.name(*pair), cell.rows) for pair, cell in there.items()]
        return Table(caption, (words.groups_named.capitalize(), "Rows"), names)
    sources, more = found.sources[:_MOST_COLUMNS], len(found.sources) - _MOST_COLUMNS
    rows = [
        (unit, *(cell.rows if (cell := there.get((unit, source))) else 0 for source in sources)) for unit in found.units
    ]
    note = f"{more} more {plural(words.source)} are not shown." if more > 0 else ""
    return Table(caption, (words.unit.capitalize(), *(text_of(source) for source in sources)), rows, note)
