"""A dialect: how one version of the services writes its log lines, as data in ``params/dialects/<name>.yaml``.

A line is recognised by its anchor, a literal that is searched for before any expression. A value is found by the
text around it, such as ``batch={}``: what ``{}`` matches is defined here and bounded, so no dialect can contain an
expression that hostile lines make slow. ``{column}`` in such a text matches any column name. Every line has samples,
and a file is refused if a sample is not read as it states.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from lib.errors import UserError
from lib.operations.logs.events import CountsFrom, EventKind
from lib.settings_file import checked_settings, read_yaml
from lib.words.choices import no_such
from lib.words.old_names import RENAMED

_STRICT = {"extra": "forbid", "allow_inf_nan": False}
_LONGEST_TEXT = 200
_SHORTEST_ANCHOR = 4

# What `{}` matches. Possessive and bounded, so a hostile line costs no more than its length.
_NUMBER = r"\d{1,12}+(?:\.\d{1,9}+)?+"
_COLUMN = r"[A-Za-z_][A-Za-z0-9_]{0,299}+"
VALUES: Mapping[str, str] = {
    "batch": r"[A-Za-z0-9_-]{1,128}+",
    "date": r"\d{4}-\d{2}-\d{2}",
    "lock_key": r"[A-Za-z0-9_-]{0,250}?\d{4}-\d{2}-\d{2}(?![A-Za-z0-9])",
    "rows": r"\d{1,12}+",
    "duration_ms": _NUMBER,
    "staging_tables": r"\d{1,12}+",
    "duplicates": r"\d{1,12}+",
    "waited_seconds": _NUMBER,
    "columns": r"[^\[\]]{1,3500}+",
}
Texts = str | tuple[str, ...]


@dataclass(frozen=True)
class Sample:
    """A line as a service really wrote it, and all values that are read from it."""

    __pydantic_config__ = _STRICT

    line: str
    batch: str | None = None
    date: datetime.date | None = None
    rows: int | None = None
    duration_ms: float | None = None
    staging_tables: int | None = None
    duplicates: int | None = None
    waited_seconds: float | None = None
    columns: tuple[str, ...] | None = None

    @property
    def values(self) -> dict[str, object]:
        stated = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "line"}
        return {name: value for name, value in stated.items() if value is not None}


@dataclass(frozen=True)
class Line:
    """One line of a dialect.

    Attributes:
        event: What it means, the name of an `EventKind` in lower case.
        anchor: The words that it is recognised by; several if it is written in several ways.
        beside: Another text that the line must contain.
        fields: By value, the texts around it, tried before the dialect's own. An empty list: not in this line.
        counts_from: Where its duration begins: ``merge``, or ``start`` if the duration includes the wait for the lock.
        samples: Lines as they were written.
    """

    __pydantic_config__ = _STRICT

    event: str
    anchor: Texts
    samples: tuple[Sample, ...] = ()
    beside: str = ""
    fields: Mapping[str, Texts] | None = None
    counts_from: CountsFrom | None = None

    @property
    def kind(self) -> EventKind:
        return EventKind[self.event.upper()]

    @property
    def anchors(self) -> tuple[str, ...]:
        return listed(self.anchor)


@dataclass(frozen=True)
class Dialect:
    """A dialect file.

    Attributes:
        about: Whose lines these are.
        like: Another dialect, whose lines and fields apply where this one does not define its own.
        fields: By value, the texts around it in every line.
        lines: Its lines.
    """

    __pydantic_config__ = _STRICT

    about: str
    lines: tuple[Line, ...]
    like: str = ""
    fields: Mapping[str, Texts] | None = None


def listed(texts: Texts) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else texts


def dialect_files(folders: Sequence[Path]) -> dict[str, Path]:
    """Return the file of each dialect, by name; the first folder that has it counts."""
    found = {path.stem: path for folder in reversed(folders) for path in folder.glob("*.yaml")}
    return dict(sorted(found.items()))


def load_dialect(files: Mapping[str, Path], name: str, of: tuple[str, ...] = ()) -> Dialect:
    """Return the dialect with that name, including what it inherits from others.

    Args:
        files: See `dialect_files`.
        name: The dialect's name.
        of: The dialects derived from it, to detect cycles.

    Raises:
        UserError: There is no such file, or it is wrong; names the file, the line and the fault.
    """
    if name not in files:
        raise no_such("dialect", name, files)
    path = files[name]
    dialect = _checked_file(path)
    if not dialect.like:
        return dialect
    if dialect.like in (name, *of):
        raise UserError(f"{path}: like: {dialect.like} is derived from this dialect; name another, or none")
    base = load_dialect(files, dialect.like, (name, *of))
    own = {anchor for line in dialect.lines for anchor in line.anchors}
    kept = tuple(line for line in base.lines if own.isdisjoint(line.anchors))
    return Dialect(dialect.about, dialect.lines + kept, "", {**(base.fields or {}), **(dialect.fields or {})})


@cache
def _checked_file(path: Path) -> Dialect:
    dialect: Dialect = checked_settings(path, Dialect, _by_current_names(path, read_yaml(path)))
    for fault in _faults(dialect):
        raise UserError(f"{path}: {fault}")
    return dialect


def _by_current_names(path: Path, content: Any) -> Any:
    """Return the file's content with the old names of values replaced."""
    if isinstance(content, list):
        return [_by_current_names(path, each) for each in content]
    if not isinstance(content, dict):
        return content
    for old, new in RENAMED.items():
        if old in content and new in content:
            raise UserError(f"{path}: {old} is the old name of {new}, which is given too; remove one of them")
    return {RENAMED.get(str(name), name): _by_current_names(path, each) for name, each in content.items()}


