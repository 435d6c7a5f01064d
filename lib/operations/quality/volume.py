"""The number of rows compared with recent dates; `no_rows` judges a date without any.

A date is compared with dates of its weekday. If dates differ in their number of units, such as one game and fifteen,
this means nothing, and the rules name what to divide by (``volume: per:``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from lib.consolidation.upkeep.day_profiles import DayProfile, SourceProfile
from lib.operations.quality.night import Night
from lib.operations.quality.no_rows import VOLUME, without_rows
from lib.operations.quality.picture import rows_over_dates
from lib.operations.quality.usual_rows import Judged, RecentRows
from lib.verdict.check import Check, Question
from lib.verdict.figure import Figure
from lib.verdict.section import Section, Table, section
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from lib.words.nouns import agreeing, plural
from lib.words.quantities import Value, percent

_MOST_LISTED = 20


@section(VOLUME)
def volume(night: Night) -> Section:
    """Compare the number of rows with recent dates. A date without rows needs a reason."""
    check = _volume_check(night, night.profile) if night.profile else without_rows(night)
    return Section((check,), (*_figures(night), _recent_dates(night)))


def units_of(sources: Sequence[SourceProfile]) -> int:
    """Return the number of units of a date: that of the source with the most."""
    return max((source.units for source in sources), default=0)


def recent_rows(night: Night) -> RecentRows:
    """Return the rows of earlier dates, as they are compared."""
    figures = {day.game_date: found for day in night.past if (found := _compared_rows(night, day))}
    return RecentRows(figures, replace(night.rules.volume, per=tuple(_per(night))))


def _per(night: Night) -> dict[str, str]:
    """What the rows are divided by: the noun of each column that the rules name and the table has."""
    groups, words = night.groups, night.words
    named = {groups.unit: words.unit, groups.source: words.source}
    return {column: named[column] for column in night.rules.volume.per if column in groups.columns}


def _compared_rows(night: Night, day: DayProfile) -> float | None:
    """The active rows of a date, divided as the rules say; None if there are none."""
    sources, per = night.coverage.get(day.game_date, []), _per(night)
    by_unit, by_source = (column in per for column in (night.groups.unit, night.groups.source))
    if by_unit and by_source:
        parts = sum(source.units for source in sources)
    elif by_unit or by_source:
        parts = units_of(sources) if by_unit else len(sources)
    else:
        parts = 1
    return day.active_rows / parts if day.active_rows and parts else None


def _units(night: Night) -> int:
    """Units with visible rows on the date, from any source."""
    return len({cell.unit for cell in night.cells if cell.rows}) if night.groups.unit else 0


def _volume_check(night: Night, profile: DayProfile) -> Check:
    figure, recent = _compared_rows(night, profile), recent_rows(night)
    judged = recent.judge(night.game_date, figure or 0.0)
    question = VOLUME.on(_evidence(night, profile, figure, recent, judged), night.row_count)
    sources = night.coverage.get(night.game_date, [])
    counted = night.words.rows_of(profile.active_rows, _units(night), len(sources))
    step = f"Check whether its batches wait in staging: {night.monitoring}"
    if night.groups.unit and _units(night) < (night.due.units or 0):
        return not_yet(night, question.fails(f"{counted}; {night.due}", step))
    if judged is None:
        enough = ", as many as were due" if night.due.units else ""
        summary = f"{counted}{enough}; {_no_past(night, recent)}"
        return question.unknown(summary, "Increase days to look further back, or wait for more dates.")
    return _by_the_past(night, question, f"{counted}: {_in_words(night, figure or 0.0, judged)}", judged)


def _by_the_past(night: Night, question: Question, summary: str, judged: Judged) -> Check:
    if judged.scatters > 0 and judged.verdict is not Verdict.PASS:
        step = "Find out what wrote so many, such as a backfill, or a batch that was staged twice with other keys."
        return question.answer(judged.verdict, summary, f"{step} Check which batches ran: {night.monitoring}")
    if judged.verdict is not Verdict.PASS:
        step = f"Check whether its batches wait in staging: {night.monitoring}"
        return not_yet(night, question.answer(judged.verdict, summary, step))
    settings = night.scope.due.settings
    if settings and settings.has_units and night.due.is_due is None:
        return question.unknown(f"{summary}; {night.due}", "Correct due: in the environment's file, or what it reads.")
    return question.passes(summary)


def _in_words(night: Night, figure: float, judged: Judged) -> str:
    """Such as ``6% of the usual 100 (4 Saturdays before it)``."""
    share = f"{figure / judged.usual:.0%} of the usual"
    if per := _per(night):
        return f"{share} rows per {' and '.join(per.values())}"
    dates = f"{night.game_date:%A}" if judged.is_of_weekday else "date"
    return f"{share} {judged.usual:,.0f} ({judged.dates} {dates}{'s' if judged.dates != 1 else ''} before it)"


def _no_past(night: Night, recent: RecentRows) -> str:
    """How many dates are missing before the number of rows can be compared."""
    good, needed = len(recent.figures) - len(recent.failed), night.rules.volume.fewest_dates
    failed = f" and did not fail ({len(recent.failed)} did)" if recent.failed else ""
    return (
        f"only {good} of the {night.days_compared} days before {agreeing(good, 'has')} rows{failed}; "
        f"{needed} are needed, {needed - good} more"
    )


def _evidence(
    night: Night, profile: DayProfile, figure: float | None, recent: RecentRows, judged: Judged | None
) -> dict[str, Value]:
    """The figures; units and sources only if the table has columns for them."""
    groups, sources, per = night.groups, night.coverage.get(night.game_date, []), _per(night)
    units = plural(night.words.unit or "unit")
    seen: dict[str, Value] = {"rows": profile.active_rows}
    seen |= {"inactive rows": profile.rows - profile.active_rows} if night.platform.table.active_column else {}
    seen |= {units: _units(night)} if groups.unit else {}
    if night.units is not None or night.scope.due.settings:
        seen[f"{units} due"] = str(night.due) if night.due.units is None else night.due.units
    seen |= {plural(night.words.source): len(sources)} if groups.source else {}
    seen |= {f"rows per {' and '.join(per.values())}": figure} if per else {}
    seen |= {
        "usual": judged.usual if judged else None,
        "earlier dates compared": judged.dates if judged else len(recent.figures),
        "share of the usual": percent(100 * (figure or 0.0) / judged.usual) if judged else None,
        "scatters from the usual": round(judged.scatters, 1) if judged else None,
        "earlier dates left out, which failed": [str(day) for day in sorted(recent.failed)[:_MOST_LISTED]],
    }
    return seen


def not_yet(night: Night, check: Check) -> Check:
    """Weaken a FAIL while the date's rows may still come: before they are late, or while batches wait."""
    if night.is_late or night.is_under_way:
        return so_far(night, check)
    return replace(check, verdict=Verdict.WARN, summary=f"so far {check.summary}")


