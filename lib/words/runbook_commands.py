"""Finds runbook commands and their parameters in sentences.

Next steps, in the library and in ``params``, are sentences that refer to a runbook by its command. Pages turn the
command into a link, and notebooks into the lines of the next notebook's parameters cell.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

# A word as quoted by `shlex.quote`, without the punctuation of the sentence after it.
_WORD = r"""(?:'[^']*'|"[^"\\]*"|[^\s'"\\;()])+(?:(?<![.:,])|(?= (?:-p|--env) ))"""
_COMMAND = re.compile(rf"\brunbook run (?P<name>[a-z][a-z0-9_]*)(?P<words>(?: (?:-p {_WORD}|--env {_WORD}))*)")
_OTHER_COMMAND = re.compile(r"\brunbook (?:runs rerun [\w-]+|runs verify|schedule list)\b", re.ASCII)
_LOOKS = re.compile(r"runbook (?:run|runs rerun|runs verify|schedule list|repair undo|fence spec)(?: |$)")
_LITERAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)
_CONSTANTS = {"true": "True", "false": "False"}


@dataclass(frozen=True)
class NextRunbook:
    """The runbook to open next.

    Attributes:
        command: The command that runs it.
        given: Parameters with their values as text; every notebook has the environment as a parameter.
    """

    name: str
    command: str
    given: tuple[tuple[str, str], ...] = ()

    @property
    def parameters(self) -> tuple[str, ...]:
        """Lines for its parameters cell, such as ``date = "2026-01-17"``."""
        return tuple(f"{name} = {_literal(value)}" for name, value in self.given)

    @property
    def notebook(self) -> str:
        """File name of its notebook, in the same folder as the one that refers to it."""
        return f"{self.name}.ipynb"


Part = str | NextRunbook


def is_safe_to_paste(command: str) -> bool:
    """Return whether this is a single runbook command that is read-only, or shows a plan before changing anything."""
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    if shlex.join(words) != command or not command.isprintable():
        return False
    is_approval = any(word.startswith(("plan=", "--plan")) for word in words)
    return bool(_LOOKS.match(command)) and not is_approval


def command_to_copy(text: str) -> str:
    """Return the first command in a sentence that `is_safe_to_paste`; empty if there is none."""
    commands = [part.command for part in parts_of(text) if isinstance(part, NextRunbook)]
    commands += [found.group() for found in _OTHER_COMMAND.finditer(text)]
    return next(filter(is_safe_to_paste, commands), "")


def parts_of(text: str) -> Iterator[Part]:
    """Split a sentence into its texts and runbook commands, in order."""
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
    """Return the text as a Python literal, in double quotes if it needs no escapes."""
    return f'"{text}"' if text.isprintable() and not set(text) & set('"\\') else repr(text)


def _literal(given: str) -> str:
    return given if _LITERAL.fullmatch(given) else _CONSTANTS.get(given) or text_literal(given)
