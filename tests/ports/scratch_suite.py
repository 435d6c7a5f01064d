"""The conformance suite of `ScratchDatasets`, for every warehouse."""

from __future__ import annotations

import pytest

from lib.consolidation.errors import DatasetNotFound
from lib.consolidation.identifiers import TableName
from lib.consolidation.warehouse import Column
from lib.ports.scratch import DatasetExists, ScratchDatasets

NOTE = "made by 'a test'; plan 1"


class ScratchSuite:
    """A subclass provides the fixture `scratch`."""

    def test_a_dataset_is_made_used_and_removed(self, scratch: ScratchDatasets) -> None:
        assert scratch.note_of("trial") is None
        scratch.create("trial", note=NOTE)
        assert scratch.note_of("trial") == NOTE
        warehouse, table = scratch.new_warehouse(), TableName("trial", "numbers")
        warehouse.create_table(table, [Column("number", "INT64")])
        warehouse.transact(scratch.delay(1), {})
        assert warehouse.query(f"SELECT COUNT(*) AS found FROM {table.sql}") == [{"found": 0}]
        for _ in range(2):
            scratch.remove("trial")
            assert scratch.note_of("trial") is None
        with pytest.raises(DatasetNotFound):
            warehouse.staging_tables("trial", "numbers")

    def test_an_existing_dataset_is_left_unchanged(self, scratch: ScratchDatasets) -> None:
        scratch.create("trial", note=NOTE)
        with pytest.raises(DatasetExists, match="trial exists already; nothing was changed"):
            scratch.create("trial", note="another")
        assert scratch.note_of("trial") == NOTE

    def test_a_longer_delay_has_more_steps(self, scratch: ScratchDatasets) -> None:
        assert 0 < len(scratch.delay(1)) < len(scratch.delay(4))
