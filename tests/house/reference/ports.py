"""ports.md: what an adapter of each port promises, from the protocols."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any

import lib.ports
from lib.consolidation import warehouse
from lib.locking import store
from lib.platform import Adapters
from tests.house.reference import markdown
from tests.house.reference.docstrings import Docstring, docstring_of
from tests.house.reference.markdown import code, prose

_LONGEST_SIGNATURE = 90


@cache
def protocols() -> dict[str, type]:
    """Every protocol of a port, by name."""
    names = [f"lib.ports.{each.name}" for each in pkgutil.iter_modules(lib.ports.__path__)]
    modules = [warehouse, store, *map(importlib.import_module, names)]
    return {name: found for module in modules for name, found in _protocols_in(module)}


def _protocols_in(module: ModuleType) -> Iterator[tuple[str, type]]:
    for name, found in inspect.getmembers(module, inspect.isclass):
        if found.__module__ == module.__name__ and getattr(found, "_is_protocol", False):
            yield name, found


def handed_out() -> dict[str, list[str]]:
    """By protocol, the members of `Adapters` that hand one out."""
    found: dict[str, list[str]] = {}
    for name, member in vars(Adapters).items():
        if isinstance(member, property) and member.fget:
            returned = str(member.fget.__annotations__["return"])
            for protocol in protocols().keys() & set(re.findall(r"\w+", returned)):
                found.setdefault(protocol, []).append(name)
    return found


def page() -> str:
    """The whole page."""
    sections = [_section(protocols()[name], members) for name, members in handed_out().items()]
    return markdown.page(
        "Ports",
        "What a platform provides, a protocol for each. `lib/gcp` and `lib/embedded` implement all of them. An adapter "
        "refuses what it cannot honour, and raises `lib.errors.Unavailable` when it cannot get the answer.",
        sections,
    )


def _section(protocol: type, members: list[str]) -> str:
    module = inspect.getmodule(protocol)
    about = dict.fromkeys([*docstring_of(module).text, *docstring_of(protocol).text])
    where = f"`{protocol.__module__}`; `Adapters.{'`, `Adapters.'.join(members)}`"
    methods = [member for name, member in vars(protocol).items() if not name.startswith("_") and _is_member(member)]
    return "\n\n".join([f"## {protocol.__name__}", where, *map(prose, about), *map(_method, methods)])


def _is_member(member: Any) -> bool:
    return inspect.isfunction(member) or isinstance(member, property)


def _method(member: Any) -> str:
    function = member.fget if isinstance(member, property) else member
    kind = "@property\n" if isinstance(member, property) else ""
    said = docstring_of(function)
    parts = [f"### {function.__name__}", f"```python\n{kind}{_signature(function)}: ...\n```", *map(prose, said.text)]
    return "\n\n".join([*parts, *_sections(said)])


def _literal(value: object) -> str:
    """Return Python for a default, with the formatter's quotes."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _signature(function: Callable[..., Any]) -> str:
    """In one line where it fits, else a line for each parameter."""
    signature, parameters = inspect.signature(function), []
    for name, each in signature.parameters.items():
        if each.kind is each.KEYWORD_ONLY and "*" not in parameters:
            parameters.append("*")
        default = "" if each.default is each.empty else f" = {_literal(each.default)}"
        parameters += [f"{name}: {each.annotation}{default}"] if name != "self" else []
    begin, end = f"def {function.__name__}(", f") -> {signature.return_annotation}"
    line = f"{begin}{', '.join(parameters)}{end}"
    return (
        line
        if len(line) <= _LONGEST_SIGNATURE
        else "\n    ".join([begin, *(f"{each}," for each in parameters)]) + f"\n{end}"
    )


def _sections(said: Docstring) -> Iterator[str]:
    for title, entries in said.sections.items():
        lines = [f"- {code(name)}: {prose(text)}" if name else f"- {prose(text)}" for name, text in entries.items()]
        yield f"{title}:\n\n" + "\n".join(lines)
