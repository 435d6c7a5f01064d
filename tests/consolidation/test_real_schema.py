"""The real table on DuckDB; `tests/gcp/bigquery/test_consolidation.py` tests it on BigQuery's double."""

from __future__ import annotations

from lib.embedded.googlesql import to_duckdb_type
from tests.consolidation.real_schema import Declared, check_the_real_schema, check_what_a_worker_writes, declared
from tests.consolidation.world import World, quoted


def test_the_real_schema_and_the_real_names(world: World) -> None:
    columns = ", ".join(f'"{column.name}" {duckdb_type(column)}' for column in declared())

    def execute(sql: str) -> None:
        with world.warehouse.connection() as connection:
            connection.execute(sql.replace("`", '"'))

    execute(f"CREATE OR REPLACE TABLE {quoted(world.spec.table)} ({columns})")
    check_the_real_schema(world, execute)
    check_what_a_worker_writes(world)


def duckdb_type(column: Declared) -> str:
    if column.parameters is None:
        return to_duckdb_type(column.type)
    return "DECIMAL({}, {})".format(*column.parameters)
