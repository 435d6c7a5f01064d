"""Split a check's next step into words, read-only commands and commands that change something.

The two kinds of commands never share a box, and a changing command is copied without its reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lib.verdict.check import Check
from lib.verdict.conclusion import deciding
from lib.words.runbook_commands import NextRunbook, parts_of

_REASON = re.compile(r""" (?P<option>-p 'reason=[^']*'|-p reason=\S*|--reason '[^']*'|--reason \S+)""")


@dataclass(frozen=True)
class Step:
    """One thing to do.

    Attributes:
        words: What and why; may be empty.
        command: The command; empty if there are only words.
        changes: Whether the command changes something.
        runbook: The runbook that the command runs; empty if it runs none.
    """

    words: str
    command: str = ""
    changes: bool = False
    runbook: str = ""

    @property
    def copied(self) -> str:
        """The command to copy; a changing command ends where the reason is to be typed."""
        return ending_at_its_reason(self.command) if self.changes else self.command


@dataclass(frozen=True)
class FirstScreen:
    """What a report shows first, below its headline.

    Attributes:
        check: The deciding check; None without one.
        look: The next read-only step; without words, a command that repeats the check by hand. None without one.
        changes: Steps that would change something, each in its own box.
        rest: Words of the next step that have no command.
    """

    check: Check | None = None
    look: Step | None = None
    changes: tuple[Step, ...] = ()
    rest: tuple[str, ...] = ()

    def shows(self, step: Step) -> bool:
        """Return whether the step is shown here."""
        return step in (self.look, *self.changes) or (not step.command and step.words in self.rest)


def steps_of(check: Check) -> list[Step]:
    """Return the parts of the check's next step, in order: each command with the words before it."""
    found: list[Step] = []
    words = ""
    for part in _parts(check, check.next_step):
        if isinstance(part, str):
            words += part
        else:
            found.append(Step(_trimmed(words), part.command, part.changes, part.runbook))
            words = ""
    return [*found, Step(_trimmed(words))] if _trimmed(words) else found


def first_screen(checks: tuple[Check, ...]) -> FirstScreen:
    """Return the first screen for the deciding check (`lib.verdict.conclusion.deciding`).

    Args:
        checks: Worst first.
    """
    lead = deciding(checks)
    if lead is None:
        return FirstScreen()
    steps = steps_of(lead)
    look = next((step for step in steps if step.command and not step.changes), None)
    if look is None and lead.commands:
        look = Step("", lead.commands[0])
    changes = tuple(step for step in steps if step.changes)
    rest = tuple(step.words for step in steps if not step.command)
    return FirstScreen(lead, look, changes, rest)


def ending_at_its_reason(command: str) -> str:
    """Return the command without its reason, ending where one is to be typed; unchanged if it takes none."""
    found = _REASON.search(command)
    if found is None:
        return command
    option = " -p reason=" if found["option"].startswith("-p") else " --reason="
    return command[: found.start()] + command[found.end() :] + option


def _parts(check: Check, text: str) -> Iterator[str | Step]:
    """Split the text at its commands: those listed in the check, and those that run runbooks."""
    known = sorted({*check.commands, *check.changes}, key=len, reverse=True)
    pieces = re.split(f"({'|'.join(map(re.escape, known))})", text) if known else [text]
    for piece in pieces:
        if piece in known:
            runbook = next((part.name for part in parts_of(piece) if isinstance(part, NextRunbook)), "")
            yield Step("", piece, piece in check.changes, runbook)
        else:
            yield from map(_of_runbook, parts_of(piece))


def _of_runbook(part: str | NextRunbook) -> str | Step:
    if isinstance(part, str):
        return part
    # Without a plan's digest, a runbook changes nothing.
    changes = any(line.startswith("plan = ") for line in part.parameters)
    return Step("", part.command, changes, part.name)


def _trimmed(words: str) -> str:
    """Strip the punctuation around a command."""
    text = words.strip(" :;,(").lstrip(").").strip(" :;,(")
    return text if any(map(str.isalnum, text)) else ""
