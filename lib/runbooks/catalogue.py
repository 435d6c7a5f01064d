"""The runbooks: the project's notebooks and those shipped with the library."""

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
    """A notebook that can be run; its file name without the ending is the runbook's name."""

    path: Path

    __repr__ = brief("name")

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def title(self) -> str:
        """The first heading; without one, the name."""
        headings = (line for line in self._prose if line.startswith("#"))
        return next(headings, "").lstrip("#").strip() or self.name

    @property
    def purpose(self) -> str:
        """The first line of prose below the title; may be empty."""
        return next((line for line in self._prose if not line.startswith("#")), "")

    @property
    def occasion(self) -> str:
        """When to run it: the rest of the sentence after ``**Run it**`` in the first cell; may be empty."""
        matches = (_OCCASION.search(_ASIDE.sub("", line)) for line in self._prose)
        return next((found["when"].strip() for found in matches if found), "").replace("`", "")

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that the cell tagged ``parameters`` declares, in order.

        Raises:
            UserError: The notebook or the cell cannot be read.
        """
        for cell in self._cells:
            if "parameters" in cell.tags:
                return declared_parameters(cell.source, where=self.path.name)
        return ()

    def checked_values(self, given: Mapping[str, object], environment: str) -> dict[str, Any]:
        """Return the checked value of every parameter of a run in this environment.

        Raises:
            UserError: A parameter is unknown or its value is invalid.
        """
        if ENVIRONMENT_PARAMETER in given:
            raise UserError(
                f"parameter {ENVIRONMENT_PARAMETER} is set from the run's environment; choose that with --env"
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
        """Return the whole notebook (nbformat 4), validated.

        Raises:
            UserError: It is not a Python notebook of nbformat 4.
        """
        _ = self._cells
        with fast_import():
            from nbformat import v4, validator
        try:
            notebook = v4.reads(self.path.read_text(encoding="utf-8"))  # type: ignore[no-untyped-call]
            with catch_warnings(action="ignore"):  # about missing and duplicate cell ids
                _, notebook = validator.normalize(notebook)
                validator.validate(notebook)
        except (OSError, ValueError, validator.ValidationError) as error:
            place = "/".join(map(str, getattr(error, "absolute_path", ())))
            raise self._not_a_notebook(f"{place or 'the file'}: {str(error.args[0]).splitlines()[0]}") from error
        return cast(dict[str, Any], notebook)

    @cached_property
    def _cells(self) -> list[_Cell]:
        # Not with nbformat, whose import takes longer than `runbook list` may.
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
                raise UserError(f"{self.path} is a notebook in {language!r:.40}; runbooks must be in Python")
        return cells

    def _not_a_notebook(self, reason: str) -> UserError:
        reason = " ".join(reason[:_MAX_REASON].split())
        return UserError(f"{self.path} is not a notebook of nbformat 4: {reason}; fix it in JupyterLab, or delete it")


@contextmanager
def fast_import() -> Iterator[None]:
    """Import nbformat or papermill without slow modules that are not needed here.

    papermill and jsonschema take these modules for absent: papermill then cannot read notebooks
    from buckets, and jsonschema does not check the format of addresses.
    """
    absent = [name for name in _UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def runbooks(folder: Path | None = None) -> list[Runbook]:
    """Return all runbooks, sorted by name, including damaged ones.

    Args:
        folder: Where to look; by default in `lib.places.notebooks`.
    """
    folders = (folder,) if folder else places.notebooks()
    by_name = {path.stem: path for each in reversed(folders) for path in each.glob("[!.]*.ipynb")}
    return [Runbook(by_name[name]) for name in sorted(by_name)]


def hidden_notebooks() -> list[Path]:
    """Return hidden ``.ipynb`` files, which are not runbooks; macOS and editors leave some."""
    return sorted(path for folder in places.notebooks() for path in folder.glob(".*.ipynb"))


def find_runbook(name: str, folder: Path | None = None) -> Runbook:
    """Return the runbook of this name.

    Raises:
        UserError: There is none; the message names the closest one and all runbooks.
    """
    known = {runbook.name: runbook for runbook in runbooks(folder)}
    if name in known:
        return known[name]
    raise no_such("runbook", name, known)


def _cell(cell: Mapping[str, Any]) -> _Cell:
    return _Cell(cell["cell_type"], "".join(cell["source"]), list(cell["metadata"].get("tags", ())))


def _languages(metadata: Mapping[str, Any]) -> list[str]:
    named = (metadata.get("kernelspec", {}).get("language"), metadata.get("language_info", {}).get("name"))
    return [language for language in named if language]
