"""Verdicts on a terminal: a word, and a colour where there are colours."""

from __future__ import annotations

import click

_COLOURS = {"PASS": "green", "WARN": "yellow", "UNKNOWN": "magenta", "FAIL": "red"}


def styled_verdict(verdict: str | None) -> str:
    """The verdict, as wide as the longest one."""
    word = str(verdict or "UNKNOWN")
    return click.style(f"{word:<7}", fg=_COLOURS.get(word), bold=True)
