"""Converts tables, columns, values and rows between the port and the BigQuery client."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from google.cloud.bigquery import (
    ArrayQueryParameter,
    ScalarQueryParameter,
    SchemaField,
    SourceFormat,
    Table,
    TimePartitioning,
    TimePartitioningType,
)

from lib.consolidation.errors import TableNotFound
from lib.consolidation.identifiers import TableName
from lib.consolidation.warehouse import Column, Parameters, Partitions, Row, StagingTable, Value

if TYPE_CHECKING:
    import pyarrow

QueryParameter = ScalarQueryParameter | ArrayQueryParameter

_PARAMETER = re.compile(r"(?<!@)@(\w+)")
_IN_PARQUET = frozenset({"STRING", "INT64", "FLOAT64", "NUMERIC", "BOOL", "DATE", "TIMESTAMP"})
_LEGACY = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}
_TYPE_PARAMETERS = re.compile(r"\s*\([^()]*\)")
_PARAMETERIZED = re.compile(r"(?:ARRAY<)?\w+\(([\d, ]+)\)>?")
# The first match wins: True is also an int, and a datetime is also a date.
_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "BOOL"),
    (int, "INT64"),
    (float, "FLOAT64"),
    (str, "STRING"),
    (Decimal, "NUMERIC"),
    (datetime, "TIMESTAMP"),
    (date, "DATE"),
)


def query_parameters(sql: str, parameters: Parameters) -> list[QueryParameter]:
    """Return the parameters that the statement uses, typed for BigQuery."""
    return [_query_parameter(name, parameters[name]) for name in dict.fromkeys(_PARAMETER.findall(sql))]


def _query_parameter(name: str, value: Value) -> QueryParameter:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ArrayQueryParameter(name, "STRING", list(value))
    if isinstance(value, datetime) and value.tzinfo is None:
        return ScalarQueryParameter(name, "DATETIME", value)
    return ScalarQueryParameter(name, next(type_ for kind, type_ in _TYPES if isinstance(value, kind)), value)


def schema_fields(columns: Sequence[Column]) -> list[SchemaField]:
    """Return the schema of a table with these columns."""
    return [_schema_field(column) for column in columns]


def _schema_field(column: Column) -> SchemaField:
    if column.type.startswith("ARRAY<"):
        return SchemaField(column.name, column.type[6:-1], mode="REPEATED")
    return SchemaField(column.name, column.type)


def time_partitioning(partitions: Partitions) -> TimePartitioning:
    """Return daily partitioning: longer partitions would expire as a whole, counted from their start."""
    keep_ms = None if partitions.keep_days is None else partitions.keep_days * 86_400_000
    return TimePartitioning(TimePartitioningType.DAY, field=partitions.column, expiration_ms=keep_ms)


def columns_of_schema(schema: Iterable[SchemaField]) -> tuple[Column, ...]:
    """Return the columns of a table's schema."""
    return tuple(Column(field.name, _type_of(field), parameters=_parameters_of(field)) for field in schema)


def _parameters_of(field: SchemaField) -> tuple[int, ...]:
    return tuple(int(number) for number in (field.max_length, field.precision, field.scale) if number is not None)


def _type_of(field: SchemaField) -> str:
    """Return the GoogleSQL type: the REST API uses legacy names, such as ``FLOAT`` for ``FLOAT64``."""
    kind = _LEGACY.get(field.field_type, field.field_type)
    return f"ARRAY<{kind}>" if field.mode == "REPEATED" else kind


_COLUMN_FIELDS = (
    "table_name",
    "column_name",
    "data_type",
    "is_hidden",
    "is_nullable",
    "is_partitioning_column",
    "clustering_ordinal_position",
)


def columns_sql(dataset: str) -> str:
    """Return the query for the columns of the tables in @tables, with what a copy job compares."""
    return (
        f"SELECT {', '.join(_COLUMN_FIELDS)} FROM `{dataset}`.INFORMATION_SCHEMA.COLUMNS "
        "WHERE table_name IN (SELECT name FROM UNNEST(@tables) AS name) ORDER BY table_name, ordinal_position"
    )


def columns_by_table(dataset: str, rows: Sequence[Row]) -> dict[TableName, tuple[Column, ...]]:
    """Return the columns of each table from the rows of `columns_sql`."""
    by_ingestion = {
        row["table_name"] for row in rows if row["is_hidden"] == "YES" and row["is_partitioning_column"] == "YES"
    }
    columns: dict[TableName, list[Column]] = defaultdict(list)
    for row in rows:
        if row["is_hidden"] == "NO":
            storage = f"{_storage(row)}{' by ingestion' if row['table_name'] in by_ingestion else ''}"
            column = Column(
                row["column_name"], plain_type(row["data_type"]), storage, type_parameters(row["data_type"])
            )
            columns[TableName(dataset, row["table_name"])].append(column)
    return {table: tuple(found) for table, found in columns.items()}


def _storage(row: Row) -> str:
    """Return the column properties that all sources of a copy job must share; empty for a plain nullable column.

    Source: https://cloud.google.com/bigquery/docs/managing-tables#copy_multiple_source_tables
    """
    data_type = str(row["data_type"])
    clustering = row["clustering_ordinal_position"]
    kept = {
        data_type: plain_type(data_type) != data_type,
        "REQUIRED": row["is_nullable"] == "NO" and not data_type.startswith("ARRAY<"),
        "partitions": row["is_partitioning_column"] == "YES",
        f"clusters {clustering}": clustering is not None,
    }
    return ", ".join(name for name, is_so in kept.items() if is_so)


def plain_type(data_type: str) -> str:
    """Drop the parameters of a type: ``NUMERIC(4, 1)`` → ``NUMERIC``."""
    return _TYPE_PARAMETERS.sub("", data_type)


