"""What a terminal may show: verdicts in their colours, and text from outside made harmless."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

import click

from lib.errors import UserError
from lib.words.text import one_line

if TYPE_CHECKING:
    from lib.verdict.check import Check
    from lib.verdict.section import Section
    from lib.words.secrets.redaction import Redactor

_COLOURS = {"PASS": "green", "WARN": "yellow", "UNKNOWN": "magenta", "FAIL": "red"}


def styled_verdict(verdict: str | None) -> str:
    """The verdict, as wide as the longest one."""
    word = str(verdict or "UNKNOWN")
    return click.style(f"{word:<7}", fg=_COLOURS.get(word), bold=True)


def printable(text: str) -> str:
    """One line without secrets, and without what a terminal does not show: names and log lines come from outside."""
    line = one_line(redactor().text(text))
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)


@cache
def redactor() -> Redactor:
    """Masks the secrets of every environment: a command may fail before it knows its own."""
    from lib.environment import environment_names, redactor_in, redactor_of
    from lib.words.secrets.redaction import Redactor

    redactors, names = [redactor_of(None)], list[str]()
    with suppress(UserError):  # without a project there are no environments
        names = environment_names()
    for name in names:
        with suppress(UserError):
            redactors.append(redactor_in(name))
    patterns = dict.fromkeys(pattern for one in redactors for pattern in one.patterns)
    return Redactor(tuple(patterns), frozenset().union(*(one.values for one in redactors)))


def echo_section(section: Section) -> None:
    """What a step found, with its figures; ends with the exit code of its worst check."""
    echo_checks(section.checks, with_evidence=True)
    exit_as(section)


def exit_as(section: Section) -> None:
    """End with the exit code of its worst check; go on when that is healthy."""
    from lib.verdict.verdict import worst

    if code := worst([check.verdict for check in section.checks]).exit_code:
        raise click.exceptions.Exit(code)


def echo_conclusion(
    title: str, verdict: str | None, headline: str, checks: Iterable[Check], timezone: str = "UTC"
) -> None:
    """What a runbook or `runbook doctor` found: the headline and each check."""
    click.echo(f"{styled_verdict(verdict)}  {title}: {printable(headline)}")
    echo_checks(checks, timezone=timezone)


def echo_checks(checks: Iterable[Check], *, with_evidence: bool = False, timezone: str = "UTC") -> None:
    """Each check with its next step, and with its figures if so asked; moments in that zone."""
    from lib.words.quantities import spoken

    for check in checks:
        click.echo(f"  {styled_verdict(check.verdict)}  {printable(check.name)}: {printable(check.summary)}")
        for label, value in check.evidence.items() if with_evidence else ():
            click.echo(f"           {printable(label)}: {printable(spoken(value))}")
        if told := _facts(check, timezone):
            click.echo(f"           {printable(told)}")
        if check.next_step:
            click.echo(f"           → {printable(check.next_step)}")


def _facts(check: Check, timezone: str) -> str:
    """Since when, what it affects and whether it can wait, in a line; empty where nothing of it is known."""
    from lib.words.pages import shown_moment

    affects = "may affect" if check.verdict == "UNKNOWN" else "affects"
    parts = (("since", shown_moment(check.since, timezone)), (affects, check.affects), ("can wait?", check.can_wait))
    return "; ".join(f"{label} {text}" for label, text in parts if text)
