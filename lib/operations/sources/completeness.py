"""Each unit with rows of each source: what is missing is named, and since when.

A source that stopped for all units at once, after a date that was whole, was mostly switched off: that is a WARN on
the first date without it, and silent from then on. A unit or source that recurs is judged by its own recent dates.
Units that are new on each date, such as games, have none: there each source that usually has rows of every unit is
expected in each.
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
    affects="readers of the date: they lack what is named",
    can_wait="until readers need the date",
)
_MOST_NAMED, _MOST_LISTED, _MOST_COLUMNS = 5, 20, 12


@dataclass(frozen=True)
class _Found:
    """What the date has of each unit and source, beside what is usual."""

    night: Night

    @cached_property
    def usual(self) -> dict[str | None, UsualSource]:
        return usual_sources(self.night) if self.night.groups.source else {}

    @cached_property
    def there(self) -> dict[tuple[str | None, str | None], Cell]:
        """By unit and source what the date has rows of."""
        return {(cell.unit, cell.source): cell for cell in self.night.cells if cell.rows}

    @cached_property
    def units(self) -> list[str | None]:
        return list(dict.fromkeys(unit for unit, _ in self.there))

    @cached_property
    def sources(self) -> list[str | None]:
        return sorted({source for _, source in self.there}, key=str)

    @cached_property
    def units_recur(self) -> bool:
        """Whether units have a past of their own."""
        return any(cell.dates >= self.night.rules.fewest_dates for cell in self.night.cells)

    @property
    def gone(self) -> list[str | None]:
        """Usual sources without an active row."""
        return [name for name in self.usual if name not in self.sources]

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
    def missing(self) -> list[tuple[str | None, str | None]]:
        """Unit and source that should have rows, of the sources that are not gone."""
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
        """The same by name: a unit without any row, from any source."""
        return list(
            dict.fromkeys(
                self.name(unit, source) if not self.night.groups.unit or unit in self.units else self._unit(unit)
                for unit, source in self.missing
            )
        )

    @property
    def thin(self) -> dict[str, str]:
        """By name how few rows there are."""
        words = "the fewest before" if self.units_recur else "usual"
        return {
            self.name(*pair): f"{counted(cell.rows, 'row')}, {fewest:,.0f} are {words}"
            for pair, cell in self.there.items()
            if cell.rows < self.night.rules.thin_below * (fewest := self._fewest(cell))
        }

    @property
    def last_rows(self) -> dict[str | None, str]:
        """By source when its last row was written, of those that miss some or all units."""
        assert self.night.profile is not None
        of_date = {of.source: of for of in self.night.profile.sources if of.active_rows}
        last = {name: self.usual[name].last for name in self.gone}
        last |= {name: of_date[name] for _, name in self.missing if name in of_date}
        return {name: last_rows(self.night, of) for name, of in last.items()}

    def name(self, unit: str | None, source: str | None) -> str:
        """``web in store 7``, or the one that there is."""
        groups = self.night.groups
        return " in ".join([*([str(source)] if groups.source else []), *([self._unit(unit)] if groups.unit else [])])

    def _unit(self, unit: str | None) -> str:
        return f"{self.night.words.unit} {unit}"

    def _fewest(self, cell: Cell) -> float:
        """Rows that a unit and source usually has at least; 0: not known."""
        if self.units_recur:
            return cell.fewest or 0 if cell.dates >= self.night.rules.fewest_dates else 0
        return self.usual[cell.source].rows if cell.source in self.usual else 0

    @cached_property
    def _ended(self) -> list[str | None]:
        return [name for name in self.gone if self._ended_cleanly(self.usual[name], name)]

    def _ended_cleanly(self, usual: UsualSource, name: str | None) -> bool:
        """After a date that was whole; the next has no row of it, active or not, and more sources than stopped."""
        first_without = self.night.profiles[(*usual.missed, self.night.game_date)[0]].sources
        stopped = sum(self.usual[other].last.game_date == usual.last.game_date for other in self.gone)
        left = sum(bool(source.active_rows) for source in first_without)
        return usual.ended_whole and stopped < left and name not in {source.source for source in first_without}


@section(COMPLETENESS)
def completeness(night: Night) -> Section:
    """Sources and units without rows, or with few."""
    if not night.rules.groups.columns:
        return not_asked(COMPLETENESS, "the quality rules name no groups")
    if not night.groups.columns:
        return not_asked(COMPLETENESS, f"the table has no column {', '.join(night.rules.groups.columns)}")
    if night.profile is None:
        return not_asked(COMPLETENESS, "the date has no rows")
    found = _Found(night)
    return Section((_check(found),), (_grid(found),))


def _check(found: _Found) -> Check:
    night, there = found.night, _there(found)
    question = COMPLETENESS.named(f"Completeness by {night.words.groups_named}").on(_evidence(found))
    if not found.there:
        return question.fails("readers see no row of the date", _ran(night))
    if not night.has_past:
        return question.unknown(f"{there}; whether these are all is not known: {night.no_past}")
    if found.lost or found.empty:
        gone = [f"{name} altogether (last rows {found.last_rows[name]})" for name in found.lost]
        return so_far(night, question.fails(f"no rows of {_named([*gone, *found.empty])}", _ran(night)))
    if found.stopped:
        return _stopped(found, question)
    if thin := found.thin:
        few = [f"{name} ({figures})" for name, figures in thin.items()]
        return so_far(night, question.warns(f"few rows of {_named(few)}", _ran(night)))
    return question.passes(f"{there}: nothing usual is missing")


def _there(found: _Found) -> str:
    """``rows of 3 stores by 2 channels``."""
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
    return f"See which batches and workers ran: {night.monitoring}"


def _stopped(found: _Found, question: Question) -> Check:
    night = found.night
    names, last = ", ".join(map(text_of, found.stopped[:_MOST_NAMED])), found.last_rows[found.stopped[0]]
    more = f" and {len(found.stopped) - _MOST_NAMED} more" if len(found.stopped) > _MOST_NAMED else ""
    everywhere = f" for all {plural(night.words.unit)} at once" if night.groups.unit else ""
    summary = f"{names}{more} stopped{everywhere}: switched off, or lost? Last rows {last}"
    deployed = night.platform.commands.run("deploy_verify", {"date": night.game_date})
    step = f"This is reported once. If nobody switched it off, look at the newest revision for its cause: {deployed}"
    return question.warns(summary, step)


def _named(missing: Sequence[str]) -> str:
    more = len(missing) - _MOST_NAMED
    return "; ".join(map(text_of, missing[:_MOST_NAMED])) + (f"; and {more} more" if more > 0 else "")


def _listed(names: Iterable[str | None]) -> list[str]:
    """The first of them, each as one bounded line: they come from the rows."""
    return [text_of(name) for name in islice(names, _MOST_LISTED)]


def _grid(found: _Found) -> Table:
    """Units down and sources across, or a row for each of the only ones."""
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
