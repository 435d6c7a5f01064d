"""Output for a terminal: verdicts in colour, and untrusted text made harmless."""

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
    """Return the verdict in its colour, padded to the longest one."""
    word = str(verdict or "UNKNOWN")
    return click.style(f"{word:<7}", fg=_COLOURS.get(word), bold=True)


def printable(text: str) -> str:
    """Return the text as one line without secrets and unprintable characters; names and log lines are untrusted."""
    line = one_line(redactor().text(text))
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)


@cache
def redactor() -> Redactor:
    """Return a redactor for the secrets of every environment: a command may fail before its own is known."""
    from lib.environment import environment_names, redactor_in, redactor_of
    from lib.words.secrets.redaction import Redactor

    redactors, names = [redactor_of(None)], list[str]()
    with suppress(UserError):  # outside a project there are no environments
        names = environment_names()
    for name in names:
        with suppress(UserError):
            redactors.append(redactor_in(name))
    patterns = dict.fromkeys(pattern for one in redactors for pattern in one.patterns)
    return Redactor(tuple(patterns), frozenset().union(*(one.values for one in redactors)))


def echo_section(section: Section) -> None:
    """Print what a step found, with its figures, and exit with the code of its worst check."""
    echo_checks(section.checks, with_evidence=True)
    exit_as(section)


def exit_as(section: Section) -> None:
    """Exit with the code of the worst check; return if it is healthy."""
    from lib.verdict.verdict import worst

    if code := worst([check.verdict for check in section.checks]).exit_code:
        raise click.exceptions.Exit(code)


def echo_conclusion(
    title: str, verdict: str | None, headline: str, checks: Iterable[Check], timezone: str = "UTC"
) -> None:
    """Print what a runbook or `runbook doctor` found.

    Args:
        title: What was run.
        verdict: Its verdict; None counts as UNKNOWN.
        headline: Its finding in a line.
        checks: Printed one by one.
        timezone: Zone of the times shown.
    """
    click.echo(f"{styled_verdict(verdict)}  {title}: {printable(headline)}")
    echo_checks(checks, timezone=timezone)


def echo_checks(checks: Iterable[Check], *, with_evidence: bool = False, timezone: str = "UTC") -> None:
    """Print each check with its next step.

    Args:
        checks: The checks.
        with_evidence: Also print their figures.
        timezone: Zone of the times shown.
    """
    from lib.words.quantities import spoken

    for check in checks:
        click.echo(f"  {styled_verdict(check.verdict)}  {printable(check.name)}: {printable(check.summary)}")
        for label, value in check.evidence.items() if with_evidence else ():
            click.echo(f"           {printable(label)}: {printable(spoken(value))}")
        if facts := _facts(check, timezone):
            click.echo(f"           {printable(facts)}")
        if check.next_step:
            click.echo(f"           → {printable(check.next_step)}")


def _facts(check: Check, timezone: str) -> str:
    """Return one line: since when, what it affects, and whether it can wait; empty if none is known."""
    from lib.words.pages import shown_moment

    affects = "may affect" if check.verdict == "UNKNOWN" else "affects"
    parts = (("since", shown_moment(check.since, timezone)), (affects, check.affects), ("can wait?", check.can_wait))
    return "; ".join(f"{label} {text}" for label, text in parts if text)
