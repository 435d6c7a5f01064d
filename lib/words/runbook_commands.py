"""The commands of runbooks in a sentence, with their parameters.

Next steps are sentences, in the library and in ``params``; where one names a runbook it does so
by the command that runs it. From that command a page makes a link, and a notebook the lines for
the parameters cell of the next one.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

# A word as `shlex.quote` writes it, without what its sentence puts after it.
_WORD = r"""(?:'[^']*'|"[^"\\]*"|[^\s'"\\;()])+(?:(?<![.:,])|(?= (?:-p|--env) ))"""
_COMMAND = re.compile(rf"\brunbook run (?P<name>[a-z][a-z0-9_]*)(?P<words>(?: (?:-p {_WORD}|--env {_WORD}))*)")
_OTHER_COMMAND = re.compile(r"\brunbook (?:runs rerun [\w-]+|runs verify|schedule list)\b", re.ASCII)
_LOOKS = re.compile(r"runbook (?:run|runs rerun|runs verify|schedule list|repair undo|fence spec)(?: |$)")
_LITERAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)
_CONSTANTS = {"true": "True", "false": "False"}


@dataclass(frozen=True)
class NextRunbook:
    """A runbook to look at next.

    Attributes:
        command: What runs it.
        given: Each parameter with its value as text; the environment is a parameter of every notebook.
    """

    name: str
    command: str
    given: tuple[tuple[str, str], ...] = ()

    @property
    def parameters(self) -> tuple[str, ...]:
        """Assignments for its parameters cell, such as ``date = "2026-01-17"``."""
        return tuple(f"{name} = {_literal(value)}" for name, value in self.given)

    @property
    def notebook(self) -> str:
        """Its notebook, beside the one that names it."""
        return f"{self.name}.ipynb"


Part = str | NextRunbook


def is_safe_to_paste(command: str) -> bool:
    """Whether it is one command of ours that only looks: what it may change, it shows as a plan first."""
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    if shlex.join(words) != command or not command.isprintable():
        return False
    is_approval = any(word.startswith(("plan=", "--plan")) for word in words)
    return bool(_LOOKS.match(command)) and not is_approval


def command_to_copy(text: str) -> str:
    """The first command in a sentence that `is_safe_to_paste`; empty when there is none."""
    commands = [part.command for part in parts_of(text) if isinstance(part, NextRunbook)]
    commands += [found.group() for found in _OTHER_COMMAND.finditer(text)]
    return next(filter(is_safe_to_paste, commands), "")


def parts_of(text: str) -> Iterator[Part]:
    """The sentence in order, each command of a runbook taken out of it."""
    end = 0
    for found in _COMMAND.finditer(text):
        yield text[end : found.start()]
        yield NextRunbook(found["name"], found.group(), tuple(_given(found["words"])))
        end = found.end()
    yield text[end:]


def _given(words: str) -> Iterator[tuple[str, str]]:
    options = shlex.split(words)
    for option, value in zip(options[::2], options[1::2], strict=True):
        name, _, given = ("environment", "=", value) if option == "--env" else value.partition("=")
        if name.isidentifier():
            yield name, given


def text_literal(text: str) -> str:
    """The text as a literal of Python, in double quotes where it needs no escapes."""
    return f'"{text}"' if text.isprintable() and not set(text) & set('"\\') else repr(text)


def _literal(given: str) -> str:
    return given if _LITERAL.fullmatch(given) else _CONSTANTS.get(given) or text_literal(given)