def so_far(night: Night, check: Check) -> Check:
    """Weaken a FAIL to WARN while batches of the date wait in staging."""
    if not night.is_under_way:
        return check
    summary = f"so far {check.summary}; its batches wait in staging: {', '.join(night.waiting_batches[:3])}"
    verdict = Verdict.WARN if check.verdict is Verdict.FAIL else check.verdict
    return replace(check, verdict=verdict, summary=summary)


def _figures(night: Night) -> list[Figure]:
    """A single bar shows nothing."""
    rows = {day: found for day, profile in night.profiles.items() if (found := _compared_rows(night, profile))}
    if len(rows) < 2:
        return []
    per, rules, found = _per(night), night.rules.volume, rows.get(night.game_date, 0.0)
    judged = recent_rows(night).judge(night.game_date, found)
    limits = {"warns": rules.warn_below, "fails": rules.fail_below}
    of = f"rows per {' and '.join(per.values())}" if per else "rows"
    usual = judged.usual if judged else None
    return [rows_over_dates(rows, of=of, game_date=night.game_date, usual=usual, **limits)]


def _recent_dates(night: Night) -> Table:
    """A column for each group that the rules count by."""
    zone, words, groups, per = night.platform.environment.timezone, night.words, night.groups, _per(night)

    def row(day: date) -> dict[str, object]:
        profile, sources = night.profiles[day], night.coverage.get(day, [])
        cells: dict[str, object] = {words.date: day, "Day": f"{day:%a}", "Rows": profile.active_rows}
        cells |= {"Inactive": profile.rows - profile.active_rows} if night.platform.table.active_column else {}
        cells |= {plural(words.unit).capitalize(): units_of(sources)} if groups.unit else {}
        cells |= {plural(words.source).capitalize(): len(sources)} if groups.source else {}
        cells |= {f"Rows per {' and '.join(per.values())}": _compared_rows(night, profile)} if per else {}
        return {**cells, "Last written": local_time(profile.newest, zone)}

    rows = [row(day) for day in reversed(night.profiles)]
    note = "Dates without rows are left out."
    if groups.unit and groups.source:
        note += f" {plural(words.unit).capitalize()}: those of the {words.source} with the most."
    if night.days_compared < night.days:
        note += f" {night.days_compared} earlier days instead of {night.days}: more would exceed the query limit."
    columns = [*rows[0]] if rows else []
    return Table("The date and the dates before it", columns, [[*cells.values()] for cells in rows], note, shown=30)
