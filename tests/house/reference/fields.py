"""The fields of a dataclass, with those of the dataclasses in it, as rows of a table."""

from __future__ import annotations

import re
import types
from collections.abc import Collection, Iterator
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, get_args

from tests.house.reference.docstrings import docstring_of
from tests.house.reference.type_words import hints_of, in_words, nested_in

REQUIRED = object()
_NONE = re.compile(r"\bNone\b")
_UNITS = {"gb": "GB", "bytes": "bytes", "seconds": "seconds", "minutes": "minutes", "hours": "hours", "days": "days"}


@dataclass(frozen=True)
class Row:
    """A field.

    Attributes:
        key: Its place, such as ``channels[].minimum``.
        type: In words.
        default: Its value when it is left out; REQUIRED: it may not be left out.
        meaning: What its class says of it.
    """

    key: str
    type: str
    default: Any
    meaning: str

    @property
    def unit(self) -> str:
        """That its name carries; empty: none."""
        words = re.split(r"\W|_", self.key.rpartition(".")[2])
        return next((_UNITS[word] for word in reversed(words) if word in _UNITS), "")


def rows_of(kind: type, prefix: str = "", *, without: Collection[str] = ()) -> Iterator[Row]:
    """A row for each field, in order; below one that holds dataclasses, theirs.

    Args:
        kind: The dataclass.
        prefix: What their keys begin with.
        without: Fields that are left out.
    """
    hints = hints_of(kind)
    for each in fields(kind):
        if each.name not in without:
            yield from _row(each, hints[each.name], prefix, meaning_of(kind, each.name))


def _row(field: Field[Any], hint: Any, prefix: str, meaning: str) -> Iterator[Row]:
    key, default, nested = prefix + field.name, default_of(field), nested_in(hint)
    if nested is None:
        yield Row(key, in_words(hint), default, meaning)
        return
    joint, inner = nested
    # If the fields below have the same defaults, a row of its own would add nothing.
    if joint or not _has_defaults_of(default, inner):
        shown = "settings below it" if not joint.startswith("[]") else "list of settings"
        optional = " or null" if default is None else ""
        yield Row(key, shown + optional, default, meaning or docstring_of(inner).summary)
    yield from rows_of(inner, f"{key}{joint}.")


def meaning_of(kind: type, name: str) -> str:
    """What a dataclass says of a field; Python's None is null in YAML and JSON."""
    said = docstring_of(kind).sections.get("Attributes", {}).get(name, "")
    return _NONE.sub("`null`", said) if types.NoneType in get_args(hints_of(kind)[name]) else said


def default_of(field: Field[Any]) -> Any:
    """Its default, or REQUIRED."""
    if field.default is not MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not MISSING else REQUIRED


def _has_defaults_of(value: Any, kind: type) -> bool:
    """Whether the value is what the dataclass is when nothing is said."""
    return is_dataclass(value) and all(getattr(value, each.name) == default_of(each) for each in fields(kind))


def plain(value: Any) -> Any:
    """A default as YAML holds it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, tuple | list) else value
