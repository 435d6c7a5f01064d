"""The dialects of an environment combined: what a line means in any of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from lib import places
from lib.errors import UserError
from lib.operations.logs.dialect_file import Dialect, Line, Sample, dialect_files, expression, listed, load_dialect
from lib.operations.logs.events import CountsFrom, Event, EventKind
from lib.ports.logs import LogEntry
from lib.words.brief import brief
from lib.words.dates import iso_date

LONGEST_MESSAGE = 4_000
_LONGEST_WAIT_MS = 1e12
_WHOLE = frozenset({"rows", "staging_tables", "duplicates"})
_NAME_OF = {"batch": "batch_id", "date": "game_date"}
# As Python prints a list of texts.
_LISTED = re.compile(r"'([^'\n]{1,300}+)'|\"([^\"\n]{1,300}+)\"")

_Value = str | int | float | date | tuple[str, ...]
# A value's expressions, in the order in which they are tried.
_Fields = Mapping[str, tuple[re.Pattern[str], ...]]


@dataclass(frozen=True)
class _Meaning:
    """What an anchor means in the dialects that have it."""

    kind: EventKind
    beside: str
    fields: _Fields
    dialects: tuple[str, ...]
    counts_from: Mapping[str, CountsFrom]


class Dialects:
    """Reads lines in any of several dialects.

    The leftmost anchor decides, and the longest of those that begin there: a line that quotes another line means
    what comes first in it.

    Args:
        dialects: By name; if several read a line, the first one's fields are tried first.

    Raises:
        UserError: Two of them read the same anchor differently.
    """

    __repr__ = brief("anchors")

    def __init__(self, dialects: Mapping[str, Dialect]) -> None:
        self._meanings: dict[str, _Meaning] = {}
        for name, dialect in dialects.items():
            for line in dialect.lines:
                for anchor in line.anchors:
                    self._meanings[anchor] = _joined(anchor, self._meanings.get(anchor), name, dialect, line)
        longest_first = sorted(self._meanings, key=len, reverse=True)
        # A look-ahead, since an anchor whose other words are missing may contain the beginning of another.
        self._anchor = re.compile(f"(?=({'|'.join(map(re.escape, longest_first)) or '(?!)'}))")
        self.anchors = tuple(self._meanings)

    def found(self, message: str) -> tuple[str, EventKind] | None:
        """Return the anchor that the line is recognised by, and its meaning; None: no dialect has such a line."""
        message = message[:LONGEST_MESSAGE]
        for match in self._anchor.finditer(message):
            meaning = self._meanings[match[1]]
            if meaning.beside in message:
                return match[1], meaning.kind
        return None

    def event(self, entry: LogEntry) -> Event | None:
        """Return the event that the line reports; None: no dialect has such a line."""
        found = self.found(entry.message)
        if found is None:
            return None
        anchor, kind = found
        meaning, values = self._meanings[anchor], self.values(anchor, entry.message)
        waited = _waited_seconds(entry)
        if waited is not None:
            values["waited_seconds"] = waited
        named = {_NAME_OF.get(name, name): value for name, value in values.items()}
        return Event(kind, entry, anchor, meaning.dialects, counts_from=meaning.counts_from, **named)  # type: ignore[arg-type]

    def values(self, anchor: str, message: str) -> dict[str, _Value]:
        """Return the values that are read from a line with that anchor, by name."""
        values: dict[str, _Value] = {}
        for name, expressions in self._meanings[anchor].fields.items():
            found = _first(name, expressions, message[:LONGEST_MESSAGE])
            if found is not None:
                values.setdefault("date" if name == "lock_key" else name, found)
        return values


def load_dialects(names: Sequence[str], folder: Path | None = None) -> Dialects:
    """Load these dialects and check them against their samples.

    Args:
        names: As the environment lists them.
        folder: Where their files are; by default ``params/dialects`` of the project and of the library.

    Raises:
        UserError: There is no such dialect, or its file is wrong.
    """
    return _load(tuple(names), (folder,) if folder else places.layers("params/dialects"))


@cache
def _load(names: tuple[str, ...], folders: tuple[Path, ...]) -> Dialects:
    files = dialect_files(folders)
    dialects = {name: load_dialect(files, name) for name in names}
    for name, dialect in dialects.items():
        _check_samples(files[name], Dialects({name: dialect}), dialect)
    return Dialects(dialects)


def _check_samples(path: Path, reader: Dialects, dialect: Dialect) -> None:
    for line in dialect.lines:
        for sample in line.samples:
            if fault := _sample_fault(reader, line, sample):
                raise UserError(f"{path}: sample {sample.line!r:.120}: {fault}")


def _sample_fault(reader: Dialects, line: Line, sample: Sample) -> str:
    found = reader.found(sample.line)
    if found is None or found[0] not in line.anchors:
        return f"not read by its own line, but by that of {found[0]!r}" if found else "not read by its own line"
    values = reader.values(found[0], sample.line)
    if values == sample.values:
        return ""
    differing = sorted({name for name, _ in values.items() ^ sample.values.items()})
    name = differing[0]
    return f"{name} is read as {values.get(name)!r}, but the sample has {sample.values.get(name)!r}"


def _joined(anchor: str, before: _Meaning | None, name: str, dialect: Dialect, line: Line) -> _Meaning:
    fields = {each: _expressions(each, line, dialect) for each in {**(dialect.fields or {}), **(line.fields or {})}}
    counts_from = {name: line.counts_from} if line.counts_from else {}
    if before is None:
        return _Meaning(line.kind, line.beside, fields, (name,), counts_from)
    if (before.kind, before.beside) != (line.kind, line.beside):
        raise UserError(
            f"the dialects {before.dialects[0]} and {name} read {anchor!r:.80} differently; use only one of them"
        )
    both = {
        each: tuple(dict.fromkeys((*before.fields.get(each, ()), *fields.get(each, ()))))
        for each in {**before.fields, **fields}
    }
    return _Meaning(line.kind, line.beside, both, (*before.dialects, name), {**before.counts_from, **counts_from})


def _expressions(name: str, line: Line, dialect: Dialect) -> tuple[re.Pattern[str], ...]:
    own, common = (line.fields or {}).get(name), (dialect.fields or {}).get(name, ())
    return tuple(expression(name, text) for text in listed(common if own is None else own))


def _first(name: str, expressions: Sequence[re.Pattern[str]], message: str) -> _Value | None:
    texts: Iterator[str] = (match[1] for each in expressions for match in each.finditer(message))
    return next((value for text in texts if (value := _value(name, text)) is not None), None)


def _value(name: str, text: str) -> _Value | None:
    if name in ("date", "lock_key"):
        try:
            return iso_date(text[-10:])
        except ValueError:
            return None
    if name in _WHOLE:
        return int(text)
    if name == "columns":
        return tuple(single or double for single, double in _LISTED.findall(text)) or None
    return text if name == "batch" else float(text)


def _waited_seconds(entry: LogEntry) -> float | None:
    """Return the wait from a structured record of the library."""
    waited_ms = entry.fields.get("waited_ms")
    # A field is as untrusted as a line: it may be NaN, or a number of any size.
    if isinstance(waited_ms, int | float) and not isinstance(waited_ms, bool) and 0 <= waited_ms < _LONGEST_WAIT_MS:
        return waited_ms / 1000
    return None