def type_parameters(data_type: str) -> tuple[int, ...]:
    """Return the parameters of a type: ``NUMERIC(4, 1)`` → (4, 1). A STRUCT has none; its fields do."""
    found = _PARAMETERIZED.fullmatch(data_type)
    return tuple(map(int, found[1].split(","))) if found else ()


def staging_tables_sql(dataset: str, *, with_columns: bool = False) -> str:
    """Return the query for the tables whose name starts with @prefix, one row per table or per column.

    Only ``__TABLES__`` has row count and last change together and up to date: tables.list has no
    row count, INFORMATION_SCHEMA.TABLE_STORAGE lags behind, and INFORMATION_SCHEMA.PARTITIONS refuses
    more than 1,000 tables (production has had 1,600). Batch and main table are in the friendly name,
    because a label cannot hold every batch id.
    """
    columns, joined = ("", "")
    if with_columns:
        columns = "".join(f", C.{name}" for name in _COLUMN_FIELDS)
        joined = f"LEFT JOIN `{dataset}`.INFORMATION_SCHEMA.COLUMNS AS C ON C.table_name = T.table_id "
    return (
        "SELECT T.table_id, T.row_count, TIMESTAMP_MILLIS(T.last_modified_time) AS changed_at, "
        "TIMESTAMP_MILLIS(T.creation_time) AS created_at, CURRENT_TIMESTAMP() AS listed_at, "
        f"O.option_value AS friendly_name{columns} FROM `{dataset}`.__TABLES__ AS T "
        f"LEFT JOIN `{dataset}`.INFORMATION_SCHEMA.TABLE_OPTIONS AS O "
        f"ON O.table_name = T.table_id AND O.option_name = 'friendly_name' {joined}"
        "WHERE T.type = 1 AND STARTS_WITH(T.table_id, @prefix) "
        f"ORDER BY T.table_id{', C.ordinal_position' if with_columns else ''}"
    )


def staging_tables_of(dataset: str, rows: Sequence[Row]) -> list[StagingTable]:
    """Return the staging tables from the rows of `staging_tables_sql`."""
    columns = columns_by_table(dataset, [row for row in rows if row.get("table_name")])
    by_name = {TableName(dataset, row["table_id"]): row for row in rows}
    return [
        StagingTable(
            name=name,
            note=_text(row["friendly_name"]),
            rows=row["row_count"],
            changed_at=row["changed_at"],
            version=f"{row['created_at']} {row['changed_at']} {row['row_count']}",
            listed_at=row["listed_at"],
            columns=columns.get(name, ()),
        )
        for name, row in by_name.items()
    ]


def with_streaming_seen(listed: Sequence[StagingTable], get: Callable[[TableName], Table]) -> list[StagingTable]:
    """Mark the tables that have a streaming buffer, and leave out those that no longer exist.

    Streamed rows may be missing from copies for up to 90 minutes and are not in a table's row count;
    only tables.get shows the buffer
    (https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery#dataavailability).
    Tables of our own writer come from load jobs and are not checked.
    `get` calls tables.get and raises `TableNotFound`.
    """

    def checked(table: StagingTable) -> StagingTable | None:
        if table.is_loaded:
            return table
        try:
            found = get(table.name)
        except TableNotFound:
            return None
        if found.streaming_buffer is None:
            return table
        return replace(table, is_streaming=True, changed_at=None, version=f"{table.version} streaming")

    with ThreadPoolExecutor(max_workers=8) as pool:
        return [table for table in pool.map(checked, listed) if table is not None]


def _text(option_value: str | None) -> str:
    """Parse the option's GoogleSQL literal; empty if another writer set something else."""
    try:
        return str(json.loads(option_value or '""'))
    except ValueError:
        return ""


def load_file(rows: pyarrow.Table, columns: Sequence[Column]) -> tuple[str, bytes]:
    """Return the `sourceFormat` and content of a file for a load job.

    The format is Parquet, unless a column is of a type that does not survive it: loads from Parquet refuse JSON
    and read a list as a record (https://cloud.google.com/bigquery/docs/json-data#limitations).
    """
    if all(column.type in _IN_PARQUET for column in columns):
        return SourceFormat.PARQUET, parquet(rows)
    lines = (_json_line(row, columns) for row in rows.to_pylist())
    return SourceFormat.NEWLINE_DELIMITED_JSON, "".join(lines).encode()


def _json_line(row: Row, columns: Sequence[Column]) -> str:
    """Return a row as a line of JSON without its NULLs, which a repeated field refuses."""
    present = [column for column in columns if row[column.name] is not None]
    members = [f"{json.dumps(column.name)}: {_json_value(column.type, row[column.name])}" for column in present]
    return f"{{{', '.join(members)}}}\n"


def _json_value(type_: str, value: Any) -> str:
    """Return a value as JSON, with integers and decimals as text, since BigQuery reads long numbers as floats.

    A NULL in an array is kept, so that BigQuery refuses it.
    """
    if value is None:
        return "null"
    if type_.startswith("ARRAY<"):
        return f"[{', '.join(_json_value(type_[6:-1], item) for item in value)}]"
    if type_ == "JSON":
        # NDJSON needs it on one line; between JSON tokens a newline means nothing.
        return str(value).replace("\n", " ").replace("\r", " ")
    if isinstance(value, bool | float | str):
        return json.dumps(value)
    return json.dumps(f"{value:f}" if isinstance(value, Decimal) else str(value))


def parquet(rows: pyarrow.Table) -> bytes:
    """Return the rows as the content of a Parquet file."""
    import pyarrow
    import pyarrow.parquet

    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(rows, sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content
