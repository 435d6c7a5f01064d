"""Values by system: bias, shares and numbers of each prediction system against its own recent dates.

Ranges say what a value may be; this says what a system's values usually are. A system that keeps the
highest of five lines writes nothing that is wrong by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import islice
from statistics import median

from lib.consolidation.upkeep.day_profiles import SystemProfile
from lib.consolidation.upkeep.value_figures import difference, figures
from lib.operations.quality.night import Night
from lib.operations.quality.volume import so_far
from lib.operations.systems.good_dates import left_out
from lib.operations.systems.readings import Reading, compare, readings, varieties
from lib.verdict.check import Check, Question
from lib.verdict.figure import Figure, lines_over_dates
from lib.verdict.section import Section, Table, section
from lib.verdict.verdict import Verdict, worst
from lib.words.quantities import Value
from lib.words.text import text_of

VALUES_BY_SYSTEM = Question("values_by_system", "Values by system")
_MOST_NAMED, _MOST_TOLD, _MOST_LISTED, _MOST_DRAWN, _LONGEST_NAME = 3, 4, 30, 8, 60


@dataclass(frozen=True)
class _Row:
    """One figure of one system of the date beside what is usual.

    Attributes:
        system: Its name, bounded.
        what: Which figure.
        value: As people read it, like `usual`.
        figures: Both as figures.
        scatters: How far apart they are, in times of the usual scatter; 0: that does not judge it.
        verdict: What follows.
    """

    system: str
    what: str
    value: str
    usual: str
    figures: tuple[Value, Value]
    scatters: float
    verdict: Verdict

    @property
    def evidence(self) -> dict[str, Value]:
        label = f"{self.what}, {self.system}"
        return dict(zip((label, f"{label}, usual"), self.figures, strict=True))


@dataclass(frozen=True)
class _Comparison:
    """The systems of a date, each beside its good dates."""

    night: Night

    @property
    def systems(self) -> list[SystemProfile]:
        """Of the date, those of which readers see rows."""
        return _seen(self.night, self.night.game_date)

    @cached_property
    def left_out(self) -> dict[date, str]:
        return left_out(self.night)

    @cached_property
    def good_dates(self) -> list[date]:
        return [profile.game_date for profile in self.night.past if profile.game_date not in self.left_out]

    @cached_property
    def past(self) -> dict[str | None, list[SystemProfile]]:
        """By system its good dates."""
        found: dict[str | None, list[SystemProfile]] = {}
        for day in self.good_dates:
            for system in _seen(self.night, day):
                found.setdefault(system.system, []).append(system)
        return found

    @cached_property
    def new(self) -> list[str]:
        """Systems that have too few good dates to be compared."""
        return [name_of(system) for system in self.systems if not self._has_past(system)]

    @cached_property
    def rows(self) -> list[_Row]:
        """All that is compared, the worst first: by verdict, and among equals in the order of their figures."""
        known = [system for system in self.systems if self._has_past(system)]
        rows = [row for system in known for row in (*self._readings(system), *self._varieties(system))]
        order = {what: place for place, what in enumerate(dict.fromkeys(row.what for row in rows))}
        return sorted(rows, key=lambda row: (-row.verdict.badness, order[row.what]))

    def _has_past(self, system: SystemProfile) -> bool:
        return len(self.past.get(system.system, [])) >= self.night.rules.values.fewest_dates

    def _readings(self, system: SystemProfile) -> Iterator[_Row]:
        fewest = self.night.rules.values.fewest_dates
        past: dict[str, list[Reading]] = {}
        for other in self.past[system.system]:
            for reading in readings(self.night, other):
                past.setdefault(reading.what, []).append(reading)
        for reading in readings(self.night, system):
            others = past.get(reading.what, [])
            if len(others) >= fewest:
                usual = compare(reading, others)
                yield _Row(
                    system=name_of(system),
                    what=reading.what,
                    value=reading.shown(reading.value),
                    usual=reading.shown(usual.value),
                    figures=(reading.figure(reading.value), reading.figure(usual.value)),
                    scatters=usual.scatters,
                    verdict=usual.verdict,
                )

    def _varieties(self, system: SystemProfile) -> Iterator[_Row]:
        """One value in many rows is a FAIL where no good date with as many had it."""
        rules = self.night.rules.values
        past: dict[str, list[int]] = {}
        for other in self.past[system.system]:
            for variety in varieties(self.night, other):
                if variety.rows >= rules.fewest_rows:
                    past.setdefault(variety.column, []).append(variety.distinct)
        for variety in varieties(self.night, system):
            others = past.get(variety.column, [])
            varied = len(others) >= rules.fewest_dates and min(others) > 1
            is_constant = varied and variety.distinct == 1 and variety.rows >= rules.fewest_rows
            usual = median(others) if others else None
            yield _Row(
                system=name_of(system),
                what=f"different values of {variety.column}",
                value=f"{variety.distinct:,}",
                usual="not known" if usual is None else f"{usual:,.0f}",
                figures=(variety.distinct, usual),
                scatters=0.0,
                verdict=Verdict.FAIL if is_constant else Verdict.PASS,
            )


@section(VALUES_BY_SYSTEM)
def values_by_system(night: Night) -> Section:
    """Each system against its own recent dates; not asked of a table without numbers or categories."""
    if night.profile is None or not night.profile.active_rows:
        return Section(())
    if not (night.number_columns or night.words or night.has_bias):
        return Section(())
    compared = _Comparison(night)
    return Section((_check(compared),), (*_figure(compared), _table(compared)))


def name_of(system: SystemProfile) -> str:
    """A system as people read it: bounded, since its name comes from the rows."""
    return "all rows" if system.system is None else text_of(system.system)[:_LONGEST_NAME]


def _seen(night: Night, day: date) -> list[SystemProfile]:
    return [system for system in night.profiles[day].systems if system.active_rows]


def _check(compared: _Comparison) -> Check:
    night, good = compared.night, len(compared.good_dates)
    changed = [row for row in compared.rows if row.verdict is not Verdict.PASS]
    systems = len(compared.systems)
    question = VALUES_BY_SYSTEM.on(
        {
            **_evidence(changed),
            "systems": systems,
            "too new to be compared": compared.new[:_MOST_LISTED],
            "good dates that it is compared with": good,
            "dates left out": [f"{day}: {why}" for day, why in islice(compared.left_out.items(), _MOST_LISTED)],
        },
        night.row_count,
    )
    if good < night.rules.values.fewest_dates:
        step = "Read more days (days=…), or wait until there are some."
        failed = f" ({len(compared.left_out)} others failed)" if compared.left_out else ""
        summary = f"only {good} of the {night.days_compared} days before are good dates with rows{failed}"
        return question.unknown(f"{summary}, {night.rules.values.fewest_dates} are needed", step)
    if not changed:
        return question.passes(f"each of {systems} systems is like its {good} good dates")
    summary = "; ".join(_told(rows, systems) for rows in _by_figure(changed)[:_MOST_TOLD])
    verdict = worst(row.verdict for row in changed)
    return so_far(night, question.answer(verdict, summary, _next_step(night, changed, systems)))


def _by_figure(changed: Sequence[_Row]) -> list[list[_Row]]:
    """The rows of each figure, those of the worst first."""
    by_figure: dict[str, list[_Row]] = {}
    for row in changed:
        by_figure.setdefault(row.what, []).append(row)
    return list(by_figure.values())


def _told(rows: Sequence[_Row], systems: int) -> str:
    """One figure, the systems in which it changed, and by how much in the first of them, which is farthest off."""
    first, *others = sorted(rows, key=lambda row: -row.scatters)
    found = f"{first.what} {first.value} (usual {first.usual}) of {first.system}"
    if others and len(rows) == systems:
        return f"{found} and all {len(others)} others"
    named = "".join(f", {row.system}" for row in others[: _MOST_NAMED - 1])
    more = len(rows) - _MOST_NAMED
    return f"{found}{named}" + (f" and {more} more" if more > 0 else "")


def _next_step(night: Night, changed: Sequence[_Row], systems: int) -> str:
    deployed = night.platform.commands.run("deploy_verify", {"game_date": night.game_date})
    if len({row.system for row in changed}) == systems > 1:
        shared = "such as which line is kept of several"
        return f"All systems changed at once: look at what they share, {shared}, and at the revision: {deployed}"
    return f"Look at the model and the features of that system, and at the revision that wrote the rows: {deployed}"


def _evidence(changed: Sequence[_Row]) -> dict[str, Value]:
    return {label: value for row in changed[:_MOST_LISTED] for label, value in row.evidence.items()}


def _table(compared: _Comparison) -> Table:
    rows = [
        (row.verdict, row.what, row.system, row.value, row.usual, f"{row.scatters:.1f}" if row.scatters else "")
        for row in compared.rows
    ]
    columns = ("Verdict", "What", "System", "Value", "Usual", "Off by so many scatters")
    note = (
        f"Usual is the median of up to {len(compared.good_dates)} good dates. How many scatters off is too far, and "
        "how small a change does not count, is defined in params/quality.yaml."
    )
    return Table("Values by system", columns, rows, note, shown=40)


def _figure(compared: _Comparison) -> list[Figure]:
    night = compared.night
    name = difference(night.rules.values.predicted, night.rules.values.line)
    bias: dict[str, dict[date, float]] = {}
    for day in night.profiles:
        for system in _seen(night, day):
            if found := figures(system.measured, name):
                bias.setdefault(name_of(system), {})[day] = found.mean
    if len(night.profiles) < 2 or not bias:
        return []
    shown = dict(islice(bias.items(), _MOST_DRAWN))
    return [lines_over_dates(shown, label="bias", title=f"Bias by system up to {night.game_date}.")]
