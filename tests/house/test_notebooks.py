"""The form of every runbook notebook (CONTRIBUTING.md, "Notebooks")."""

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from papermill import inspect_notebook

from lib.places import ROOT
from lib.runbooks import frame
from lib.runbooks.catalogue import Runbook
from lib.verdict.head import CELL

RUNBOOKS = {
    "deploy_verify",
    "day1_monitoring",
    "duplicate_diagnosis",
    "stuck_lock_release",
    "week2_performance_review",
    "rollback",
    "daily_quality",
    "consolidation_timeout",
}
MAX_CODE_LINES = 10
# A parameter that may be left open needs it for its annotation.
OPTIONAL = "from typing import Optional"
STABLE_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# What Jupyter gives a new cell: eight hexadecimal digits, or a UUID.
RANDOM_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){0,3}(-[0-9a-f]{12})?")
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|MERGE|CREATE|DROP|ALTER)\s[^;]*\b(FROM|INTO|SET|TABLE)\b")
LOGIC = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.Try, ast.For, ast.While)

Notebook = nbformat.NotebookNode

# Those in a folder are started by commands of their own.
PATHS = sorted([*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "notebooks" / "commands").glob("*.ipynb")])
# What `runbook new` writes.
FRAME = json.dumps(frame.notebook("queue_depth", "Is the queue too deep?"))
# It has a parameter of each type.
HEALTHY = ROOT / "tests/runbooks/notebooks/healthy.ipynb"


@pytest.fixture(params=[*PATHS, FRAME], ids=lambda source: source.stem if isinstance(source, Path) else "new")
def notebook(request: pytest.FixtureRequest) -> Notebook:
    if isinstance(request.param, Path):
        return nbformat.read(request.param, as_version=nbformat.NO_CONVERT)
    return nbformat.reads(request.param, as_version=nbformat.NO_CONVERT)


def code_cells(notebook: Notebook) -> list[Notebook]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def is_parameters(cell: Notebook) -> bool:
    return "parameters" in cell.metadata.get("tags", [])


def comments(source: str) -> dict[int, str]:
    """The comment of each line that has one."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def strings(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_the_missions_runbooks_are_there() -> None:
    assert {path.stem for path in PATHS} >= RUNBOOKS


def test_is_valid_and_of_the_format_that_keeps_cell_ids(notebook: Notebook) -> None:
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"


def test_is_stored_without_results(notebook: Notebook) -> None:
    assert [cell.id for cell in code_cells(notebook) if cell.outputs or cell.execution_count is not None] == []


def test_cell_ids_say_what_the_cell_is(notebook: Notebook) -> None:
    ids = [cell.id for cell in notebook.cells]
    assert [name for name in ids if not STABLE_ID.fullmatch(name) or RANDOM_ID.fullmatch(name)] == []
    assert len(set(ids)) == len(ids)


def test_begins_with_its_title_and_the_verdict(notebook: Notebook) -> None:
    first, head = notebook.cells[:2]
    assert first.cell_type == "markdown"
    assert re.match(r"# \S", first.source)
    assert (head.id, head.source) == (CELL, "from lib.verdict.head import verdict_so_far\n\nverdict_so_far()")


def test_the_form_follows_the_parameters_that_people_set() -> None:
    paths = (ROOT / "notebooks").glob("*.ipynb")
    for text in [*(path.read_text("utf-8") for path in paths), FRAME]:
        cells = code_cells(nbformat.reads(text, as_version=nbformat.NO_CONVERT))
        (before,) = [previous for previous, cell in pairwise(cells) if cell.id == "form"]
        assert is_parameters(before)


def test_parameters_are_annotated_literals_with_help(notebook: Notebook) -> None:
    tagged = [cell for cell in code_cells(notebook) if is_parameters(cell)]
    assert len(tagged) == 1
    source = tagged[0].source
    helped = comments(source)
    statements = [item for item in ast.parse(source).body if ast.unparse(item) != OPTIONAL]
    for statement in statements:
        assert isinstance(statement, ast.AnnAssign), ast.unparse(statement)
        assert statement.value is not None, ast.unparse(statement)
        ast.literal_eval(statement.value)
        assert helped.get(statement.end_lineno or 0), f"no help: {ast.unparse(statement)}"


@pytest.mark.parametrize("path", [*PATHS, HEALTHY], ids=lambda path: path.stem)
def test_papermill_lists_each_parameter_as_we_do(path: Path) -> None:
    listed = inspect_notebook(path)
    ours = {parameter.name: parameter for parameter in Runbook(path).parameters}
    assert {name: (each["inferred_type_name"], each["help"]) for name, each in listed.items()} == {
        name: (each.type.text, each.help) for name, each in ours.items()
    }
    assert {name: ast.literal_eval(each["default"]) for name, each in listed.items()} == {
        name: each.default for name, each in ours.items()
    }


def test_cells_are_short_and_hold_no_logic(notebook: Notebook) -> None:
    for cell in code_cells(notebook):
        lines = [line for line in cell.source.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        assert 0 < len(lines) <= MAX_CODE_LINES, cell.id
        logic = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, LOGIC)]
        assert [ast.unparse(node) for node in logic] == [], cell.id


def test_cells_hold_no_sql(notebook: Notebook) -> None:
    assert [cell.id for cell in code_cells(notebook) if any(map(SQL.search, strings(cell.source)))] == []


def test_imports_come_from_the_library_and_name_no_adapter(notebook: Notebook) -> None:
    for cell in code_cells(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            assert not isinstance(node, ast.Import), cell.id
            if isinstance(node, ast.ImportFrom) and ast.unparse(node) != OPTIONAL:
                package = f"{node.module}.".split(".")
                assert package[0] == "lib", cell.id
                assert package[1] not in {"gcp", "embedded"}, cell.id


def test_ends_in_the_verdict_of_all_its_steps(notebook: Notebook) -> None:
    assert code_cells(notebook)[-1].source == "scope.verdict()"


def test_prose_comes_before_each_code_cell_but_the_form_of_the_parameters(notebook: Notebook) -> None:
    pairs = pairwise(notebook.cells)
    without = [(before.id, cell.id) for before, cell in pairs if {before.cell_type, cell.cell_type} == {"code"}]
    assert without in ([], [("parameters", "form")])
