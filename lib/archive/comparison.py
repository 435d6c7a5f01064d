"""Compares two runs by check and figure, and finds the run to compare with.

Checks are matched by id and figures by label without dates, because tomorrow's run is about another day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from lib.archive.archive import Archive, Run
from lib.archive.record import RunRecord, RunStatus
from lib.archive.search import Selection
from lib.errors import Unavailable, UserError
from lib.verdict.check import Check
from lib.verdict.verdict import Verdict
from lib.words.dates import undated
from lib.words.old_names import current_names
from lib.words.quantities import Value, as_data, quantity_of, seconds, spoken

DEFAULT_TOLERANCE = 0.1
_WEEK = timedelta(days=7)
_SAME_DAY = timedelta(hours=12)
_T = TypeVar("_T")


class ChangeKind(StrEnum):
    """What happened to something between two runs."""

    WORSE = "worse"
    BETTER = "better"
    APPEARED = "appeared"
    GONE = "gone"
    FIGURE = "figure"
    TEXT = "text"
    NEAR = "near"  # figures within the tolerance, or only different times


@dataclass(frozen=True)
class Changed:
    """One change.

    Attributes:
        where: A check's name, followed by a colon and a label of its evidence; or a field of the run.
        before: The old value; None if there was none.
        after: The new value; None if there is none.
    """

    kind: ChangeKind
    where: str
    before: Value
    after: Value

    def as_data(self) -> dict[str, object]:
        """Return the change as JSON-ready data; numbers as in `lib.words.quantities.as_data`."""
        before, after = as_data(self.before), as_data(self.after)
        return {"kind": str(self.kind), "where": self.where, "before": before, "after": after}

    @property
    def matters(self) -> bool:
        return self.kind is not ChangeKind.NEAR


@dataclass(frozen=True)
class Comparison:
    """The changes, worse verdicts first.

    Attributes:
        changes: All changes, without what stayed exactly the same.
        is_worse: Whether a verdict got worse, or a new check does not pass.
    """

    changes: tuple[Changed, ...]
    is_worse: bool


def compare(before: RunRecord, after: RunRecord, tolerance: float = DEFAULT_TOLERANCE) -> Comparison:
    """Return the changes from one run to another.

    Args:
        before: The earlier run.
        after: The later run.
        tolerance: Relative difference below which a figure counts as unchanged.

    Raises:
        UserError: The runs are of different runbooks.
    """
    if before.runbook != after.runbook:
        raise UserError(f"a run of {after.runbook} cannot be compared with one of {before.runbook}")
    changes = [*_of_runs(before, after, tolerance), *_of_checks(before, after, tolerance)]
    ordered = tuple(sorted(changes, key=lambda change: list(ChangeKind).index(change.kind)))
    is_worse = any(change.kind is ChangeKind.WORSE for change in ordered)
    return Comparison(ordered, is_worse or _has_new_trouble(before, after))


def ended(run: Run) -> Run:
    """Return the run if it has ended.

    Raises:
        Unavailable: The run has not ended, so it cannot be compared yet.
    """
    if run.record.status is RunStatus.RUNNING:
        raise Unavailable(f"run {run.run_id} has not ended yet")
    return run


def last_green(archive: Archive, run: Run) -> Run:
    """Return the last earlier PASS of the same runbook and environment, or else the last earlier WARN.

    Raises:
        Unavailable: There is neither.
    """
    warned: Run | None = None
    for other in _before(archive, run):
        if other.record.verdict is Verdict.PASS:
            return other
        if other.record.verdict is Verdict.WARN and warned is None:
            warned = other
    if warned is None:
        raise Unavailable(f"no run of {_question(run)} passed before {run.run_id}; name the run to compare with")
    return warned


def week_before(archive: Archive, run: Run) -> Run:
    """Return the run of the same runbook and environment that is nearest to one week earlier.

    Raises:
        Unavailable: No run is within half a day of that time.
    """
    meant = run.record.looked_from - _WEEK
    # No run starts before its planned time.
    since = _before(archive, run, since=meant - _SAME_DAY)
    near = [other for other in since if abs(other.record.looked_from - meant) <= _SAME_DAY]
    if near:
        return min(near, key=lambda other: abs(other.record.looked_from - meant))
    raise Unavailable(f"no run of {_question(run)} near {meant:%Y-%m-%d %H:%M} UTC, a week before {run.run_id}")


def _before(archive: Archive, run: Run, since: datetime | None = None) -> Iterator[Run]:
    """Yield earlier runs that ended with a verdict, newest first."""
    record = run.record
    selection = Selection(record.runbook, record.environment, since=since, until=record.started_at)
    for other in selection.runs(archive):
        if isinstance(other, Run) and other.record.status is not RunStatus.RUNNING and not other.record.refused:
            yield other


def _question(run: Run) -> str:
    return f"{run.record.runbook} in {run.record.environment}"


def _has_new_trouble(before: RunRecord, after: RunRecord) -> bool:
    old, new = _by_question(before), _by_question(after)
    # Compared with a run without checks, every check is new.
    return bool(old) and any(new[question].verdict is not Verdict.PASS for question in new.keys() - old.keys())


def _of_runs(before: RunRecord, after: RunRecord, tolerance: float) -> Iterator[Changed]:
    yield from _of_verdicts("verdict", before.verdict or Verdict.UNKNOWN, after.verdict or Verdict.UNKNOWN)
    yield from _of_values("", _of_run(before), _of_run(after), tolerance)


def _of_run(record: RunRecord) -> dict[str, Value]:
    stopped = f"{record.error.name}: {record.error.message}" if record.error else record.status.words
    parameters = {f"parameter {name}": _plain(value) for name, value in current_names(record.parameters).items()}
    return {"status": stopped, "took": seconds(record.seconds), "code": record.code_version, **parameters}


def _plain(value: object) -> Value:
    """Return a parameter's value: a number or bool as it is, anything else as text."""
    return value if isinstance(value, int | float) else str(value)


