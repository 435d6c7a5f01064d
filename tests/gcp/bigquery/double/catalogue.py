"""Datasets and tables, and their metadata in BigQuery."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import wraps
from typing import Any, TypeVar

import duckdb

from lib.embedded.googlesql import to_googlesql_type
from tests.gcp.bigquery.double import wire
from tests.gcp.bigquery.double.estimates import Name, Reader, Scan
from tests.gcp.bigquery.double.faults import ApiError
from tests.gcp.bigquery.double.sizes import EVERY_DAY, DeclaredSize, total_sql, usual_width

Resource = dict[str, Any]
Answer = TypeVar("Answer")
_LAYOUT = ("timePartitioning", "rangePartitioning", "clustering")
_KEPT = ("friendlyName", "description", "expirationTime", "labels", "requirePartitionFilter", *_LAYOUT)
_COLUMNS = (
    *("table_name", "column_name", "data_type", "ordinal_position", "is_hidden", "is_nullable"),
    *("is_partitioning_column", "clustering_ordinal_position"),
)
_DECLARED = ("mode", "precision", "scale")


def quoted(dataset: str, table: str) -> str:
    return f'"{dataset}"."{table}"'


def _quoted(name: str) -> str:
    return f'"{name}"'


def _locked(method: Callable[..., Answer]) -> Callable[..., Answer]:
    """Lock the catalogue during the call, so that no table disappears between listing and counting."""

    @wraps(method)
    def under_lock(self: Catalogue, *arguments: Any) -> Answer:
        with self.lock:
            return method(self, *arguments)

    return under_lock


@dataclass
class Catalogue:
    """All datasets and tables. DuckDB has their rows and columns; the rest is kept here."""

    project: str
    connection: duckdb.DuckDBPyConnection
    location: str = "US"
    datasets: dict[str, Resource] = field(default_factory=dict)
    tables: dict[tuple[str, str], Resource] = field(default_factory=dict)
    declared: dict[tuple[str, str], dict[str, Resource]] = field(default_factory=dict)
    buffered: dict[tuple[str, str], int] = field(default_factory=dict)
    sizes: dict[Name, DeclaredSize] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def add_dataset(self, given: Resource) -> Resource:
        dataset = given["datasetReference"]["datasetId"]
        if dataset in self.datasets:
            raise ApiError("duplicate", f"Already Exists: Dataset {self.project}:{dataset}")
        self.datasets[dataset] = {"location": self.location, **given}
        self.connection.cursor().execute(f'CREATE SCHEMA "{dataset}"')
        return self.dataset(dataset)

    @_locked
    def drop_dataset(self, dataset: str) -> Resource:
        """Drop a dataset and everything in it."""
        self.dataset(dataset)
        self.connection.cursor().execute(f'DROP SCHEMA "{dataset}" CASCADE')
        self.tables = {name: kept for name, kept in self.tables.items() if name[0] != dataset}
        del self.datasets[dataset]
        return {}

    def dataset(self, dataset: str) -> Resource:
        if dataset not in self.datasets:
            raise ApiError("notFound", f"Not found: Dataset {self.project}:{dataset}")
        reference = {"projectId": self.project, "datasetId": dataset}
        return {**self.datasets[dataset], "datasetReference": reference}

    def require(self, dataset: str, table: str) -> Resource:
        """Return the record of a table that must exist."""
        self.dataset(dataset)
        if (dataset, table) not in self.tables:
            name = f"{self.project}:{dataset}.{table}"
            raise ApiError("notFound", f"Not found: Table {name}")
        return self.tables[dataset, table]

    def add_table(self, dataset: str, table: str, fields: Sequence[Mapping[str, Any]], kept: Resource) -> Resource:
        with self.lock:
            self.dataset(dataset)
            if (dataset, table) in self.tables:
                raise ApiError("duplicate", f"Already Exists: Table {self.project}:{dataset}.{table}")
            columns = ", ".join(map(wire.declared, fields))
            self.connection.cursor().execute(f"CREATE TABLE {quoted(dataset, table)} ({columns})")
            self.tables[dataset, table] = {name: kept[name] for name in _KEPT if name in kept}
            self.declared[dataset, table] = {
                field["name"]: {key: field[key] for key in _DECLARED if key in field} for field in fields
            }
            now_ms = time.time_ns() // 1_000_000
            self.tables[dataset, table]["creationTime"] = str(now_ms)
            if lives_ms := self.datasets[dataset].get("defaultTableExpirationMs"):
                self.tables[dataset, table].setdefault("expirationTime", str(now_ms + int(lives_ms)))
            self.modified(dataset, table)
        return self.table(dataset, table)

    @_locked
    def insert(self, dataset: str, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows given as JSON."""
        kinds = dict(self.columns(dataset, table))
        for row in rows:
            if unknown := row.keys() - kinds.keys():
                raise ApiError("invalid", f"No such field: {min(unknown)}.")
            values = [wire.stored(kinds[name], value) for name, value in row.items()]
            given = f"({', '.join(map(_quoted, row))}) VALUES ({', '.join('?' * len(values))})"
            into = f"INSERT INTO {quoted(dataset, table)}"
            self.connection.cursor().execute(f"{into} {given if row else 'DEFAULT VALUES'}", values)

    @_locked
    def stream(self, dataset: str, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Stream rows: queries see them at once, but counts, copies and the table's times only after `flush`."""
        self.require(dataset, table)
        self.insert(dataset, table, rows)
        self.buffered[dataset, table] = self.buffered.get((dataset, table), 0) + len(rows)

    @_locked
    def flush(self, dataset: str, table: str) -> None:
        """Flush the streaming buffer, as BigQuery does within 90 minutes."""
        del self.buffered[dataset, table]
        self.modified(dataset, table)

    def modified(self, dataset: str, table: str) -> None:
        """Record that rows were written to a table."""
        self.tables[dataset, table]["lastModifiedTime"] = str(time.time_ns() // 1_000_000)

    @_locked
    def patch_table(self, dataset: str, table: str, changes: Resource) -> Resource:
        self.require(dataset, table).update({name: changes[name] for name in _KEPT if name in changes})
        return self.table(dataset, table)

    def drop_table(self, dataset: str, table: str) -> Resource:
        with self.lock:
            self.require(dataset, table)
            self.connection.cursor().execute(f"DROP TABLE {quoted(dataset, table)}")
            del self.tables[dataset, table]
        return {}

    @_locked
    def table(self, dataset: str, table: str) -> Resource:
        kept = self.require(dataset, table)
        return {
            **kept,
            "id": f"{self.project}:{dataset}.{table}",
            "tableReference": {"projectId": self.project, "datasetId": dataset, "tableId": table},
            "type": "TABLE",
            "schema": {"fields": self.fields(dataset, table)},
            **self._streaming_buffer(dataset, table),
            "numRows": str(self.row_count(dataset, table)),
            "numBytes": str(self.bytes_of(Scan((dataset, table)))),
        }

    def fields(self, dataset: str, table: str) -> list[Resource]:
        declared = self.declared[dataset, table]
        return [wire.field_of(name, kind) | declared.get(name, {}) for name, kind in self.columns(dataset, table)]

    @_locked
    def layout(self, dataset: str, table: str) -> Resource:
        """Return what all sources of a copy job, and the table it appends to, must have in common."""
        kept = self.require(dataset, table)
        return {"fields": self.fields(dataset, table), **{name: kept.get(name) for name in _LAYOUT}}

    def _streaming_buffer(self, dataset: str, table: str) -> Resource:
        rows = self.buffered.get((dataset, table))
        buffer = {
            "estimatedRows": str(rows),
            "oldestEntryTime": str(time.time_ns() // 1_000_000),
        }
        return {"streamingBuffer": buffer} if rows else {}

    @_locked
    def listed(self, dataset: str) -> list[Resource]:
        """Emulate tables.list, without schema and rows."""
        self.dataset(dataset)
        names = sorted(table for owner, table in self.tables if owner == dataset)
        return [
            {key: value for key, value in self.table(dataset, name).items() if key not in ("schema", "numRows")}
            for name in names
        ]

    def columns(self, dataset: str, table: str) -> list[tuple[str, str]]:
        """Return the columns' names and GoogleSQL types."""
        found = self.connection.cursor().execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = ? AND table_name = ? "
            "ORDER BY column_index",
            [dataset, table],
        )
        return [(name, to_googlesql_type(kind)) for name, kind in found.fetchall()]

    def row_count(self, dataset: str, table: str) -> int:
        """Count the rows that are not in the streaming buffer."""
        counted = self.connection.cursor().execute(f"SELECT COUNT(*) FROM {quoted(dataset, table)}").fetchone()
        return int(counted[0]) - self.buffered.get((dataset, table), 0) if counted else 0

    def sized(self, dataset: str, table: str, *, rows_a_day: int, days: int, last_day: date) -> None:
        """Declare a size for estimates only, as if the table had this many rows on each of its last days."""
        self.require(dataset, table)
        self.sizes[dataset, table] = DeclaredSize(rows_a_day, days, last_day)

    @_locked
    def row_width(self, dataset: str, table: str) -> float:
        """Return the average bytes per row."""
        rows, total = self._measured(f"{total_sql(dict(self.columns(dataset, table)))} FROM {quoted(dataset, table)}")
        return total / rows if rows else usual_width(dict(self.columns(dataset, table)))

    @_locked
    def reader(self, tables: Collection[Name], parameters: Mapping[str, Any]) -> Reader:
        """Return the estimator for statements over existing tables."""
        there = {name: self.tables[name] for name in tables if name in self.tables}
        fields = {name: kept.get("timePartitioning", {}).get("field") for name, kept in there.items()}
        schemas = {name: dict(self.columns(*name)) for name in there}
        return Reader(schemas, {name: field for name, field in fields.items() if field}, parameters)

    @_locked
    def bytes_of(self, scan: Scan) -> int:
        """Return the bytes that a scan reads; 0 for a missing table."""
        if scan.table not in self.tables:
            return 0
        columns = dict(self.columns(*scan.table))
        read = {name: kind for name, kind in columns.items() if scan.columns is None or name in scan.columns}
        partitioned_by = self.tables[scan.table].get("timePartitioning", {}).get("field")
        size, days = self.sizes.get(scan.table), scan.days
        where = (
            f' WHERE CAST("{partitioned_by}" AS DATE) BETWEEN ? AND ?'
            if partitioned_by and not size and days != EVERY_DAY
            else ""
        )
        rows, total = self._measured(f"{total_sql(read)} FROM {quoted(*scan.table)}{where}", days if where else ())
        if size is None:
            return total
        return round(size.rows(days) * (total / rows if rows else usual_width(read)))

    def _measured(self, sql: str, parameters: Sequence[date] = ()) -> tuple[int, int]:
        found = self.connection.cursor().execute(f"SELECT COUNT(*), {sql}", parameters).fetchone()
        return (int(found[0]), int(found[1])) if found else (0, 0)

    @_locked
    def view(self, dataset: str, name: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the columns (text or integers) and rows of a metadata view."""
        self.dataset(dataset)
        tables = [table for owner, table in self.tables if owner == dataset]
        if name == "__TABLES__":
            return ["table_id", "row_count", "creation_time", "last_modified_time", "type"], [
                (table, self.row_count(dataset, table), int(kept["creationTime"]), int(kept["lastModifiedTime"]), 1)
                for table in tables
                if (kept := self.tables[dataset, table])
            ]
        if name == "INFORMATION_SCHEMA.TABLE_OPTIONS":
            return ["table_name", "option_name", "option_value"], [
                (table, "friendly_name", json.dumps(self.tables[dataset, table]["friendlyName"]))
                for table in tables
                if "friendlyName" in self.tables[dataset, table]
            ]
        if name == "INFORMATION_SCHEMA.COLUMNS":
            return list(_COLUMNS), [
                tuple(row.get(name) for name in _COLUMNS)
                for table in tables
                for row in self._column_rows(dataset, table)
            ]
        raise ApiError("notFound", f"Not found: Table {self.project}:{dataset}.{name}")

    def _column_rows(self, dataset: str, table: str) -> Iterator[Resource]:
        kept = self.tables[dataset, table]
        partitioning = kept.get("timePartitioning") or kept.get("rangePartitioning") or {}
        clustered = kept.get("clustering", {}).get("fields", [])
        by = partitioning.get("field", "_PARTITIONTIME") if partitioning else ""
        for position, column in enumerate(self.fields(dataset, table), start=1):
            name = column["name"]
            yield {
                "table_name": table,
                "column_name": name,
                "data_type": wire.data_type(column),
                "ordinal_position": position,
                "is_hidden": "NO",
                "is_nullable": "YES" if column["mode"] == "NULLABLE" else "NO",
                "is_partitioning_column": "YES" if name == by else "NO",
                "clustering_ordinal_position": clustered.index(name) + 1 if name in clustered else None,
            }
        if by == "_PARTITIONTIME":
            hidden = {"is_hidden": "YES", "is_nullable": "YES", "is_partitioning_column": "YES"}
            yield {"table_name": table, "column_name": by, "data_type": "TIMESTAMP", **hidden}
