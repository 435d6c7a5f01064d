"""Tables, columns, values and rows between the port and BigQuery's client."""

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
# The first that fits counts: True is an int, and a datetime is a date.
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
    """Those of the parameters that the statement names, typed for BigQuery."""
    return [_query_parameter(name, parameters[name]) for name in dict.fromkeys(_PARAMETER.findall(sql))]


def _query_parameter(name: str, value: Value) -> QueryParameter:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ArrayQueryParameter(name, "STRING", list(value))
    if isinstance(value, datetime) and value.tzinfo is None:
        return ScalarQueryParameter(name, "DATETIME", value)
    return ScalarQueryParameter(name, next(type_ for kind, type_ in _TYPES if isinstance(value, kind)), value)


def schema_fields(columns: Sequence[Column]) -> list[SchemaField]:
    """The schema of a table of these columns."""
    return [_schema_field(column) for column in columns]


def _schema_field(column: Column) -> SchemaField:
    if column.type.startswith("ARRAY<"):
        return SchemaField(column.name, column.type[6:-1], mode="REPEATED")
    return SchemaField(column.name, column.type)


def time_partitioning(partitions: Partitions) -> TimePartitioning:
    """By day: a longer partition would expire as a whole, counted from its beginning."""
    keep_ms = None if partitions.keep_days is None else partitions.keep_days * 86_400_000
    return TimePartitioning(TimePartitioningType.DAY, field=partitions.column, expiration_ms=keep_ms)


def columns_of_schema(schema: Iterable[SchemaField]) -> tuple[Column, ...]:
    """The columns of a table's schema."""
    return tuple(Column(field.name, _type_of(field), parameters=_parameters_of(field)) for field in schema)


def _parameters_of(field: SchemaField) -> tuple[int, ...]:
    return tuple(int(number) for number in (field.max_length, field.precision, field.scale) if number is not None)


def _type_of(field: SchemaField) -> str:
    """REST names types as legacy SQL does: ``FLOAT`` is ``FLOAT64``."""
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
    """The columns of the dataset's tables named in @tables, and what a copy job compares of them."""
    return (
        f"SELECT {', '.join(_COLUMN_FIELDS)} FROM `{dataset}`.INFORMATION_SCHEMA.COLUMNS "
        "WHERE table_name IN (SELECT name FROM UNNEST(@tables) AS name) ORDER BY table_name, ordinal_position"
    )


def columns_by_table(dataset: str, rows: Sequence[Row]) -> dict[TableName, tuple[Column, ...]]:
    """The port's columns of that query's rows."""
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
    """What must be equal in all sources of a copy job; empty for a plain nullable column.

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
    """``NUMERIC(4, 1)`` → ``NUMERIC``."""
    return _TYPE_PARAMETERS.sub("", data_type)


def type_parameters(data_type: str) -> tuple[int, ...]:
    """``NUMERIC(4, 1)`` → (4, 1); none of a STRUCT, whose fields have their own."""
    found = _PARAMETERIZED.fullmatch(data_type)
    return tuple(map(int, found[1].split(","))) if found else ()


def staging_tables_sql(dataset: str, *, with_columns: bool = False) -> str:
    """Tables of the dataset whose name starts with @prefix, with friendly names; or a row for each of their columns.

    ``__TABLES__`` is the only listing that has a table's rows and its last change together and
    at once: tables.list has no rows, INFORMATION_SCHEMA.TABLE_STORAGE lags behind, and
    INFORMATION_SCHEMA.PARTITIONS refuses beyond 1,000 tables, while there have been
    1,600. Batch and main table stand in the friendly name, because a label can't hold every batch id.
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
    """The port's records of that query's rows."""
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
    """The tables, those with a streaming buffer marked as such; a table that is gone by now is left out.

    Rows of tabledata.insertAll may be missing from copies for up to 90 minutes, and a table's
    row count leaves them out; only tables.get shows that there are any
    (https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery#dataavailability).
    A table of our own writer was made by a load job and needs no look.
    `get` asks tables.get and raises `TableNotFound`.
    """

    def looked_at(table: StagingTable) -> StagingTable | None:
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
        return [table for table in pool.map(looked_at, listed) if table is not None]


def _text(option_value: str | None) -> str:
    """The option's value is a GoogleSQL literal. Other writers may name tables as they like."""
    try:
        return str(json.loads(option_value or '""'))
    except ValueError:
        return ""


def load_file(rows: pyarrow.Table, columns: Sequence[Column]) -> tuple[str, bytes]:
    """The rows as a file for a load job, with its `sourceFormat`.

    Parquet, but for columns that it cannot carry as they are: loads refuse JSON there, and read a
    list as a record (https://cloud.google.com/bigquery/docs/json-data#limitations).
    """
    if all(column.type in _IN_PARQUET for column in columns):
        return SourceFormat.PARQUET, parquet(rows)
    lines = (_json_line(row, columns) for row in rows.to_pylist())
    return SourceFormat.NEWLINE_DELIMITED_JSON, "".join(lines).encode()


def _json_line(row: Row, columns: Sequence[Column]) -> str:
    """NULL is left out, because a repeated field takes none."""
    present = [column for column in columns if row[column.name] is not None]
    members = [f"{json.dumps(column.name)}: {_json_value(column.type, row[column.name])}" for column in present]
    return f"{{{', '.join(members)}}}\n"


def _json_value(type_: str, value: Any) -> str:
    """Whole and exact numbers as text: BigQuery reads a number as a float where it is too long for one.

    A NULL in an array stays one, for BigQuery to refuse.
    """
    if value is None:
        return "null"
    if type_.startswith("ARRAY<"):
        return f"[{', '.join(_json_value(type_[6:-1], item) for item in value)}]"
    if type_ == "JSON":
        # As it was written, but on one line: between its tokens a line's end means nothing.
        return str(value).replace("\n", " ").replace("\r", " ")
    if isinstance(value, bool | float | str):
        return json.dumps(value)
    return json.dumps(f"{value:f}" if isinstance(value, Decimal) else str(value))


def parquet(rows: pyarrow.Table) -> bytes:
    """The rows as a Parquet file."""
    import pyarrow
    import pyarrow.parquet

    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(rows, sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content
