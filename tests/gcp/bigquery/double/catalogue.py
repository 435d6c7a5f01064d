"""Datasets and tables, and what BigQuery tells about them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

import duckdb

from lib.embedded.googlesql import to_googlesql_type
from tests.gcp.bigquery.double import wire
from tests.gcp.bigquery.double.faults import ApiError

Resource = dict[str, Any]
Answer = TypeVar("Answer")
_KEPT = ("friendlyName", "description", "expirationTime", "labels", "timePartitioning", "requirePartitionFilter")


def quoted(dataset: str, table: str) -> str:
    return f'"{dataset}"."{table}"'


def _locked(method: Callable[..., Answer]) -> Callable[..., Answer]:
    """The whole call sees one catalogue: no table goes between its listing and its counting."""

    @wraps(method)
    def under_lock(self: Catalogue, *arguments: Any) -> Answer:
        with self.lock:
            return method(self, *arguments)

    return under_lock


@dataclass
class Catalogue:
    """What there is. Rows and columns are DuckDB's, the rest is kept here."""

    project: str
    connection: duckdb.DuckDBPyConnection
    datasets: set[str] = field(default_factory=set)
    tables: dict[tuple[str, str], Resource] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def add_dataset(self, dataset: str) -> Resource:
        if dataset in self.datasets:
            raise ApiError("duplicate", f"Already Exists: Dataset {self.project}:{dataset}")
        self.datasets.add(dataset)
        self.connection.cursor().execute(f'CREATE SCHEMA "{dataset}"')
        return self.dataset(dataset)

    def dataset(self, dataset: str) -> Resource:
        if dataset not in self.datasets:
            raise ApiError("notFound", f"Not found: Dataset {self.project}:{dataset} was not found in location US")
        return {"datasetReference": {"projectId": self.project, "datasetId": dataset}, "location": "US"}

    def require(self, dataset: str, table: str) -> Resource:
        """What is kept of a table that must be there."""
        self.dataset(dataset)
        if (dataset, table) not in self.tables:
            name = f"{self.project}:{dataset}.{table}"
            raise ApiError("notFound", f"Not found: Table {name} was not found in location US")
        return self.tables[dataset, table]

    def add_table(self, dataset: str, table: str, fields: Sequence[Mapping[str, Any]], kept: Resource) -> Resource:
        with self.lock:
            self.dataset(dataset)
            if (dataset, table) in self.tables:
                raise ApiError("duplicate", f"Already Exists: Table {self.project}:{dataset}.{table}")
            columns = ", ".join(map(wire.declared, fields))
            self.connection.cursor().execute(f"CREATE TABLE {quoted(dataset, table)} ({columns})")
            self.tables[dataset, table] = {name: kept[name] for name in _KEPT if name in kept}
            self.tables[dataset, table]["creationTime"] = str(time.time_ns() // 1_000_000)
            self.modified(dataset, table)
        return self.table(dataset, table)

    def modified(self, dataset: str, table: str) -> None:
        """Rows were written to it."""
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
            "schema": {"fields": [wire.field_of(name, kind) for name, kind in self.columns(dataset, table)]},
            "numRows": str(self.row_count(dataset, table)),
            "numBytes": str(self.bytes_of(dataset, table)),
        }

    @_locked
    def listed(self, dataset: str) -> list[Resource]:
        """As tables.list: no schema and no rows."""
        self.dataset(dataset)
        names = sorted(table for owner, table in self.tables if owner == dataset)
        return [
            {key: value for key, value in self.table(dataset, name).items() if key not in ("schema", "numRows")}
            for name in names
        ]

    def columns(self, dataset: str, table: str) -> list[tuple[str, str]]:
        """Names and GoogleSQL types."""
        found = self.connection.cursor().execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = ? AND table_name = ? "
            "ORDER BY column_index",
            [dataset, table],
        )
        return [(name, to_googlesql_type(kind)) for name, kind in found.fetchall()]

    def row_count(self, dataset: str, table: str) -> int:
        counted = self.connection.cursor().execute(f"SELECT COUNT(*) FROM {quoted(dataset, table)}").fetchone()
        return int(counted[0]) if counted else 0

    @_locked
    def bytes_of(self, dataset: str, table: str) -> int:
        return 8 * self.row_count(dataset, table) * len(self.columns(dataset, table))

    @_locked
    def view(self, dataset: str, name: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """A meta-table: its columns, all of them text or integers, and its rows."""
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
            columns = ["table_name", "column_name", "data_type", "ordinal_position", "is_hidden"]
            return columns, list(self._column_rows(dataset, tables))
        raise ApiError("notFound", f"Not found: Table {self.project}:{dataset}.{name}")

    def _column_rows(self, dataset: str, tables: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        for table in tables:
            for position, (name, kind) in enumerate(self.columns(dataset, table), start=1):
                yield table, name, kind, position, "NO"
