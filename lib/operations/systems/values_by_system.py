"""Values by system: bias, shares and numbers of each prediction system against its own recent dates.

Ranges say what a value may be; this says what a system's values usually are. A system that keeps the
highest of five lines writes nothing that is wrong by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import islice

from lib.consolidation.upkeep.value_figures import difference, figures
from lib.operations.quality.night import Night
from lib.operations.quality.volume import so_far
from lib.operations.systems.comparison import Comparison, Row, name_of, seen
from lib.operations.systems.readings import BIAS
from lib.verdict.check import Check, Question
from lib.verdict.figure import Figure, lines_over_dates
from lib.verdict.section import Section, Table, section
from lib.verdict.verdict import Verdict, worst
from lib.words.quantities import Value

VALUES_BY_SYSTEM = Question(
    "values_by_system",
    "Values by system",
    affects="readers of the rows of what is named",
    can_wait="only as long as nobody acts on these values",
)
_MOST_NAMED, _MOST_TOLD, _MOST_LISTED, _MOST_DRAWN = 3, 4, 30, 8


@section(VALUES_BY_SYSTEM)
def values_by_system(night: Night) -> Section:
    """Each system against its own recent dates; not asked of a table without numbers or categories."""
    if night.profile is None or not night.profile.active_rows:
        return Section(())
    if not (night.number_columns or night.words or night.has_bias):
        return Section(())
    compared = Comparison(night)
    return Section((_check(compared),), (*_figure(compared), _table(compared)))


def _check(compared: Comparison) -> Check:
    night, good = compared.night, len(compared.good_dates)
    changed = [row for row in compared.rows if row.verdict is not Verdict.PASS]
    systems, new = len(compared.systems), len(compared.new)
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
    if new == systems:
        return question.unknown(f"all of its {systems} systems are too new to be compared", "Wait some dates.")
    if not changed:
        others = f"; {new} too new to be compared" if new else ""
        return question.passes(f"{systems - new} systems are like their {good} good dates{others}")
    summary = "; ".join(_told(rows, systems) for rows in _by_figure(changed)[:_MOST_TOLD])
    verdict = worst(row.verdict for row in changed)
    return so_far(night, question.answer(verdict, summary, _next_step(night, changed, systems)))


def _by_figure(changed: Sequence[Row]) -> list[list[Row]]:
    """The rows of each figure, those of the worst first."""
    by_figure: dict[str, list[Row]] = {}
    for row in changed:
        by_figure.setdefault(row.what, []).append(row)
    return list(by_figure.values())


def _told(rows: Sequence[Row], systems: int) -> str:
    """One figure, the systems in which it changed, and by how much in the first of them, which is farthest off."""
    first, *others = sorted(rows, key=lambda row: -row.scatters)
    found = f"{first.what} {first.value} (usual {first.usual}) of {first.system}"
    if others and len(rows) == systems:
        return f"{found} and all {len(others)} others"
    named = "".join(f", {row.system}" for row in others[: _MOST_NAMED - 1])
    more = len(rows) - _MOST_NAMED
    return f"{found}{named}" + (f" and {more} more" if more > 0 else "")


def _next_step(night: Night, changed: Sequence[Row], systems: int) -> str:
    deployed = night.platform.commands.run("deploy_verify", {"date": night.game_date})
    if len({row.system for row in changed}) == systems > 1:
        shared = "such as which line is kept of several"
        return f"All systems changed at once: look at what they share, {shared}, and at the revision: {deployed}"
    return f"Look at the model and the features of that system, and at the revision that wrote the rows: {deployed}"


def _evidence(changed: Sequence[Row]) -> dict[str, Value]:
    return {label: value for row in changed[:_MOST_LISTED] for label, value in row.evidence.items()}


def _table(compared: Comparison) -> Table:
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


def _figure(compared: Comparison) -> list[Figure]:
    night = compared.night
    name = difference(night.rules.values.predicted, night.rules.values.line)
    bias: dict[str, dict[date, float]] = {}
    for day in night.profiles:
        for system in seen(night, day):
            if found := figures(system.measured, name):
                bias.setdefault(name_of(system), {})[day] = found.mean
    if len(night.profiles) < 2 or not bias:
        return []
    changed = [row.system for row in compared.rows if row.what == BIAS and row.verdict is not Verdict.PASS]
    first = [*(name for name in changed if name in bias), *(name for name in bias if name not in changed)]
    shown = {name: bias[name] for name in first[:_MOST_DRAWN]}
    left_out = f" {len(bias) - len(shown)} more are not drawn." if len(bias) > len(shown) else ""
    changes = f" Changed: {', '.join(changed)}." if changed else ""
    title = f"Bias by system up to {night.game_date}, a line each.{changes}{left_out}"
    return [lines_over_dates(shown, changed=changed, of=BIAS, title=title)]
