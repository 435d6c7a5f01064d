"""Proofs that staging tables were merged, made once per run and shared by its steps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from lib.consolidation.identifiers import TableName
from lib.consolidation.upkeep.cleanup import ProvenTable, prove_waiting
from lib.consolidation.warehouse import StagingTable
from lib.platform import Platform
from lib.words.brief import brief


class StagingProofs:
    """The proofs of this run. A table that has been written again since is proven again."""

    __repr__ = brief("_known")

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._known: dict[tuple[TableName, str], ProvenTable] = {}

    def of(self, listed: Sequence[StagingTable], fresh: Collection[StagingTable] = ()) -> list[ProvenTable]:
        """Prove these tables as `lib.consolidation.upkeep.cleanup.prove_waiting` does, in their order.

        Raises:
            SourceVanished: A table has gone since it was listed.
            WarehouseUnavailable: It cannot be read.
        """
        platform = self._platform
        unknown = [table for table in listed if (table.name, table.version) not in self._known]
        unknown_fresh = {*unknown}.intersection(fresh)
        with platform.warehouse.session():
            found = prove_waiting(platform.warehouse, platform.table, unknown, unknown_fresh)
        self._known |= {(one.table.name, one.table.version): one for one in found}
        return [replace(self._known[table.name, table.version], table=table) for table in listed]
