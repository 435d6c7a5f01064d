"""The values of each source (differences, shares and numbers) compared with its own recent dates.

Ranges limit single values; this check compares distributions. A source that keeps the highest of five offers writes no
single wrong value. In a table without sources all rows of a date are compared together.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import islice

from lib.consolidation.upkeep.value_figures import figures
from lib.operations.quality.night import Night
from lib.operations.quality.volume import so_far
from lib.operations.sources.comparison import Comparison, Row, name_of, seen
from lib.verdict.check import Check, Question
from lib.verdict.figure import Figure, lines_over_dates
from lib.verdict.section import Section, Table, not_asked, section
from lib.verdict.verdict import Verdict, worst
from lib.words.nouns import agreeing, counted, plural
from lib.words.quantities import Value

VALUES = Question(
    "values_by_system",
    "Values",
    affects="readers of these rows: the values named here are unusual",
    can_wait="only as long as nobody acts on these values",
)
_MOST_NAMED, _MOST_FIGURES, _MOST_LISTED, _MOST_DRAWN = 3, 4, 30, 8


@section(VALUES)
def values_by_source(night: Night) -> Section:
    """Compare each source with its own recent dates; skipped without rules for numbers or categories."""
    if not (night.number_columns or night.category_words or night.differences):
        return not_asked(VALUES, "the quality rules name no number or category column of the table")
    if night.profile is None or not night.profile.active_rows:
        return not_asked(VALUES, "the date has no rows that readers can see")
    compared = Comparison(night)
    return Section((_check(compared),), (*_figure(compared), _table(compared)))


def _check(compared: Comparison) -> Check:
    night, good = compared.night, len(compared.good_dates)
    changed = [row for row in compared.rows if row.verdict is not Verdict.PASS]
    sources, new, words = len(compared.sources), len(compared.new), _sources(night)
    question = VALUES.named(_title(night)).on(
        {
            **_evidence(changed),
            words: sources,
            "too new to compare": compared.new[:_MOST_LISTED],
            "good dates compared with": good,
            "dates left out": [f"{day}: {why}" for day, why in islice(compared.left_out.items(), _MOST_LISTED)],
        },
        night.row_count,
    )
    if good < night.rules.values.fewest_dates:
        step = "Increase days to look further back, or wait for more dates."
        failed = f" ({len(compared.left_out)} others failed)" if compared.left_out else ""
        summary = f"only {good} of the {night.days_compared} days before {agreeing(good, 'is')} good, with rows{failed}"
        return question.unknown(f"{summary}; {night.rules.values.fewest_dates} are needed", step)
    if new == sources:
        return question.unknown(f"all {sources} {words} are too new to compare", "Wait for more dates.")
    if not changed:
        others = f"; {new} too new to compare" if new else ""
        of = f" of {sources - new} {words}" if night.groups.source else ""
        return question.passes(f"the values{of} are like those of {counted(good, 'good date')}{others}")
    summary = "; ".join(_in_words(night, rows, sources) for rows in _by_figure(changed)[:_MOST_FIGURES])
    verdict = worst(row.verdict for row in changed)
    return so_far(night, question.answer(verdict, summary, _next_step(night, changed, sources)))


def _sources(night: Night) -> str:
    return plural(night.words.source) if night.groups.source else "sources"


def _title(night: Night) -> str:
    return f"Values by {night.words.source}" if night.groups.source else "Values"


def _by_figure(changed: Sequence[Row]) -> list[list[Row]]:
    """The rows grouped by figure, worst first."""
    by_figure: dict[str, list[Row]] = {}
    for row in changed:
        by_figure.setdefault(row.what, []).append(row)
    return list(by_figure.values())


def _in_words(night: Night, rows: Sequence[Row], sources: int) -> str:
    """A figure, the sources in which it changed, and its values in the source that is furthest off."""
    first, *others = sorted(rows, key=lambda row: -row.scatters)
    found = f"{first.what} {first.value} (usual {first.usual})"
    if not night.groups.source:
        return found
    if others and len(rows) == sources:
        return f"{found} of {first.source} and all {len(others)} others"
    named = "".join(f", {row.source}" for row in others[: _MOST_NAMED - 1])
    more = len(rows) - _MOST_NAMED
    return f"{found} of {first.source}{named}" + (f" and {more} more" if more > 0 else "")


def _next_step(night: Night, changed: Sequence[Row], sources: int) -> str:
    deployed = night.platform.commands.run("deploy_verify", {"date": night.game_date})
    if len({row.source for row in changed}) == sources > 1:
        shared = "such as which of several rows is kept"
        return f"All {_sources(night)} changed at once: check what they share, {shared}, and the revision: {deployed}"
    whose = f"what writes the rows of this {night.words.source}" if night.groups.source else "what writes the rows"
    return f"Check {whose}, and its revision: {deployed}"


def _evidence(changed: Sequence[Row]) -> dict[str, Value]:
    return {label: value for row in changed[:_MOST_LISTED] for label, value in row.evidence.items()}


def _table(compared: Comparison) -> Table:
    rows = [
        (row.verdict, row.what, row.source, row.value, row.usual, f"{row.scatters:.1f}" if row.scatters else "")
        for row in compared.rows
    ]
    source = (compared.night.words.source or "rows").capitalize()
    columns = ("Verdict", "What", source, "Value", "Usual", "Scatters off")
    note = (
        f"Usual is the median of up to {len(compared.good_dates)} good dates. The quality rules define how many "
        "scatters off is too far, and which changes are too small to count."
    )
    return Table(_title(compared.night), columns, rows, note, shown=40)


def _figure(compared: Comparison) -> list[Figure]:
    """A line for each source, of the first difference that the rules name."""
    night = compared.night
    if len(night.profiles) < 2 or not night.differences:
        return []
    rule = night.differences[0]
    means: dict[str, dict[date, float]] = {}
    for day in night.profiles:
        for source in seen(night, day):
            if found := figures(source.measured, rule.measure):
                means.setdefault(name_of(night, source), {})[day] = found.mean
    if not means:
        return []
    changed = [row.source for row in compared.rows if row.what == rule.name and row.verdict is not Verdict.PASS]
    first = [*(name for name in changed if name in means), *(name for name in means if name not in changed)]
    shown = {name: means[name] for name in first[:_MOST_DRAWN]}
    by = f" by {night.words.source}" if night.groups.source else ""
    more = f" {len(means) - len(shown)} more are not drawn." if len(means) > len(shown) else ""
    changes = f" Changed: {', '.join(changed)}." if changed else ""
    title = f"{rule.name.capitalize()}{by} up to {night.game_date}, a line each.{changes}{more}"
    return [lines_over_dates(shown, changed=changed, of=rule.name, title=title)]
