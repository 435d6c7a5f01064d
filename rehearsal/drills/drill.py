"""A drill: a state that is set up, and what the runbooks must report about it.

The expected texts are figures and names that follow from how the state was set up, so a runbook that shows them has
found the truth. They must be on the first screen of its report.
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
    """A runbook that is run on the state.

    Attributes:
        runbook: Its name.
        expected: Its correct verdict.
        says: Texts that its first screen must contain: what is wrong, why, and what to do.
        parameters: As on the command line.
    """

    runbook: str
    expected: Verdict
    says: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)

    def surprises(self, record: RunRecord) -> list[str]:
        """Return what is not as expected, one line each; empty if everything is."""
        said = first_screen(record.headline, record.checks)
        missing = [f"the first screen does not mention {text!r}" for text in self.says if text not in said]
        if record.verdict is self.expected:
            return missing
        return [f"verdict {record.verdict or record.status} instead of {self.expected}", *missing]


def first_screen(headline: str, checks: Sequence[Check]) -> str:
    """Return the headline and the first three checks that do not pass."""
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
        looks: The runbooks to run, in order.
        now: The time at which they run (UTC); None for the real time.
        environment: The environment that they run in.
    """

    looks: Sequence[Look]
    now: datetime | None = None
    environment: str = "local"


@dataclass(frozen=True)
class Drill:
    """An incident, or an ordinary night.

    Attributes:
        name: Its name on the command line.
        title: The symptom as reported, or a description of the night.
        set_up: Sets up the state on a fresh stage.
        incident: The incident's number; None if nothing was wrong, and no runbook may raise an alarm.
        dialect: The dialect of its log lines, for services that do not run this library.
        is_chore: Whether operators check this routinely, and there is something to find.
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
    """Turn a function that sets up an incident into a drill of the same name."""
    return lambda set_up: Drill(set_up.__name__, symptom, set_up, number)


def chore(title: str) -> Callable[[_SetUp], Drill]:
    """Like `incident`, for something that operators check routinely."""
    return lambda set_up: Drill(set_up.__name__, title, set_up, is_chore=True)


def ordinary_night(title: str) -> Callable[[_SetUp], Drill]:
    """Like `incident`, for a night when nothing is wrong."""
    return lambda set_up: Drill(set_up.__name__, title, set_up)
