"""A `repr` for people at a prompt: one short line, whatever an object contains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from enum import Enum
from operator import attrgetter
from typing import Any

from lib.words.text import one_line

_LONGEST, _LONGEST_VALUE = 160, 60


def brief(*names: str) -> Callable[[Any], str]:
    """Return a ``__repr__`` such as ``DuplicateCount(2026-01-17, rows=936, duplicate_keys=24)``.

    Numbers are shown with their names, collections only by their length, and empty values are left out.

    Args:
        names: Attributes, with dots for nested ones; by default a dataclass's fields that differ from their defaults.
    """

    def shown(self: Any) -> str:
        parts = [part for name in names or _changed_fields(self) if (part := _part(self, name))]
        text = ", ".join(parts)
        return f"{type(self).__name__}({text if len(text) <= _LONGEST else f'{text[:_LONGEST]}…'})"

    return shown


def _changed_fields(thing: Any) -> Sequence[str]:
    if not is_dataclass(thing):
        return ()
    return [
        field.name
        for field in fields(thing)
        if field.default is MISSING or getattr(thing, field.name, MISSING) != field.default
    ]


def _part(thing: Any, path: str) -> str:
    """Return an attribute as text; empty if there is nothing to show, as in an object under construction."""
    name = path.rpartition(".")[2].lstrip("_")
    try:
        value = attrgetter(path)(thing)
    except AttributeError:
        return ""
    if isinstance(value, bool):
        return name if value else ""
    if isinstance(value, int | float) and not isinstance(value, Enum):
        return f"{name}={value}"
    if value is None or (isinstance(value, Sized) and not len(value)):
        return ""
    if isinstance(value, str | date):
        return _cut(str(value))
    if isinstance(value, Mapping | set | frozenset) or _is_of_objects(value):
        return f"{name}={len(value)}"
    return f"[{_cut(', '.join(value))}]" if isinstance(value, tuple | list) else _cut(str(value))


def _is_of_objects(value: Any) -> bool:
    return isinstance(value, tuple | list) and not all(isinstance(each, str) for each in value)


def _cut(text: str) -> str:
    line = one_line(text[: 4 * _LONGEST_VALUE])
    return line if len(line) <= _LONGEST_VALUE else f"{line[:_LONGEST_VALUE]}…"
