"""Questions, and checks, which answer them with evidence and a next step.

A runbook asks each `Question` once. Its id never changes, so that runs of different days can be compared; its name is
for people and may be more specific, such as with a service's name.

Read-only commands and commands that change something never share a box. A check holds them in separate fields, so a
reader who copies all of "To check by hand" cannot change anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self

from lib.errors import CouldNotLook
from lib.verdict.verdict import Verdict
from lib.words.brief import brief
from lib.words.dates import kept_moment
from lib.words.quantities import Value, as_data

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

Moment = datetime | date | str | None
_ID = re.compile(r"[a-z][a-z_]*", re.ASCII)
_NOT_KNOWN = "unknown until this has an answer"


class _Command(str):
    """One line of text for a POSIX shell."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> CoreSchema:
        """Records store it as text; the field that it is read into determines its kind."""
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())

    @classmethod
    def all_of(cls, commands: object, where: str) -> tuple[Self, ...]:
        """Return the commands without repetitions. Text from a notebook becomes a command; mypy keeps it out of `lib`.

        Raises:
            TypeError: A command is of the other kind, or this is not a list.
        """
        if commands in ((), []):  # the most frequent case
            return ()
        if not isinstance(commands, (list, tuple)) or not all(type(each) in (cls, str) for each in commands):
            raise TypeError(f"{where} takes a list of {cls.__name__} commands only, got {commands!r:.200}")
        return tuple(dict.fromkeys(map(cls, commands)))


class Looking(_Command):
    """A read-only command: it never changes anything."""

    __slots__ = ()


class Changing(_Command):
    """A command that changes something, directly or through a service."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class Check:
    """The answer to one question, with the reason and what to do.

    Attributes:
        id: The question's id, the same in each run.
        name: The question in a few words, e.g. ``Duplicates``; dates are in the summary.
        verdict: The answer.
        summary: One line with the deciding figure, e.g. ``5 duplicate keys of 587``.
        evidence: Label to value: the figures behind the verdict, as numbers with their units.
        next_step: What the operator should do now; may be empty.
        commands: Read-only commands that check the same by hand (``gcloud``, ``bq``, ``runbook``).
        changes: Commands that fix what is wrong, shown separately from `commands`.
        since: When the problem began: a moment or a date as `lib.words.dates.kept_moment` writes it, or words.
        affects: Who notices, and what; for an UNKNOWN, who would notice a bad answer. Empty for a PASS.
        can_wait: Whether it can wait, and for how long. Empty for a PASS.

    Raises:
        TypeError: A command is in the field of the other kind, or is not text.
    """

    id: str
    name: str
    verdict: Verdict
    summary: str
    evidence: Mapping[str, Value] = field(default_factory=dict)
    next_step: str = ""
    commands: Sequence[Looking] = ()
    changes: Sequence[Changing] = ()
    since: str = ""
    affects: str = ""
    can_wait: str = ""

    __repr__ = brief("id", "verdict", "summary")

    def __post_init__(self) -> None:
        object.__setattr__(self, "commands", Looking.all_of(self.commands, "Check.commands"))
        object.__setattr__(self, "changes", Changing.all_of(self.changes, "Check.changes"))

    def as_data(self) -> dict[str, Any]:
        """Return JSON-ready data; see `lib.words.quantities.as_data` for the evidence."""
        data = asdict(self)
        data["verdict"] = str(self.verdict)
        data["evidence"] = {label: as_data(value) for label, value in self.evidence.items()}
        data["commands"], data["changes"] = list(self.commands), list(self.changes)
        return data


@dataclass(frozen=True)
class Question:
    """A question that a runbook asks, with the evidence for its answer.

    Attributes:
        id: Letters and underscores, such as ``lock_acquisitions``; unique in a runbook and never changed.
        name: For people.
        evidence: As in `Check`.
        commands: As in `Check`.
        affects: Who notices a bad answer, and what; true for both WARN and FAIL.
        can_wait: Whether a bad answer can wait, and for how long.

    Raises:
        ValueError: The id has any other character.
    """

    id: str
    name: str
    evidence: Mapping[str, Value] = field(default_factory=dict)
    commands: Sequence[Looking] = ()
    affects: str = ""
    can_wait: str = ""

    __repr__ = brief("id", "name")

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"the id of a question must be letters and underscores, got {self.id!r:.80}")

    def named(self, name: str) -> Question:
        """Return the same question with a more specific name."""
        return replace(self, name=name)

    def on(self, evidence: Mapping[str, Value], commands: Sequence[Looking] = ()) -> Question:
        """Return the same question with evidence and commands."""
        return replace(self, evidence=evidence, commands=commands)

    def passes(self, summary: str, next_step: str = "") -> Check:
        """Return a PASS; see `answer`."""
        return self.answer(Verdict.PASS, summary, next_step)

    def warns(
        self, summary: str, next_step: str = "", changes: Sequence[Changing] = (), *, since: Moment = None
    ) -> Check:
        """Return a WARN; see `answer`."""
        return self.answer(Verdict.WARN, summary, next_step, changes, since=since)

    def unknown(
        self, summary: str, next_step: str = "", changes: Sequence[Changing] = (), *, since: Moment = None
    ) -> Check:
        """Return an UNKNOWN; see `answer`."""
        return self.answer(Verdict.UNKNOWN, summary, next_step, changes, since=since)

    def fails(
        self, summary: str, next_step: str = "", changes: Sequence[Changing] = (), *, since: Moment = None
    ) -> Check:
        """Return a FAIL; see `answer`."""
        return self.answer(Verdict.FAIL, summary, next_step, changes, since=since)

    def answer(
        self,
        verdict: Verdict,
        summary: str,
        next_step: str = "",
        changes: Sequence[Changing] = (),
        *,
        since: Moment = None,
    ) -> Check:
        """Return an answer with the given verdict.

        Args:
            verdict: The verdict.
            summary: One line with the deciding figure.
            next_step: What to do; may be empty.
            changes: Commands that fix what is wrong.
            since: When the problem began; None if unknown.
        """
        is_well = verdict is Verdict.PASS
        can_wait = _NOT_KNOWN if self.can_wait and verdict is Verdict.UNKNOWN else self.can_wait
        return Check(
            id=self.id,
            name=self.name,
            verdict=verdict,
            summary=summary,
            evidence=self.evidence,
            next_step=next_step,
            commands=self.commands,
            changes=changes,
            since="" if is_well else kept_moment(since),
            affects="" if is_well else self.affects,
            can_wait="" if is_well else can_wait,
        )

    def could_not_look(self, error: CouldNotLook) -> Check:
        """Return UNKNOWN for a source that could not be read, with what makes it readable."""
        return self.unknown(
            f"could not check: {error}",
            f"{error.remedy}, and run this runbook again; until then the answer is unknown.",
        )
