"""Parse docstrings in Google's style: the text, and its sections with the meaning of each name."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

_SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Yields):$")
_ENTRY = re.compile(r"^(?P<names>\*{0,2}\w+(?:, \w+)*): +(?P<text>\S.*)$")


@dataclass
class Docstring:
    """A docstring.

    Attributes:
        text: Its paragraphs before any section, each in one line.
        sections: By the name of a section, what it says of each name, in order.
    """

    text: list[str] = field(default_factory=list)
    sections: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The first paragraph; empty without a docstring."""
        return self.text[0] if self.text else ""


def docstring_of(thing: object) -> Docstring:
    """The docstring of a class or function itself; that of a base class does not count."""
    own = getattr(thing, "__doc__", None) or ""
    # `dataclass` writes the signature where there is no docstring.
    if isinstance(thing, type) and own.startswith(f"{thing.__name__}("):
        own = ""
    return parsed(inspect.cleandoc(own))


def parsed(text: str) -> Docstring:
    """Parse a docstring."""
    found, section, name = Docstring(), "", ""
    for block in text.split("\n\n"):
        lines = block.splitlines()
        if not lines or not _SECTION.match(lines[0]):
            found.text += [" ".join(block.split())] if block.strip() else []
            continue
        section = lines[0].removesuffix(":")
        entries = found.sections.setdefault(section, {})
        for line in lines[1:]:
            entry = _ENTRY.match(line.strip()) if line.startswith("    ") and not line.startswith("     ") else None
            if entry:
                name = entry["names"]
                entries[name] = entry["text"]
            else:
                entries[name] = f"{entries.get(name, '')} {line.strip()}".strip()
    return Docstring(found.text, {title: _each_name(entries) for title, entries in found.sections.items()})


def _each_name(entries: dict[str, str]) -> dict[str, str]:
    """``started_at, ended_at: By the warehouse's clock`` says it of both."""
    return {name: text for names, text in entries.items() for name in names.split(", ")}
