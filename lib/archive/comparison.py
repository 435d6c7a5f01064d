"""What changed between two runs: per check and figure, and not in JSON or pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from lib.archive.record import RunRecord
from lib.errors import UserError
from lib.verdict.check import Check
from lib.verdict.verdict import Verdict
from lib.words.written import Reading, undated

DEFAULT_TOLERANCE = 0.1


class ChangeKind(StrEnum):
    """What happened to something between two runs."""

    WORSE = "worse"
    BETTER = "better"
    APPEARED = "appeared"
    GONE = "gone"
    FIGURE = "figure"
    TEXT = "text"
    NEAR = "near"  # other figures, but within the tolerance; or other moments only


@dataclass(frozen=True)
class Change:
    """One of them.

    Attributes:
        kind: What it is.
        where: A check's name, with the label of its evidence after a colon; or a field of the run.
        before: What it was; empty when it was not there.
        after: What it is; empty when it is gone.
    """

    kind: ChangeKind
    where: str
    before: str
    after: str

    @property
    def matters(self) -> bool:
        return self.kind is not ChangeKind.NEAR


@dataclass(frozen=True)
class Comparison:
    """What changed, worse verdicts first.

    Attributes:
        changes: All of them; what stayed the very same is not among them.
        is_worse: A verdict got worse, or there is a check that does not pass and was not made before.
    """

    changes: tuple[Change, ...]
    is_worse: bool


def compare(before: RunRecord, after: RunRecord, tolerance: float = DEFAULT_TOLERANCE) -> Comparison:
    """What changed from one run to another.

    Args:
        before: The run that is compared with.
        after: The run in question.
        tolerance: The share of a figure that it may differ by without mattering.

    Raises:
        UserError: They are of different runbooks.
    """
    if before.runbook != after.runbook:
        raise UserError(f"a run of {after.runbook} cannot be compared with one of {before.runbook}")
    changes = [*_of_runs(before, after, tolerance), *_of_checks(before, after, tolerance)]
    ordered = tuple(sorted(changes, key=lambda change: list(ChangeKind).index(change.kind)))
    is_worse = any(change.kind is ChangeKind.WORSE for change in ordered)
    return Comparison(ordered, is_worse or _has_new_trouble(before, after))


def _has_new_trouble(before: RunRecord, after: RunRecord) -> bool:
    old, new = _by_question(before), _by_question(after)
    # Next to a run that reached no check, each is new.
    return bool(old) and any(new[question].verdict is not Verdict.PASS for question in new.keys() - old.keys())


def _of_runs(before: RunRecord, after: RunRecord, tolerance: float) -> Iterator[Change]:
    yield from _of_verdicts("verdict", before.verdict or Verdict.UNKNOWN, after.verdict or Verdict.UNKNOWN)
    old, new = _of_run(before), _of_run(after)
    for field in dict.fromkeys([*old, *new]):
        yield from _of_texts(field, old.get(field, ""), new.get(field, ""), tolerance)


def _of_run(record: RunRecord) -> Mapping[str, str]:
    error = {"stopped by": f"{record.error.name}: {record.error.message}"} if record.error else {}
    took = {} if record.seconds is None else {"took": f"{record.seconds:.1f} s"}
    parameters = {f"parameter {name}": str(value) for name, value in record.parameters.items()}
    return {"status": record.status.words, **error, **took, "code": record.code_version, **parameters}


def _of_checks(before: RunRecord, after: RunRecord, tolerance: float) -> Iterator[Change]:
    old, new = _by_question(before), _by_question(after)
    for question in dict.fromkeys([*old, *new]):
        if question not in old:
            yield Change(ChangeKind.APPEARED, new[question].name, "", _in_words(new[question]))
        elif question not in new:
            yield Change(ChangeKind.GONE, old[question].name, _in_words(old[question]), "")
        else:
            yield from _of_check(old[question], new[question], tolerance)


def _of_check(before: Check, after: Check, tolerance: float) -> Iterator[Change]:
    yield from _of_verdicts(after.name, before.verdict, after.verdict)
    yield from _of_texts(after.name, before.summary, after.summary, tolerance)
    old, new = _by_label(before), _by_label(after)
    for label in dict.fromkeys([*old, *new]):
        yield from _of_texts(f"{after.name}: {label}", old.get(label, ""), new.get(label, ""), tolerance)


def _of_verdicts(where: str, before: Verdict, after: Verdict) -> Iterator[Change]:
    if before is not after:
        kind = ChangeKind.WORSE if after.badness > before.badness else ChangeKind.BETTER
        yield Change(kind, where, str(before), str(after))


def _of_texts(where: str, before: str, after: str, tolerance: float) -> Iterator[Change]:
    if before == after:
        return
    old, new = Reading.of(before), Reading.of(after)
    if not before or not after:
        kind = ChangeKind.GONE if before else ChangeKind.APPEARED
        yield Change(ChangeKind.TEXT if where.startswith("stopped") else kind, where, before, after)
    elif old.form != new.form:
        yield Change(ChangeKind.TEXT, where, before, after)
    else:
        is_near = all(a.is_near(b, tolerance) for a, b in zip(old.quantities, new.quantities, strict=True))
        yield Change(ChangeKind.NEAR if is_near else ChangeKind.FIGURE, where, before, after)


def _in_words(check: Check) -> str:
    return f"{check.verdict}: {check.summary}"


def _by_question(record: RunRecord) -> dict[tuple[str, int], Check]:
    """By the name without dates, and which of that name it is: tomorrow's run asks about another day."""
    seen: Counter[str] = Counter()
    found = {}
    for check in record.checks:
        name = undated(check.name)
        found[name, seen[name]] = check
        seen[name] += 1
    return found


def _by_label(check: Check) -> dict[str, str]:
    seen: Counter[str] = Counter()
    found = {}
    for label, value in check.evidence.items():
        name = undated(label)
        seen[name] += 1
        found[name if seen[name] == 1 else f"{name} ({seen[name]})"] = str(value)
    return found
