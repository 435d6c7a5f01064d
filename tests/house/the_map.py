"""CONTRIBUTING.md's map as contracts of imports: `make check` runs this file.

Each row of the map is a contract: its modules must not import anything of ours that its column
"knows" does not name, also inside functions (imports only for type hints are free). Below a
package, and among its files, imports must not form a cycle. A necessary upward import
is in the list after the map, with its reason.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from importlinter.cli import lint_imports

from lib.places import ROOT

CHECKED = ("lib", "rehearsal")
_ROW = re.compile(r"^\| (?P<folders>`[^|]+`) \|[^|]+\|(?P<knows>[^|]*)\|$", re.MULTILINE)
_UPWARDS = re.compile(r"^- `(?P<arrow>[\w.*]+ -> [\w.*]+)`: \S", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")
_EVERYTHING = "all below"


@dataclass(frozen=True)
class Row:
    """A row of the map.

    Attributes:
        modules: The modules of the row, such as ``lib.words``.
        knows: What they may import; None: all rows below.
    """

    modules: tuple[str, ...]
    knows: tuple[str, ...] | None


def rows() -> list[Row]:
    """Return the checked rows, from the top down."""
    found = []
    for match in _ROW.finditer(_section()):
        modules = tuple(_module(path) for path in _CODE.findall(match["folders"]))
        if modules[0].split(".")[0] in CHECKED:
            knows = None if _EVERYTHING in match["knows"] else tuple(_CODE.findall(match["knows"]))
            found.append(Row(modules, knows))
    return found


def upwards() -> list[str]:
    """Return the allowed upward imports in import-linter's format."""
    return [match["arrow"] for match in _UPWARDS.finditer(_section())]


def contracts() -> ConfigParser:
    """Return the map as settings for import-linter."""
    config = ConfigParser(interpolation=None)
    config["importlinter"] = {"root_packages": _lines(CHECKED), "exclude_type_checking_imports": "true"}
    ours = [module for row in rows() for module in row.modules]
    arrows = upwards()
    for row, below in _with_rows_below():
        for module in row.modules:
            known = {*(below if row.knows is None else row.knows), module}
            named = [arrow for arrow in arrows if arrow.startswith((f"{module}.", f"{module} "))]
            config[f"importlinter:contract:{module}"] = {
                "name": f"{module} knows what its row of the map names",
                "type": "forbidden",
                "source_modules": _lines([module]),
                "forbidden_modules": _lines([other for other in ours if other not in known]),
                "allow_indirect_imports": "true",
                "ignore_imports": _lines(named),
            }
    config["importlinter:contract:circles"] = {
        "name": "No circles, of folders or of files",
        "type": "acyclic_siblings",
        "ancestors": _lines(CHECKED),
        "ignore_imports": _lines(arrows),
    }
    return config


def _with_rows_below() -> Iterator[tuple[Row, list[str]]]:
    found = rows()
    for at, row in enumerate(found):
        yield row, [module for below in found[at + 1 :] for module in below.modules]


def _section() -> str:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return text.partition("\n## The map\n")[2].partition("\n## ")[0]


def _module(path: str) -> str:
    """Return the module of a path: ``lib/words/`` is ``lib.words``, ``lib/errors.py`` is ``lib.errors``."""
    return path.removesuffix(".py").strip("/").replace("/", ".")


def _lines(values: Iterable[str]) -> str:
    return "".join(f"\n{value}" for value in values)


def main() -> int:
    """Check the imports and return 0 if they conform to the map."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "contracts.ini")
        with path.open("w", encoding="utf-8") as file:
            contracts().write(file)
        return lint_imports(config_filename=str(path), cache_dir=None, no_cache=True, no_logo=True)


if __name__ == "__main__":
    sys.exit(main())
