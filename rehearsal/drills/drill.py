"""What a drill is: a state that is set up, and what the runbooks must say of it.

The texts are figures and names that follow from how the state was made, so a runbook that
says them has found out what is true. They have to stand on the first screen of its report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lib.archive.record import RunRecord
from lib.verdict.check import Check
from lib.verdict.verdict import Verdict
from lib.words.text import text_of
from rehearsal.drills.stage import Stage

_CHECKS_ON_FIRST_SCREEN = 3


@dataclass(frozen=True)
class Look:
    """A runbook that looks at the state.

    Attributes:
        runbook: Its name.
        expected: Its verdict, if it is right.
        says: Texts that its first screen must hold: what it is, why, and what to do.
        parameters: As on the command line.
    """

    runbook: str
    expected: Verdict
    says: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)

    def surprises(self, record: RunRecord) -> list[str]:
        """What is not as expected, a line each; nothing when all is."""
        said = first_screen(record.headline, record.checks)
        missing = [f"the first screen does not say {text!r}" for text in self.says if text not in said]
        if record.verdict is self.expected:
            return missing
        return [f"it says {record.verdict or record.status} and not {self.expected}", *missing]


def first_screen(headline: str, checks: Sequence[Check]) -> str:
    """The headline and the worst checks: the first three that are not well."""
    bad = [check for check in checks if check.verdict is not Verdict.PASS]
    shown = (bad or list(checks))[:_CHECKS_ON_FIRST_SCREEN]
    lines = [headline]
    for check in shown:
        lines += [check.name, check.summary, check.next_step]
        lines += [f"{label}: {text_of(value)}" for label, value in check.evidence.items()]
    return "\n".join(lines)


@dataclass(frozen=True)
class Scene:
    """A state that was set up.

    Attributes:
        looks: Who looks at it, in order.
        now: The moment that they look from (UTC); None: the clock's.
        environment: The environment that they look at.
    """

    looks: Sequence[Look]
    now: datetime | None = None
    environment: str = "local"


@dataclass(frozen=True)
class Drill:
    """An incident, or an ordinary night.

    Attributes:
        name: On the command line.
        title: The symptom as it was reported, or what the night was like.
        set_up: Makes the state on a fresh stage.
        incident: Its number; None: nothing was wrong, and nobody may cry wolf.
        dialect: Whose lines it plays, for a night of services that do not run this library.
        is_chore: Whether it is what operators look for routinely, and there is something to find.
    """

    name: str
    title: str
    set_up: Callable[[Stage], Scene]
    incident: int | None = None
    dialect: str = ""
    is_chore: bool = False

    @property
    def kind(self) -> str:
        if self.dialect:
            return f"dialect {self.dialect}"
        if self.is_chore:
            return "chore"
        return f"incident {self.incident}" if self.incident else "ordinary night"


_SetUp = Callable[["Stage"], Scene]


def incident(number: int, symptom: str) -> Callable[[_SetUp], Drill]:
    """Make a drill of the function that sets an incident up; it gives the name."""
    return lambda set_up: Drill(set_up.__name__, symptom, set_up, number)


def chore(title: str) -> Callable[[_SetUp], Drill]:
    """As `incident`, of something that operators look for routinely."""
    return lambda set_up: Drill(set_up.__name__, title, set_up, is_chore=True)


def ordinary_night(title: str) -> Callable[[_SetUp], Drill]:
    """As `incident`, where nothing is wrong."""
    return lambda set_up: Drill(set_up.__name__, title, set_up)
