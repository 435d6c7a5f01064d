"""What a person meets at a notebook's prompt is shown in one short line: no dump, no address in memory."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from lib.consolidation.identifiers import TableName
from lib.operations.duplicates.duplicates import duplicates, explanation
from lib.operations.investigation.key import explain_key
from lib.operations.scope import scope_of
from lib.places import ROOT
from lib.platform import connect
from tests.operations.changes.actions import DAY, hold, row, stage, the_race

_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LONGEST = 200
_FEW_FIELDS = 5
_MOST_DEEP = 7


def imported_names() -> set[tuple[str, str]]:
    """What notebooks, the README and the pages of docs import of the library, and what its packages name as theirs."""
    notebooks = (json.loads(path.read_text()) for path in (ROOT / "notebooks").rglob("*.ipynb"))
    sources = ["".join(cell["source"]) for book in notebooks for cell in book["cells"] if cell["cell_type"] == "code"]
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        sources += _PYTHON.findall(page.read_text(encoding="utf-8"))
    imports = [node for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
    found = {(str(node.module), name.name) for node in imports for name in node.names}
    found = {(module, name) for module, name in found if module.startswith("lib")}
    packages = ("lib.consolidation", "lib.locking", "lib.environment")
    return found | {(package, name) for package in packages for name in importlib.import_module(package).__all__}


def classes_in(hint: Any) -> Iterator[type]:
    if isinstance(hint, type) and hint.__module__.startswith("lib."):
        yield hint
    for part in get_args(hint):
        yield from classes_in(part)


def hints(thing: Any) -> dict[str, Any]:
    """None where a type is imported for hints alone; the objects of `test_objects` show those."""
    try:
        return get_type_hints(thing)
    except NameError:
        return {}


def reachable() -> set[type]:
    """The classes that these names are or return, and those of their public attributes."""
    found: set[type] = set()
    named = [getattr(importlib.import_module(module), name) for module, name in imported_names()]
    waiting = [each for each in named if isinstance(each, type)]
    waiting += [
        one for each in named if callable(each) for one in classes_in(hints(inspect.unwrap(each)).get("return"))
    ]
    while waiting:
        cls = waiting.pop()
        if cls in found:
            continue
        found.add(cls)
        waiting += [each for hint in hints(cls).values() for each in classes_in(hint)]
        members = [each for name, each in inspect.getmembers(cls) if not name.startswith("_")]
        asked = [getattr(each, "fget", None) or getattr(each, "func", None) or each for each in members]
        waiting += [one for each in asked if inspect.isfunction(each) for one in classes_in(hints(each).get("return"))]
    return found


def is_short(cls: type) -> bool:
    """Whether it has a repr of its own, or that of a dataclass with few plain values."""
    if issubclass(cls, Enum | str | BaseException) or getattr(cls, "_is_protocol", False):
        return True
    if is_dataclass(cls) and hasattr(cls.__repr__, "__wrapped__"):  # as dataclasses make it
        named = {each.name for each in fields(cls) if each.repr}
        held = [one for name, hint in hints(cls).items() if name in named for one in classes_in(hint)]
        return sum(each.repr for each in fields(cls)) <= _FEW_FIELDS and all(
            issubclass(one, Enum | str | Exception | TableName) for one in held
        )
    return cls.__repr__ is not object.__repr__


def test_classes() -> None:
    found = reachable()
    assert {"Scope", "Platform", "TableSpec", "Check", "Plan", "LockRecord", "DuplicateCount"} <= {
        cls.__name__ for cls in found
    }
    assert sorted(f"{cls.__module__}.{cls.__name__}" for cls in found if not is_short(cls)) == []


def objects(thing: Any, path: str, seen: dict[type, str], depth: int = 0) -> Iterator[tuple[str, Any]]:
    """One object of each class of the library that can be reached by attributes, with the way to it."""
    if isinstance(thing, list | tuple) and thing:
        yield from objects(thing[0], f"{path}[0]", seen, depth)
    if not type(thing).__module__.startswith("lib.") or type(thing) in seen or depth > _MOST_DEEP:
        return
    seen[type(thing)] = path
    yield path, thing
    for name in (name for name in dir(thing) if not name.startswith("_")):
        with suppress(Exception):  # a source that is not there
            yield from objects(getattr(thing, name), f"{path}.{name}", seen, depth + 1)


def test_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path))
    platform = connect("local")
    the_race(platform)
    stage(platform, [row(7)], "batch_2026-01-17_3")
    hold(platform, 60)
    scope = scope_of(platform, date=str(DAY))
    group = scope.duplicates.explained(DAY).groups[0]
    met = {
        "scope": scope,
        "platform": platform,
        "duplicates": duplicates(scope, DAY, DAY),
        "explanation": explanation(scope),
        "conclusion": scope.verdict(),
        "group": group,
        "story": explain_key(scope, **group.key),
        "lock": platform.locks.store.read(platform.table.lock_key(DAY)),
        "consolidator": platform.consolidator(),
        "writer": platform.staging_writer(),
        "result": platform.consolidator().consolidate_batch(batch_id="batch_2026-01-17_3", game_date=DAY, dry_run=True),
    }
    seen: dict[type, str] = {}
    shown = {path: repr(each) for name, thing in met.items() for path, each in objects(thing, name, seen)}
    assert len(shown) > 40
    assert {
        path: text for path, text in shown.items() if len(text) > _LONGEST or " at 0x" in text or "\n" in text
    } == {}
    assert repr(scope) == "Scope(local, nba_predictions.player_prop_predictions, 2026-01-17)"
    assert (
        repr(scope.duplicates.on(DAY)) == "DuplicateCount(2026-01-17, rows=9, keys=6, duplicate_keys=3, excess_rows=3)"
    )
