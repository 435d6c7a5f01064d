"""Values: NULLs, ranges, and words that the numbers of their own row contradict.

A flaw that recent dates have too is a WARN; a new one is a FAIL.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median

from lib.consolidation.upkeep.column_rules import ColumnRule, contradictions, greatest, nulls, unfit
from lib.consolidation.upkeep.day_profiles import DayProfile
from lib.operations.quality.night import Night
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, not_asked, section
from lib.verdict.verdict import Verdict, worst
from lib.words.quantities import Value, percent

NULLS = Question(
    "null_values",
    "NULLs",
    affects="readers of these columns",
    can_wait="as long as they can do without these values",
)
RANGES = Question(
    "ranges",
    "Ranges",
    affects="readers of these columns: they get implausible values",
    can_wait="only as long as nobody acts on these values",
)
SCALES = Question(
    "scales",
    "Scale",
    affects="readers of the column: they mistake one scale for the other",
    can_wait="only as long as nobody acts on these values",
)
_NEWS = 2.0  # a share counts as risen from twice the usual


@dataclass(frozen=True)
class Flaw:
    """A flaw of a column, and how frequent it is.

    Attributes:
        column: The column.
        what: The flaw in a few words.
        rows: Number of rows that have it.
        share: Their share of the active rows, 0 to 1.
        usual_share: The median share of recent dates; None if unknown.
        verdict: The verdict.
    """

    column: str
    what: str
    rows: int
    share: float
    usual_share: float | None
    verdict: Verdict

    def __str__(self) -> str:
        usual = "" if self.usual_share is None else f", usually {self.usual_share:.1%}"
        return f"{self.column}: {self.rows:,} {self.what} ({self.share:.1%}{usual})"

    @property
    def figures(self) -> dict[str, Value]:
        label = f"{self.column}: {self.what}"
        usual = None if self.usual_share is None else 100 * self.usual_share
        return {
            label: self.rows,
            f"{label}, share": percent(100 * self.share),
            f"{label}, usual share": percent(usual),
        }


@section(NULLS)
def null_values(night: Night) -> Section:
    """Check for NULLs in required columns, and for more NULLs than usual in the others."""
    if night.profile is None:
        return not_asked(NULLS, "the date has no rows")
    if not (flaws := null_flaws(night, night.profile)):
        return not_asked(NULLS, _no_rules(night))
    return Section((_check(night, NULLS, flaws, "no required value is missing"),), (_table(flaws),))


@section(RANGES)
def ranges(night: Night) -> Section:
    """Check for values out of range, a changed scale, and words that contradict their row."""
    if night.profile is None:
        return not_asked(RANGES, "the date has no rows")
    if not (flaws := range_flaws(night, night.profile)):
        return not_asked(RANGES, _no_rules(night))
    check = _check(night, RANGES, flaws, "all values are plausible")
    return Section((check, *_scale_checks(night, night.profile)), (_table(flaws),))


def null_flaws(night: Night, profile: DayProfile) -> list[Flaw]:
    """Count the NULLs of each column on a date, which may be a past one; a flaw may have verdict PASS."""
    return [_nulls_of(night, profile, rule) for rule in night.column_rules]


def range_flaws(night: Night, profile: DayProfile) -> list[Flaw]:
    """Count the implausible values of each column on a date, which may be a past one."""
    flaws = [
        _flaw(night, profile, rule.column, unfit(rule.column), _expected(rule))
        for rule in night.column_rules
        if profile.asked(unfit(rule.column))
    ]
    for rule in night.directions:
        what = f"contradict {rule.value} and {rule.than}"
        flaws.append(_flaw(night, profile, rule.column, contradictions(rule.column), what))
    return flaws


def _no_rules(night: Night) -> str:
    left_out = f" (missing or of another type: {', '.join(night.rules_left_out)})" if night.rules_left_out else ""
    return f"the quality rules have no such rule for a column of the table{left_out}"


def _nulls_of(night: Night, profile: DayProfile, rule: ColumnRule) -> Flaw:
    """A key column may be NULL if it is in `nullable_keys`."""
    found = _flaw(night, profile, rule.column, nulls(rule.column), "NULLs")
    if rule.required:
        return found
    usual = found.usual_share or 0
    risen = found.share >= usual + night.rules.null_share_rise and found.share >= _NEWS * usual
    return replace(found, verdict=Verdict.WARN if risen and found.usual_share is not None else Verdict.PASS)


def _flaw(night: Night, profile: DayProfile, column: str, measure: str, what: str) -> Flaw:
    """FAIL for a new flaw, WARN if recent dates have it too."""
    share, usual = profile.share(measure), night.usual_share(measure)
    verdict = Verdict.PASS
    if share:
        verdict = Verdict.FAIL if not usual or share >= _NEWS * usual else Verdict.WARN
    return Flaw(column, what, profile.counted(measure), share, usual, verdict)


def _expected(rule: ColumnRule) -> str:
    match rule.lowest, rule.highest:
        case None, None:
            parts = []
        case lowest, None:
            parts = [f"{lowest:g} or more"]
        case None, highest:
            parts = [f"{highest:g} or less"]
        case lowest, highest:
            parts = [f"{lowest:g} to {highest:g}"]
    parts += [f"a multiple of {rule.step:g}"] if rule.step is not None else []
    parts += [f"one of {', '.join(rule.one_of)}"] if rule.one_of else []
    return f"not {' and '.join(parts)}"


def _scale_checks(night: Night, profile: DayProfile) -> list[Check]:
    """A check only if a scale changed: 0.7 on a scale to 100 is in range, but wrong."""
    changed = {rule.column: tops for rule in night.column_rules if (tops := changed_scale(night, profile, rule))}
    if not changed:
        return []
    evidence: dict[str, Value] = {}
    summaries = []
    for column, (top, usual) in changed.items():
        evidence |= {f"greatest value of {column}": top, f"usual greatest value of {column}": usual}
        of = f"{column}: " if len(changed) > 1 else ""
        summaries.append(f"{of}values go up to {top:g}, on earlier dates to {usual:g}")
    step = "Find out which revision wrote them; readers mistake one scale for the other."
    return [SCALES.named(f"Scale of {', '.join(changed)}").on(evidence).fails("; ".join(summaries), step)]


def changed_scale(night: Night, profile: DayProfile, rule: ColumnRule) -> tuple[float, float] | None:
    """Compare the scale of a column on a date with recent dates.

    Args:
        night: The run's date and its past.
        profile: The date to compare, which may be a past one.
        rule: The column's rule, with its scales.

    Returns:
        The column's greatest value and the usual one if their scales differ; None if not, or if unknown.
    """
    if not rule.scales or not night.has_past:
        return None
    tops = [top for day in night.past if (top := day.greatest(greatest(rule.column))) is not None]
    top = profile.greatest(greatest(rule.column))
    if top is None or not tops:
        return None
    usual = median(tops)
    scale = rule.scale_of(top)
    return None if scale is None or scale == rule.scale_of(usual) else (top, usual)


def _check(night: Night, question: Question, flaws: list[Flaw], all_well: str) -> Check:
    bad = sorted((flaw for flaw in flaws if flaw.verdict is not Verdict.PASS), key=lambda flaw: -flaw.verdict.badness)
    columns = list(dict.fromkeys(flaw.column for flaw in flaws))
    evidence: dict[str, Value] = {} if bad else {"columns": columns}
    for flaw in bad:
        evidence |= flaw.figures
    if night.rules_left_out:
        evidence["skipped, not in this table or of another type"] = night.rules_left_out
    question = question.on(evidence, night.row_count)
    if not night.profile or not night.profile.active_rows:
        return question.unknown("the date has no active rows")
    if not bad:
        return question.passes(f"{all_well} ({', '.join(columns)})")
    step = "Check these rows, and the revision that wrote them."
    return question.answer(worst([flaw.verdict for flaw in bad]), "; ".join(map(str, bad[:3])), step)


def _table(flaws: list[Flaw]) -> Table:
    rows = [
        (
            flaw.verdict,
            flaw.column,
            flaw.what,
            flaw.rows,
            f"{flaw.share:.1%}",
            "unknown" if flaw.usual_share is None else f"{flaw.usual_share:.1%}",
        )
        for flaw in flaws
    ]
    return Table("Flaws of the active rows", ("Verdict", "Column", "Flaw", "Rows", "Share", "Usual share"), rows)
