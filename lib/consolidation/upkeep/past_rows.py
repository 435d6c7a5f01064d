"""Rows from before this library consolidated a table: insert them unchanged, and read a sample."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from lib.consolidation.dates import DateColumn
from lib.consolidation.identifiers import TableName, is_plain_identifier
from lib.consolidation.key import column_list, quoted
from lib.consolidation.staging import BatchStagingWriter
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column, Execute, Row, Warehouse

if TYPE_CHECKING:
    from lib.consolidation.row_groups import Rows

_CARRIER = "past-rows"


def insert_as_they_are(warehouse: Warehouse, spec: TableSpec, rows: Rows, *, source: str = "the past rows") -> None:
    """Insert rows without a consolidation: keys are not compared and no fence is moved. Only for private tables.

    Args:
        warehouse: Where the table is.
        spec: The main table.
        rows: The rows.
        source: What messages call the rows.

    Raises:
        StagedDataError: A row does not match the table; nothing was inserted.
    """
    writes = BatchStagingWriter(warehouse, spec).write_batch(rows, batch_id=_CARRIER, workers=1, source=source)
    inserts = []
    for number, write in enumerate(writes):
        names = column_list([column.name for column in warehouse.columns(write.table)])
        insert = f"INSERT INTO {spec.table.sql} ({names}) SELECT {names} FROM {write.table.sql}"
        inserts.append(Execute(f"past rows {number}", insert))
    warehouse.transact(inserts, {})
    warehouse.drop([write.table for write in writes])


def newest_rows(
    warehouse: Warehouse, table: TableName, columns: Iterable[Column], dates: DateColumn, *, until: date, most: int
) -> list[Row]:
    """Return rows of the newest date that has any; empty if there is none.

    Args:
        warehouse: Where the table is.
        table: The table.
        columns: The columns to read.
        dates: The table's date column.
        until: The last date to consider.
        most: The maximum number of rows, a few thousand.
    """
    name, (_, after) = quoted(dates.name), dates.limits(until)
    [newest] = warehouse.query(f"SELECT MAX({name}) AS value FROM {table.sql} WHERE {name} < @after", {"after": after})
    if newest["value"] is None:
        return []
    names = column_list([column.name for column in columns if is_plain_identifier(column.name)])
    sql = f"SELECT {names} FROM {table.sql} WHERE {dates.of_day()} LIMIT {most:d}"
    return warehouse.query(sql, dates.bound(day=dates.day_of(newest["value"])))