def expression(name: str, text: str) -> re.Pattern[str]:
    """Return the expression that finds a value by the text around it."""
    before, _, after = text.partition("{}")
    boundary = r"(?<![A-Za-z0-9_])" if before[:1].isalnum() else ""
    before = _COLUMN.join(map(re.escape, before.split("{column}")))
    return re.compile(f"{boundary}{before}({VALUES[name]}){re.escape(after)}", re.ASCII)


def _faults(dialect: Dialect) -> Iterator[str]:
    yield from _field_faults("fields", dialect.fields or {})
    for line in dialect.lines:
        where = f"lines, {line.anchors[0] if line.anchors else line.event!r:.80}"
        yield from (f"{where}: {fault}" for fault in _line_faults(line))
        yield from _field_faults(f"{where}: fields", line.fields or {})


def _line_faults(line: Line) -> Iterator[str]:
    known = [kind.name.lower() for kind in EventKind]
    if line.event not in known:
        yield str(no_such("event", line.event, known))
    if not line.anchors or not all(_SHORTEST_ANCHOR <= len(text) <= _LONGEST_TEXT for text in line.anchors):
        yield f"anchor: must be {_SHORTEST_ANCHOR} to {_LONGEST_TEXT} characters long"
    if not line.samples:
        yield "samples: none given; add a line as the service wrote it"
    has_duration = bool((line.fields or {}).get("duration_ms"))
    if has_duration != (line.counts_from is not None):
        yield (
            "counts_from: missing; write where its duration_ms begins, merge or start"
            if has_duration
            else "counts_from: remove it, or add a duration_ms"
        )


def _field_faults(where: str, given: Mapping[str, Texts]) -> Iterator[str]:
    for name, texts in given.items():
        if name not in VALUES:
            yield f"{where}: {no_such('value', name, list(VALUES))}"
        for text in listed(texts):
            if text.count("{}") != 1 or len(text) > _LONGEST_TEXT or not text.replace("{}", "").strip():
                yield f"{where}: {name}: {text!r:.80} does not show where the value is; write it as in 'batch={{}}'"
