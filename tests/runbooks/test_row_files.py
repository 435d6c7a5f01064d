"""A table that shows some of its rows has all of them in a file next to the report."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from lib.archive.archive import Archive
from lib.archive.retention import remove
from lib.archive.verification import FaultKind, verify
from lib.runbooks.catalogue import find_runbook
from lib.runbooks.execution import execute
from lib.runbooks.row_files import take_row_files
from lib.verdict.all_rows import MEDIA_TYPE, MOST_ROWS
from lib.words.secrets.redaction import MASK, Redactor
from tests.runbooks.page import Page

NOTEBOOKS = Path(__file__).parent / "notebooks"
NAME = "tables/rows-of-b-2026-01-17.csv"


def notebook_of(*tables: Any) -> dict[str, Any]:
    outputs = [{"output_type": "display_data", "metadata": {}, "data": {MEDIA_TYPE: table}} for table in tables]
    return {"cells": [{"cell_type": "code", "outputs": outputs}]}


def said_of(notebook: dict[str, Any]) -> list[str]:
    return [output["data"]["text/html"] for output in notebook["cells"][0]["outputs"]]


def table(rows: list[list[Any]], name: str = "Rows") -> dict[str, Any]:
    return {"name": name, "columns": ["Line"], "rows": rows, "total": len(rows)}


def test_all_rows_are_in_a_file_masked_and_inert(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    run = execute(find_runbook("many_rows", NOTEBOOKS), archive=archive)
    names = sorted(archive.store.names(run.place))
    assert [name.removeprefix(f"{run.place}/") for name in names] == [
        "notebook.ipynb",
        "report.html",
        "run.json",
        NAME,
        "tables/rows-of-keys.csv",
    ]
    written = (tmp_path / run.place / NAME).read_text("utf-8-sig")
    head, *rows = csv.reader(io.StringIO(written, newline=""))
    assert (head, len(rows)) == (["Text", "Line", "Row id", "api_token", "Took, s"], 60)
    assert rows[0] == ["'=1+10", "0", "00000000-whole", MASK, "0.0"]
    assert rows[9] == ["'=1+19", "-9", "00000009-whole", MASK, "2.25"]
    assert rows[7] == [f"a\nb; password={MASK}", "", "x", MASK, ""]
    of_keys = (tmp_path / run.place / "tables/rows-of-keys.csv").read_text("utf-8-sig")
    assert of_keys.splitlines() == ["A repair has it,Line", "kept,1.5", "removed,"]
    page = Page((tmp_path / run.report).read_text("utf-8"))
    links = [value for name, value in page.attributes if name == "href" and value.startswith("tables/")]
    assert links == [NAME, "tables/rows-of-keys.csv", "tables/rows-of-keys.csv"]
    assert "All 60 rows as CSV" in page.text
    notebook = (tmp_path / run.notebook).read_text("utf-8")
    assert (MEDIA_TYPE in notebook, "00000009-whole" in notebook, NAME in notebook) == (False, False, True)


def test_a_file_is_sealed_and_removed_with_its_run(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    run = execute(find_runbook("many_rows", NOTEBOOKS), archive=archive)
    assert verify(archive).faults == ()
    file = tmp_path / run.place / NAME
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"00000009-whole", b"00000008-whole"))
    (tmp_path / run.place / "tables" / "another.csv").write_text("slipped in")
    found = {(fault.kind, fault.text.split()[0]) for fault in verify(archive).faults}
    assert found == {(FaultKind.ALTERED, NAME), (FaultKind.UNEXPECTED, "tables/another.csv")}
    (tmp_path / run.place / "tables" / ".rows.csv.1-00000000").write_bytes(b"of a writer that was killed")
    remove(archive, run.place)
    assert not (tmp_path / run.place).exists()


def test_the_files_of_a_run_have_a_limit_that_is_reported() -> None:
    import pyarrow.parquet

    many = [[number] for number in range(MOST_ROWS)]
    mixed = [*many[: MOST_ROWS - 2], ["=x"], [None], ["beyond"]]
    notebook = notebook_of(table(mixed), table([["none left"]], "Others"))
    files = take_row_files(notebook, Redactor())
    assert list(files) == ["tables/rows.parquet"]
    read = pyarrow.parquet.read_table(io.BytesIO(files["tables/rows.parquet"])).column("Line").to_pylist()
    assert (len(read), read[5], read[-2:]) == (MOST_ROWS, "5", ["=x", None])
    first, second = said_of(notebook)
    assert "The first 200,000 of 200,001 rows as Parquet</a>" in first
    assert "Not in a file: the limit per run is 200,000 rows, 50 MB and 200 files" in second
    assert len(take_row_files(notebook_of(*(table([[number]]) for number in range(300))), Redactor())) == 200


@pytest.mark.parametrize(
    "hostile",
    [
        "text",
        {"name": "x", "columns": ["a"], "rows": [["1", "2"]], "total": 1},
        {"name": "x", "columns": ["a"], "rows": [[{"b": 1}]], "total": 1},
        {"name": 1, "columns": ["a"], "rows": [], "total": 0},
        {"name": "x", "columns": [], "rows": [[]], "total": 1},
    ],
)
def test_malformed_tables_leave_no_file(hostile: Any) -> None:
    notebook = notebook_of(hostile)
    assert take_row_files(notebook, Redactor()) == {}
    assert "malformed" in said_of(notebook)[0]


def test_file_names_are_plain_and_unique() -> None:
    names = ["../../etc/passwd", "é", "é", "password=hunter2hunter2 <b>", "A" * 300]
    notebook = notebook_of(*(table([[number]], name) for number, name in enumerate(names)))
    files = take_row_files(notebook, Redactor())
    assert list(files) == [
        "tables/etc-passwd.csv",
        "tables/rows.csv",
        "tables/rows-2.csv",
        "tables/password-masked-b.csv",
        f"tables/{'a' * 60}.csv",
    ]
    assert "<b>" not in "".join(said_of(notebook))
