"""Reads a table's export, Parquet or JSON lines, with DuckDB: its columns and types, and inserts its rows."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import duckdb
from pyarrow import ArrowException

from lib.consolidation.errors import StagedDataError
from lib.embedded.googlesql import to_duckdb_type, to_googlesql_type
from lib.embedded.json_rows import batches_of, kinds_of, type_of
from lib.errors import UserError

# Types that DuckDB reads from Parquet and the warehouse does not have; any other such type becomes JSON.
_KEPT_AS = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER"), "BIGINT"),
    **dict.fromkeys(("UBIGINT", "HUGEINT", "UHUGEINT"), "DECIMAL(38,0)"),
    **dict.fromkeys(("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "TIMESTAMP"),
    **dict.fromkeys(("UUID", "TIME", "TIME WITH TIME ZONE", "INTERVAL"), "VARCHAR"),
    "FLOAT": "DOUBLE",
}
# pyarrow's types of a column without values and of one with only empty lists.
_UNTYPED = {"null": "NULL", "list<element: null>": "VARCHAR[]", "list<item: null>": "VARCHAR[]"}
_MOMENT = "TIMESTAMP WITH TIME ZONE"


class RowFile(Protocol):
    """A file with its columns, in the DuckDB types that the table will have."""

    @property
    def path(self) -> Path: ...
    @property
    def types(self) -> Mapping[str, str]: ...

    def insert(self, connection: duckdb.DuckDBPyConnection, table: str, types: Mapping[str, str]) -> int:
        """Insert all rows, cast to the types, and return their number."""
        ...


@dataclass(frozen=True)
class ParquetRows:
    """A Parquet file; `known` has the known types of columns by name."""

    path: Path
    read_types: Mapping[str, str]
    known: Mapping[str, str]

    @classmethod
    def of(cls, path: Path, known: Mapping[str, str]) -> ParquetRows:
        from pyarrow import parquet

        with _naming(path), duckdb.connect() as reader:
            found = reader.execute(f"DESCRIBE SELECT * FROM {_relation(path)}").fetchall()
            # DuckDB reads a column without a type, which has no values, as a number.
            untyped = {field.name: str(field.type) for field in parquet.read_schema(path) if "null" in str(field.type)}
        types = {name: _UNTYPED.get(untyped.get(name, ""), type_) for name, type_, *_ in found}
        return cls(path, types, known)

    @property
    def types(self) -> Mapping[str, str]:
        """Types by column; a time without a zone is UTC in a column that is known to hold timestamps."""
        kept = {name: _kept_as(type_) for name, type_ in self.read_types.items()}
        kept |= {name: duckdb_type(self.known.get(name, "STRING")) for name in self._empty}
        moments = {name for name, type_ in kept.items() if type_ == "TIMESTAMP" and self.known.get(name) == type_}
        return kept | dict.fromkeys(moments, _MOMENT)

    def insert(self, connection: duckdb.DuckDBPyConnection, table: str, types: Mapping[str, str]) -> int:
        nested = {name for name, type_ in self.types.items() if type_ == "JSON" != self.read_types[name]}
        filled = {name: types[name] for name in self.types if name not in self._empty}
        with _naming(self.path):
            return _insert(connection, table, _relation(self.path), filled, nested)

    @property
    def _empty(self) -> list[str]:
        return [name for name, type_ in self.read_types.items() if type_ == "NULL"]


@dataclass(frozen=True)
class JsonLines:
    """A file of JSON lines, with the types that its columns have in all files."""

    path: Path
    json_types: Mapping[str, str]

    @property
    def types(self) -> Mapping[str, str]:
        return {name: duckdb_type(type_) for name, type_ in self.json_types.items()}

    def insert(self, connection: duckdb.DuckDBPyConnection, table: str, types: Mapping[str, str]) -> int:
        rows = 0
        for batch in batches_of(self.path, self.json_types):
            with _naming(self.path):
                connection.register("rows_to_import", batch)
                rows += _insert(connection, table, "rows_to_import", {name: types[name] for name in self.types}, set())
        return rows


def row_files(files: Sequence[Path], known: Mapping[str, str]) -> list[RowFile]:
    """Return readers for the files, with the types of their columns.

    Args:
        files: Files ending in .parquet, or in .jsonl, .ndjson or .json for JSON lines.
        known: Known GoogleSQL types of columns by name.

    Raises:
        UserError: A file cannot be read, is of another kind or is given twice.
    """
    lines = [file for file in files if file.suffix.lower() in (".jsonl", ".ndjson", ".json")]
    if odd := [file for file in files if file not in lines and file.suffix.lower() != ".parquet"]:
        raise UserError(f"{odd[0]}: unknown kind of file; use .parquet, .jsonl, .ndjson or .json (JSON lines)")
    if len({file.absolute() for file in files}) < len(files):
        raise UserError("the same file is given twice")
    found = {file: kinds_of(file) for file in lines}
    kinds: dict[str, set[str]] = {}
    for columns in found.values():
        for name, met in columns.items():
            kinds.setdefault(name, set()).update(met)
    types = {name: type_of(met, known.get(name, "")) for name, met in kinds.items()}
    return [
        JsonLines(file, {name: types[name] for name in found[file]}) if file in found else ParquetRows.of(file, known)
        for file in files
    ]


def duckdb_type(type_: str) -> str:
    """Return the type as DuckDB's catalogue spells it."""
    return to_duckdb_type(type_).replace("TIMESTAMPTZ", _MOMENT)


def _kept_as(type_: str) -> str:
    if type_.endswith("[]"):
        item = _kept_as(type_[:-2])
        return "JSON" if item == "JSON" or item.endswith("[]") else f"{item}[]"
    kept = _KEPT_AS.get(type_, type_)
    is_known = to_googlesql_type(kept) != kept or kept in {"DATE", "JSON"}
    return kept if is_known else "VARCHAR" if kept.startswith("ENUM") else "JSON"


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, source: str, types: Mapping[str, str], nested: set[str]
) -> int:
    cast = ", ".join(
        f'to_json("{name}") AS "{name}"' if name in nested else f'CAST("{name}" AS {type_}) AS "{name}"'
        for name, type_ in types.items()
    )
    inserted = connection.execute(f"INSERT INTO {table} BY NAME SELECT {cast} FROM {source}").fetchone()
    return int(inserted[0]) if inserted else 0


def _relation(path: Path) -> str:
    """Return the file for DuckDB's SQL: its name is not a pattern, and its folders are not columns."""
    escaped = glob.escape(str(path.absolute())).replace("'", "''")
    return f"read_parquet('{escaped}', hive_partitioning = false)"


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, UnicodeError, OSError, ArrowException) as error:
        raise StagedDataError(f"{path} cannot be imported: {' '.join(str(error).split())[:200]}") from error
