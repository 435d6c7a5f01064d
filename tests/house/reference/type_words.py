"""Type hints in the words of people who write YAML and read JSON."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

from tests.house.reference.markdown import anchor, code

_WORDS: dict[Any, tuple[str, str]] = {
    bool: ("true or false", "true or false"),
    int: ("whole number", "whole numbers"),
    float: ("number", "numbers"),
    date: ("date", "dates"),
    datetime: ("moment, ISO 8601 with its zone", "moments, ISO 8601 with their zone"),
    types.NoneType: ("null", "nulls"),
    Any: ("any value", "any values"),
}


def hints_of(kind: type) -> dict[str, Any]:
    """The type of each field, resolved."""
    return typing.get_type_hints(kind)


def in_words(hint: Any, *, many: bool = False) -> str:
    """``Optional[int]`` is "whole number or null", ``tuple[str, ...]`` "list of texts"."""
    arguments = get_args(hint)
    if get_origin(hint) is Literal:
        return _one_of(map(str, arguments))
    if _is_union(hint):
        return _any_of(arguments)
    if _is_list(hint):
        return f"list of {in_words(arguments[0], many=True)}"
    if _is_mapping(hint):
        return f"by name: {in_words(arguments[1])}"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _one_of(str(member.value) for member in hint)
    if isinstance(hint, type) and issubclass(hint, str):
        return "texts" if many else "text"
    if hint in _WORDS:
        return _WORDS[hint][many]
    name = hint.__name__
    return f"[{code(name)}](#{anchor(name)})"


def nested_in(hint: Any) -> tuple[str, type] | None:
    """The dataclass whose fields are below a field, and what follows the field's key: nothing, ``[]`` or ``.NAME``."""
    if isinstance(hint, type) and is_dataclass(hint):
        return "", hint
    if _is_union(hint):
        arguments = [each for each in get_args(hint) if each is not types.NoneType]
        return nested_in(arguments[0]) if len(arguments) == 1 else None
    if not (_is_list(hint) or _is_mapping(hint)):
        return None
    inner = nested_in(get_args(hint)[-1 if _is_mapping(hint) else 0])
    return (f"{'.NAME' if _is_mapping(hint) else '[]'}{inner[0]}", inner[1]) if inner else None


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


def _is_list(hint: Any) -> bool:
    return _has_origin(hint, Sequence)


def _is_mapping(hint: Any) -> bool:
    return _has_origin(hint, Mapping)


def _has_origin(hint: Any, kind: type) -> bool:
    origin = get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, kind)


def _one_of(words: typing.Iterable[str]) -> str:
    return f"one of {', '.join(code(word) or 'empty' for word in words)}"


def _any_of(hints: Sequence[Any]) -> str:
    """Null stands last, and a list of what stands before it is called so."""
    lists = [hint for hint in hints if _is_list(hint)]
    single = [hint for hint in hints if hint not in lists and hint is not types.NoneType]
    words = [*map(in_words, single), *map(in_words, lists if len(single) < 3 else ())]
    words += ["null"] if types.NoneType in hints else []
    listed = f"{', '.join(words[:-1])} or {words[-1]}"
    return f"{listed}, or a list of these" if lists and len(single) >= 3 else listed


def nested_kinds(hint: Any) -> list[type]:
    """Every dataclass in a type, in order."""
    if isinstance(hint, type) and is_dataclass(hint):
        return [hint]
    return [kind for argument in get_args(hint) for kind in nested_kinds(argument)]
