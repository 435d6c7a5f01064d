"""A next step in a notebook: its sentence, and for each runbook in it the way there.

A link cannot carry parameters by itself, so the lines for the next one's parameters cell stand beside it.
"""

from __future__ import annotations

from html import escape

from lib.verdict.live import is_live
from lib.words.runbook_commands import NextRunbook, parts_of
from lib.words.text import one_line


def as_html(text: str) -> str:
    """The sentence with its commands marked; for those who work in a notebook, the way to the next one."""
    parts = [part for part in parts_of(text) if part]
    sentence = "".join(
        f"<code>{escape(one_line(part.command))}</code>"
        if isinstance(part, NextRunbook)
        else escape(_within_sentence(part))
        for part in parts
    )
    ways = "".join(_way_to(part) for part in parts if isinstance(part, NextRunbook)) if is_live() else ""
    return sentence + ways


def _way_to(following: NextRunbook) -> str:
    link = f'<a href="{following.notebook}">{following.notebook}</a>'
    if not following.parameters:
        return f"<br>Or open {link}."
    assignments = escape("\n".join(map(one_line, following.parameters)))
    return f"<br>Or open {link} and paste below its parameters:<pre>{assignments}</pre>"


def _within_sentence(text: str) -> str:
    """In one line, and still apart from what stands beside it."""
    return " " * text[:1].isspace() + one_line(text) + " " * text[-1:].isspace()
