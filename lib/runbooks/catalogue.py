"""The runbooks there are: every notebook of the project, and of those that come with the library."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, cast
from warnings import catch_warnings

from lib import places
from lib.errors import UserError
from lib.runbooks.parameters import ENVIRONMENT_PARAMETER, Parameter, declared_parameters, resolve_values
from lib.words.brief import brief
from lib.words.choices import no_such

_MAX_REASON = 300
_ASIDE = re.compile(r" \([^)]*\)")
_OCCASION = re.compile(r"\*\*Run it\*\* (?P<when>.+?)(?=: |\. |\.?$)")
_UNUSED = (
    *("gcsfs", "pyarrow"),
    *("fqdn", "isoduration", "rfc3986_validator", "rfc3987_syntax", "uri_template", "webcolors"),
)


class _Cell(NamedTuple):
    kind: str
    source: str
    tags: list[str]


@dataclass(frozen=True)
class Runbook:
    """A notebook that can be run; the stem of its file is the runbook's name."""

    path: Path

    __repr__ = brief("name")

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def title(self) -> str:
        """The first heading; the name when there is none."""
        headings = (line for line in self._prose if line.startswith("#"))
        return next(headings, "").lstrip("#").strip() or self.name

    @property
    def purpose(self) -> str:
        """The first line of prose below the title; empty when there is none."""
        return next((line for line in self._prose if not line.startswith("#")), "")

    @property
    def occasion(self) -> str:
        """When to run it, as its first cell says after ``**Run it**``: the rest of that sentence; may be empty."""
        said = (_OCCASION.search(_ASIDE.sub("", line)) for line in self._prose)
        return next((found["when"].strip() for found in said if found), "").replace("`", "")

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the cell tagged ``parameters`` declares, in its order.

        Raises:
            UserError: The notebook or that cell cannot be read.
        """
        for cell in self._cells:
            if "parameters" in cell.tags:
                return declared_parameters(cell.source, where=self.path.name)
        return ()

    def checked_values(self, given: Mapping[str, object], environment: str) -> dict[str, Any]:
        """The value of every parameter of a run in that environment.

        Raises:
            UserError: One is wrong.
        """
        if ENVIRONMENT_PARAMETER in given:
            raise UserError(
                f"parameter {ENVIRONMENT_PARAMETER} follows the run's environment; choose that instead (--env)"
            )
        values = resolve_values(self.parameters, given)
        if ENVIRONMENT_PARAMETER in values:
            values[ENVIRONMENT_PARAMETER] = environment
        return values

    @property
    def _prose(self) -> list[str]:
        for cell in self._cells:
            if cell.kind == "markdown":
                return [line.strip() for line in cell.source.splitlines() if line.strip()]
        return []

    def notebook(self) -> dict[str, Any]:
        """The whole notebook, checked, as nbformat has it.

        Raises:
            UserError: It is not a Python notebook of nbformat 4.
        """
        _ = self._cells
        with fast_import():
            from nbformat import v4, validator
        try:
            notebook = v4.reads(self.path.read_text(encoding="utf-8"))  # type: ignore[no-untyped-call]
            with catch_warnings(action="ignore"):  # of cells without ids, and of ids that two cells have
                _, notebook = validator.normalize(notebook)
                validator.validate(notebook)
        except (OSError, ValueError, validator.ValidationError) as error:
            place = "/".join(map(str, getattr(error, "absolute_path", ())))
            raise self._not_a_notebook(f"{place or 'the file'}: {str(error.args[0]).splitlines()[0]}") from error
        return cast(dict[str, Any], notebook)

    @cached_property
    def _cells(self) -> list[_Cell]:
        # Not nbformat: its import takes longer than `runbook list` may.
        try:
            if not self.path.is_file():  # reading a named pipe would never end
                raise ValueError("no such file")
            notebook = json.loads(self.path.read_text(encoding="utf-8"))
            if notebook["nbformat"] != 4:
                raise ValueError(f"its nbformat is {notebook['nbformat']!r:.20}, not 4")
            cells = [_cell(cell) for cell in notebook["cells"]]
            languages = _languages(notebook["metadata"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self._not_a_notebook(f"{type(error).__name__}: {error}") from error
        for language in languages:
            if language.lower() != "python":
                raise UserError(f"{self.path} is a notebook for {language!r:.40}; runbooks are written in Python")
        return cells

    def _not_a_notebook(self, reason: str) -> UserError:
        reason = " ".join(reason[:_MAX_REASON].split())
        return UserError(
            f"{self.path} is not a notebook of nbformat 4: {reason}; correct it in JupyterLab, or delete it"
        )


@contextmanager
def fast_import() -> Iterator[None]:
    """Import nbformat or papermill without what they do not use here, and takes longer to load than all the rest.

    papermill takes the modules for absent, and then reads no notebook from a bucket; so does
    jsonschema, and then does not check the format of addresses.
    """
    absent = [name for name in _UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def runbooks(folder: Path | None = None) -> list[Runbook]:
    """All runbooks, by name, damaged ones too: of a folder, or by default of `lib.places.notebooks`."""
    folders = (folder,) if folder else places.notebooks()
    by_name = {path.stem: path for each in reversed(folders) for path in each.glob("[!.]*.ipynb")}
    return [Runbook(by_name[name]) for name in sorted(by_name)]


def hidden_notebooks() -> list[Path]:
    """Files that are not runbooks although they end in ``.ipynb``: macOS and editors leave some."""
    return sorted(path for folder in places.notebooks() for path in folder.glob(".*.ipynb"))


def find_runbook(name: str, folder: Path | None = None) -> Runbook:
    """The runbook of that name.

    Raises:
        UserError: There is none; names the nearest and all there are.
    """
    known = {runbook.name: runbook for runbook in runbooks(folder)}
    if name in known:
        return known[name]
    raise no_such("runbook", name, known)


def _cell(cell: Mapping[str, Any]) -> _Cell:
    return _Cell(cell["cell_type"], "".join(cell["source"]), list(cell["metadata"].get("tags", ())))


def _languages(metadata: Mapping[str, Any]) -> list[str]:
    said = (metadata.get("kernelspec", {}).get("language"), metadata.get("language_info", {}).get("name"))
    return [language for language in said if language]
