"""Commands of `runbook` in a page, held to what the command line takes; nothing is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

import click

from lib.cli import cli
from lib.errors import UserError
from lib.runbooks.catalogue import find_runbook
from lib.runbooks.parameters import parse_assignments
from rehearsal.drills.rehearsal import find_drill

_ENDS = set(";|&()<>")
_PLACEHOLDER = re.compile(r"[A-Z][A-Z0-9_]*|.*(\.\.\.|…|<.*>|\$).*")
_CHECKED = (click.Choice, click.types.IntParamType, click.types.FloatParamType)


def commands_in(line: str) -> Iterator[list[str]]:
    """The words after each ``runbook`` of a line of a shell, without its comment."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] | None = None
    for word in lexer:
        is_end = set(word) <= _ENDS
        if words is not None and (is_end or word == "#"):
            yield words
            words = None
        elif words is not None:
            words.append(word)
        elif word == "runbook" or word.endswith("/runbook"):
            words = []
        if word == "#":
            return
    if words is not None:
        yield words


def is_placeholder(word: str) -> bool:
    """Whether a reader puts something else in its place: ``NAME``, ``...``, ``$DIGEST``."""
    return bool(_PLACEHOLDER.fullmatch(word))


def fault_of(words: Sequence[str], *, written: Sequence[str] = (), mentioned: bool = False) -> str:
    """What the command line would refuse in a command, in a line; empty: nothing.

    Args:
        words: Those after ``runbook``.
        written: Runbooks that the reader has written by then.
        mentioned: It is a command in a sentence, so it may lack what it needs.
    """
    try:
        command, context, rest = _found([*words])
        if isinstance(command, click.Group) or not command.name:
            return ""
        parsed, extra, _ = command.make_parser(context).parse_args(rest)
        values = {
            name: value for name, value in parsed.items() if isinstance(value, (str, bool, list, tuple)) and value
        }
        if extra:
            return f"takes no {' '.join(extra)}"
        _check_values(command, context, values, mentioned=mentioned)
        _check_names(command.name, values, written)
    except click.BadOptionUsage as error:
        return "" if mentioned else error.format_message()
    except click.UsageError as error:
        return error.format_message()
    except UserError as error:
        return str(error)
    return ""


def _found(words: list[str]) -> tuple[click.Command, click.Context, list[str]]:
    """The command that the words begin with, and the words after its name."""
    command: click.Command = cli
    context = click.Context(cli, info_name="runbook")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        if is_placeholder(name):
            return click.Command(None), context, []
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"there is no command {name}")
        command, context = found, click.Context(found, info_name=name, parent=context)
    return command, context, [word for word in words if word not in ("-h", "--help")]


def _check_values(command: click.Command, context: click.Context, values: dict[str, Any], *, mentioned: bool) -> None:
    for parameter in command.params:
        value = values.get(str(parameter.name))
        if value is None:
            if parameter.required and not mentioned:
                raise click.UsageError(f"lacks {parameter.human_readable_name}")
        elif isinstance(parameter.type, _CHECKED):
            for each in value if isinstance(value, (list, tuple)) else [value]:
                if not is_placeholder(str(each)):
                    parameter.type.convert(each, parameter, context)


def _check_names(command: str, values: dict[str, Any], written: Sequence[str]) -> None:
    """The runbook, its parameters and the drill have to exist."""
    name = str(values.get("name", "NAME"))
    if is_placeholder(name) or name in written:
        return
    if command == "drill":
        find_drill(name)
    if command in ("run", "params"):
        given = parse_assignments(values.get("assignments", []))
        known = {key: value for key, value in given.items() if not (is_placeholder(key) or is_placeholder(value))}
        find_runbook(name).checked_values(known, "local")
