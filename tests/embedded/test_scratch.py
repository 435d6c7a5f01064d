"""Datasets for trials in the embedded warehouse."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.consolidation.identifiers import TableName
from lib.consolidation.warehouse import Column
from lib.embedded.duckdb_warehouse import DuckdbWarehouse
from lib.embedded.scratch import DuckdbScratch
from lib.ports.scratch import DatasetExists
from tests.ports.scratch_suite import ScratchSuite


class TestDuckdbScratch(ScratchSuite):
    @pytest.fixture
    def scratch(self, tmp_path: Path) -> DuckdbScratch:
        return DuckdbScratch(tmp_path / "warehouse.duckdb")


def test_names_that_differ_only_in_case_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    DuckdbWarehouse(path).create_table(TableName("Predictions", "rows"), [Column("number", "INT64")])
    scratch = DuckdbScratch(path)
    assert scratch.note_of("predictions") == ""
    with pytest.raises(DatasetExists):
        scratch.create("predictions", note="")
