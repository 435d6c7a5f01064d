"""Check the notes on staging tables: a table that may belong to another main table or batch is not touched."""

from __future__ import annotations

from collections.abc import Sequence

from lib.consolidation.errors import UnmarkedStaging
from lib.consolidation.staging import batches_in_ledger, batches_of
from lib.consolidation.staging_names import spelled_in_names
from lib.consolidation.table_spec import FENCES_PREFIX, TableSpec
from lib.consolidation.warehouse import StagingTable, Warehouse, staging_note


def check_marks(warehouse: Warehouse, spec: TableSpec, batch_id: str, tables: Sequence[StagingTable]) -> None:
    """Raise `UnmarkedStaging` if one of the tables may belong to another main table or another known batch.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        batch_id: The batch.
        tables: The batch's staging tables.
    """
    note = staging_note(batch_id, spec.table)
    remedy = f"set its friendly name (BigQuery) or comment (DuckDB) to: {note}"
    unmarked = next((table for table in tables if not table.main_table), None)
    if unmarked and (others := _other_main_tables(warehouse, spec)):
        raise UnmarkedStaging(
            f"staging table {unmarked.name} does not record its main table, and dataset {spec.table.dataset} has "
            f"several main tables: {spec.table}, {', '.join(others)}; nothing was changed; if it is for {spec.table}, "
            f"{remedy}"
        )
    unclear = [table for table in tables if len(batches_of(spec, table, {})) > 1]
    known = batches_in_ledger(warehouse, spec, unclear)
    for table in unclear:
        ids = {name for name in batches_of(spec, table, known) if spelled_in_names(name) in known}
        if others := sorted(ids - {batch_id}):
            raise UnmarkedStaging(
                f"staging table {table.name}, by its name, may belong to batch {batch_id} or to "
                f"{', '.join(others):.200}; nothing was changed; if it belongs to {batch_id}, {remedy}"
            )


def _other_main_tables(warehouse: Warehouse, spec: TableSpec) -> list[str]:
    """Return the dataset's other main tables: those with a fence, or else those that staging tables name."""
    dataset, ours = spec.table.dataset, {"", str(spec.table)}
    fenced = [table.name.table for table in warehouse.staging_tables(dataset, FENCES_PREFIX)]
    found = {f"{dataset}.{name.removeprefix(FENCES_PREFIX)}" for name in fenced} - ours
    staged = (table for prefix in spec.staging.prefixes for table in warehouse.staging_tables(dataset, prefix))
    return sorted(found or {table.main_table for table in staged} - ours)
