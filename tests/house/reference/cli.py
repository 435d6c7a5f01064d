"""cli.md: every command with its usage, options and exit codes, as click has them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

import lib.cli
from tests.house.reference import markdown
from tests.house.reference.markdown import anchor, code, prose

_CODES = re.compile(r"\b([0-3]) ([^;.]+)")


def commands(command: click.Command = lib.cli.cli, name: str = "runbook") -> Iterator[tuple[click.Context, str]]:
    """Every command that does something, with its whole name; hidden ones are left out."""
    context = click.Context(command, info_name=name)
    if not isinstance(command, click.Group):
        yield context, name
        return
    for each in command.list_commands(context):
        found = command.get_command(context, each)
        if found and not found.hidden:
            yield from commands(found, f"{name} {each}")


def exit_codes() -> list[tuple[str, str]]:
    """The exit codes that every command has, as `lib.cli` states them.

    Raises:
        ValueError: It does not state all four.
    """
    said = inspect.getdoc(lib.cli) or ""
    found = [(code(number), prose(meaning)) for number, meaning in _CODES.findall(said.partition("Exit codes:")[2])]
    if [number for number, _ in found] != ["`0`", "`1`", "`2`", "`3`"]:
        raise ValueError("the docstring of lib.cli states the exit codes as `Exit codes: 0 ...; 1 ...; 2 ...; 3 ....`")
    return found


def page() -> str:
    """The whole page."""
    found = list(commands())
    listed = [(f"[{code(name)}](#{anchor(name)})", prose(_first(context))) for context, name in found]
    return markdown.page(
        "Command line",
        "Every command, with its options. `runbook NAME --help` shows the same.",
        [
            "## Exit codes",
            markdown.table(("Code", "Meaning"), exit_codes()),
            "A command whose codes mean something else states it below.",
            "## Commands",
            markdown.table(("Command", "What it does"), listed),
            *(_section(context, name) for context, name in found),
        ],
    )


def _paragraphs(context: click.Context) -> list[str]:
    return [" ".join(part.split()) for part in inspect.cleandoc(context.command.help or "").split("\n\n")]


def _first(context: click.Context) -> str:
    return _paragraphs(context)[0]


def _section(context: click.Context, name: str) -> str:
    usage = " ".join([name, *context.command.collect_usage_pieces(context)])
    records = [(parameter, parameter.get_help_record(context)) for parameter in context.command.get_params(context)]
    options = [(code(record[0]), prose(record[1])) for _, record in records if record and "--help" not in record[0]]
    parts = [f"### {name}", f"```text\n{usage}\n```", *map(prose, _paragraphs(context))]
    return "\n\n".join([*parts, *([markdown.table(("Option", "Meaning"), options)] if options else [])])