def _of_checks(before: RunRecord, after: RunRecord, tolerance: float) -> Iterator[Changed]:
    old, new = _by_question(before), _by_question(after)
    for question in dict.fromkeys([*old, *new]):
        if question not in old:
            yield Changed(ChangeKind.APPEARED, new[question].name, None, _in_words(new[question]))
        elif question not in new:
            yield Changed(ChangeKind.GONE, old[question].name, _in_words(old[question]), None)
        else:
            yield from _of_check(old[question], new[question], tolerance)


def _of_check(before: Check, after: Check, tolerance: float) -> Iterator[Changed]:
    yield from _of_verdicts(after.name, before.verdict, after.verdict)
    yield from _of_value(after.name, before.summary, after.summary, tolerance)
    yield from _of_values(after.name, _by_label(before), _by_label(after), tolerance)


def _of_verdicts(where: str, before: Verdict, after: Verdict) -> Iterator[Changed]:
    if before is not after:
        kind = ChangeKind.WORSE if after.badness > before.badness else ChangeKind.BETTER
        yield Changed(kind, where, str(before), str(after))


def _of_values(
    where: str, before: Mapping[str, Value], after: Mapping[str, Value], tolerance: float
) -> Iterator[Changed]:
    for label in dict.fromkeys([*before, *after]):
        yield from _of_value(": ".join(filter(None, (where, label))), before.get(label), after.get(label), tolerance)


def _of_value(where: str, before: Value, after: Value, tolerance: float) -> Iterator[Changed]:
    if spoken(before) == spoken(after):
        return
    if before is None or after is None:
        yield Changed(ChangeKind.APPEARED if before is None else ChangeKind.GONE, where, before, after)
    else:
        yield Changed(_kind(before, after, tolerance), where, before, after)


def _kind(before: Value, after: Value, tolerance: float) -> ChangeKind:
    old, new = quantity_of(before), quantity_of(after)
    if old and new and old.measures == new.measures:
        return ChangeKind.NEAR if old.is_near(new, tolerance) else ChangeKind.FIGURE
    is_same = undated(spoken(before)) == undated(spoken(after))
    return ChangeKind.NEAR if is_same else ChangeKind.TEXT


def _in_words(check: Check) -> str:
    return f"{check.verdict}: {check.summary}"


def _by_question(record: RunRecord) -> dict[str, Check]:
    return _numbered((check.id, check) for check in record.checks)


def _by_label(check: Check) -> dict[str, Value]:
    return _numbered((undated(label), value) for label, value in check.evidence.items())


def _numbered(items: Iterable[tuple[str, _T]]) -> dict[str, _T]:
    """Map names to items; another item of the same name, such as for another date, becomes ``name (2)``."""
    seen: Counter[str] = Counter()
    found = {}
    for name, item in items:
        seen[name] += 1
        found[name if seen[name] == 1 else f"{name} ({seen[name]})"] = item
    return found
