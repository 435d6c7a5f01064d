"""What a terminal may show: verdicts in their colours, and text from outside made harmless."""

from __future__ import annotations

import click

_COLOURS = {"PASS": "green", "WARN": "yellow", "UNKNOWN": "magenta", "FAIL": "red"}


def styled_verdict(verdict: str | None) -> str:
    """The verdict, as wide as the longest one."""
    word = str(verdict or "UNKNOWN")
    return click.style(f"{word:<7}", fg=_COLOURS.get(word), bold=True)


def printable(text: str) -> str:
    """One line without control characters: names and log lines come from outside."""
    return "".join(char if char.isprintable() else "�" for char in " ".join(text.split()))
