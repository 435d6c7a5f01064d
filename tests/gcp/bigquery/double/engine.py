"""GoogleSQL statements and transactions, on DuckDB.

DuckDB has snapshots and detects conflicts per row. BigQuery's conflicts are per table,
so this module records who updated which table.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from tests.gcp.bigquery.double import wire
from tests.gcp.bigquery.double.catalogue import Catalogue, quoted
from tests.gcp.bigquery.double.faults import ApiError
from tests.gcp.bigquery.double.partition_filter import require_partition_filters
from tests.gcp.bigquery.double.sizes import METADATA_BYTES

_KINDS = {
    exp.Merge: "MERGE",
    exp.Update: "UPDATE",
    exp.Delete: "DELETE",
    exp.Insert: "INSERT",
    exp.Create: "CREATE_TABLE_AS_SELECT",
}


@dataclass
class Result:
    """The result of a statement."""

    fields: list[dict[str, Any]] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    kind: str = "SELECT"
    changed: int | None = None


@dataclass(eq=False)
class Transaction:
    """A connection and, once it has begun, a snapshot and the tables whose rows it changed.

    Attributes:
        late: Updates deferred until the commit, for tests where conflicts are found only then.
        copies: Copies of those tables that it uses until then.
    """

    cursor: duckdb.DuckDBPyConnection
    late: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    copies: dict[str, str] = field(default_factory=dict)
    began_after: int = 0
    is_open: bool = False
    updated: set[str] = field(default_factory=set)


class Engine:
    """Runs statements, and decides which of two transactions is aborted."""

    def __init__(self, catalogue: Catalogue, breaks: Collection[str] = ()) -> None:
        self.catalogue = catalogue
        self._breaks = breaks
        self._open: list[Transaction] = []
        self._commits = 0
        self._last_update: dict[str, int] = {}
        self._lock = threading.RLock()
        self._ended = threading.Condition(self._lock)

    def connect(self) -> Transaction:
        cursor = self.catalogue.connection.cursor()
        cursor.execute("SET TimeZone = 'UTC'")
        return Transaction(cursor)

    def begin(self, transaction: Transaction) -> None:
        if transaction.is_open:
            raise ApiError("invalidQuery", "Transaction control statements cannot be nested")
        with self._lock:
            transaction.cursor.begin()
            # DuckDB takes its snapshot at the transaction's first read.
            transaction.cursor.execute("SELECT COUNT(*) FROM duckdb_tables()").fetchall()
            transaction.began_after, transaction.is_open = self._commits, True
            self._open.append(transaction)

    def commit(self, transaction: Transaction) -> None:
        _require_open(transaction)
        with self._lock, _errors():
            for table in transaction.updated if "early conflicts" in self._breaks else ():
                if self._last_update.get(table, 0) > transaction.began_after:
                    raise self._conflict(table)
            transaction.cursor.commit()
            for statement in transaction.late:
                with suppress(duckdb.Error):  # conflicts with rivals are the point of this double
                    transaction.cursor.execute(*statement)
            self._commits += 1
            self._last_update.update(dict.fromkeys(transaction.updated, self._commits))
            self._close(transaction)

    def roll_back(self, transaction: Transaction) -> None:
        """Emulate ROLLBACK TRANSACTION, which fails if no transaction is open."""
        _require_open(transaction)
        self.end(transaction)

    def end(self, transaction: Transaction) -> None:
        """End the transaction as BigQuery does by itself, keeping none of its changes."""
        with self._lock:
            if transaction.is_open:
                # A failed commit has already ended DuckDB's own transaction.
                with suppress(duckdb.TransactionException):
                    transaction.cursor.rollback()
                self._close(transaction)

    def _close(self, transaction: Transaction) -> None:
        transaction.is_open = False
        transaction.updated.clear()
        self._open.remove(transaction)
        self._ended.notify_all()

    def execute(self, transaction: Transaction, sql: str, parameters: Mapping[str, Any]) -> Result:
        tree = self._parsed(sql)
        if isinstance(tree, exp.Create) and isinstance(tree.this, exp.Schema):
            return self._create(transaction, tree)
        self._check_tables(tree)
        bound = {name: parameters[name] for name in {item.name for item in tree.find_all(exp.Parameter)}}
        translated = self._as_duckdb(tree).sql(dialect="duckdb")
        kind = _KINDS.get(type(tree), "SELECT")
        if kind == "MERGE":
            translated += " RETURNING merge_action"
        is_late = kind == "UPDATE" and self._is_late(transaction, _target(tree))
        if is_late:
            self._put_off(transaction, _target(tree), translated, bound)
        for table, own_copy in transaction.copies.items():
            translated = translated.replace(table, own_copy)
        if kind in ("MERGE", "UPDATE", "DELETE") and not transaction.is_open:
            self._queue(_target(tree))
        with _errors(self._conflict(_target(tree))):
            found = transaction.cursor.execute(translated, bound)
            rows = found.fetchall()
        if kind != "SELECT":
            self._note_change(_target(tree))
            if not is_late:
                self._note_update(transaction, _target(tree), kind, rows)
            return Result(kind=kind, changed=len(rows) if kind == "MERGE" else rows[0][0] if rows else 0)
        return Result([wire.result_field(name, str(type_)) for name, type_, *_ in found.description or ()], rows, kind)

    def _create(self, transaction: Transaction, tree: exp.Create) -> Result:
        """Run CREATE TABLE IF NOT EXISTS with columns."""
        if transaction.is_open:
            raise ApiError("invalidQuery", "Only temporary tables can be created in a transaction")
        table, partitions = tree.this.this, tree.find(exp.PartitionedByProperty)
        fields = [wire.field_of(column.name, column.kind.sql(dialect="bigquery")) for column in tree.this.expressions]
        kept = {"timePartitioning": {"type": "DAY", "field": partitions.find(exp.Column).name}} if partitions else {}
        with self.catalogue.lock:
            if (table.db, table.name) not in self.catalogue.tables:
                self.catalogue.add_table(table.db, table.name, fields, kept)
        return Result(kind="CREATE_TABLE")

    def _is_late(self, transaction: Transaction, table: str) -> bool:
        """Return whether to defer an update; otherwise DuckDB finds conflicts immediately."""
        waits = "conflicts" in self._breaks or "early conflicts" in self._breaks
        has_rival = len(self._open) > 1 or self._last_update.get(table, 0) > transaction.began_after
        return waits and transaction.is_open and has_rival

    def _put_off(self, transaction: Transaction, table: str, translated: str, bound: dict[str, Any]) -> None:
        """Let the transaction work on a private copy of the table until its commit."""
        name = quoted(*table.split("."))
        if name not in transaction.copies:
            own_copy = f"late_{len(transaction.copies)}"
            transaction.cursor.execute(f"CREATE TEMP TABLE {own_copy} AS FROM {name}")
            transaction.copies[name] = f"temp.main.{own_copy}"
        transaction.late.append((translated, bound))
        transaction.updated.add(table)

    def bytes_of(self, sql: str, parameters: Mapping[str, Any]) -> int:
        """Return the bytes that a statement would read, without temporary tables."""
        tree = self._parsed(sql)
        if isinstance(tree, exp.Create) and isinstance(tree.this, exp.Schema):
            return 0
        self._check_tables(tree)
        with self.catalogue.lock:
            if views := sum(_is_meta(table.name) for table in tree.find_all(exp.Table)):
                return views * METADATA_BYTES
            reader = self.catalogue.reader(_tables(tree), parameters)
            return sum(map(self.catalogue.bytes_of, reader.scans(tree)))

    def _parsed(self, sql: str) -> exp.Expression:
        try:
            return sqlglot.parse_one(sql, read="bigquery")
        except sqlglot.ParseError as error:
            raise ApiError("invalidQuery", f"Syntax error: {error}") from error

    def _check_tables(self, tree: exp.Expression) -> None:
        for dataset, table in _tables(tree):
            if not _is_meta(table):
                self.catalogue.require(dataset, table)
        require_partition_filters(tree, self.catalogue.project, self.catalogue.tables)

    def _as_duckdb(self, tree: exp.Expression) -> exp.Expression:
        def replaced(node: exp.Expression) -> exp.Expression:
            if isinstance(node, exp.CountIf):  # for no rows: 0, but NULL in DuckDB
                return exp.Count(this=exp.Case(ifs=[exp.If(this=node.this, true=exp.Literal.number(1))]))
            if isinstance(node, exp.UnixToTime):
                return exp.func("make_timestamptz", exp.Mul(this=node.this, expression=exp.Literal.number(1000)))
            if isinstance(node, exp.Anonymous) and node.name.upper() == "ERROR" and "refusals" in self._breaks:
                return exp.null()
            if isinstance(node, exp.Table) and _is_meta(node.name):
                columns, rows = self.catalogue.view(node.db, node.name)
                return _inline(columns, rows, node.alias_or_name)
            return node

        return tree.transform(replaced)

    def _note_change(self, table: str) -> None:
        with self.catalogue.lock:
            dataset, _, name = table.partition(".")
            if (dataset, name) in self.catalogue.tables:
                self.catalogue.modified(dataset, name)

    def _queue(self, table: str) -> None:
        """Let DML outside a transaction wait for transactions that have changed the table."""
        with self._ended:
            self._ended.wait_for(lambda: not any(table in transaction.updated for transaction in self._open))

    def _note_update(self, transaction: Transaction, table: str, kind: str, rows: list[tuple[Any, ...]]) -> None:
        if kind == "MERGE":
            changed = any(action != "INSERT" or "inserts" in self._breaks for (action,) in rows)
        else:
            changed = kind in ("UPDATE", "DELETE") and bool(rows[0][0])
        if not changed:
            return
        with self._lock:
            rivals = [other for other in self._open if other is not transaction and table in other.updated]
            if not transaction.is_open:
                self._commits += 1
                self._last_update[table] = self._commits
            elif "conflicts by table" in self._breaks or "conflicts" in self._breaks:
                return
            elif rivals or self._last_update.get(table, 0) > transaction.began_after:
                raise self._conflict(table)
            else:
                transaction.updated.add(table)

    def _conflict(self, table: str) -> ApiError:
        if "conflict words" in self._breaks:
            return ApiError("invalidQuery", "Another writer came first and this one was rolled back.")
        return ApiError(
            "invalidQuery",
            f"Transaction is aborted due to concurrent update against table {self.catalogue.project}:{table}.",
        )


def _require_open(transaction: Transaction) -> None:
    if not transaction.is_open:
        raise ApiError("invalidQuery", "There is no open transaction in progress")


def _tables(tree: exp.Expression) -> set[tuple[str, str]]:
    return {(table.db, table.name) for table in tree.find_all(exp.Table) if table.db}


def _target(tree: exp.Expression) -> str:
    table = tree.find(exp.Table) if not isinstance(tree.this, exp.Table) else tree.this
    return f"{table.db}.{table.name}" if table else ""


def _is_meta(table: str) -> bool:
    return table == "__TABLES__" or table.startswith("INFORMATION_SCHEMA.")


def _inline(columns: list[str], rows: list[tuple[Any, ...]], alias: str) -> exp.Expression:
    """Return the rows as a subquery; without rows, a row of NULLs that is filtered out."""
    values = exp.values(rows or [(None,) * len(columns)], alias="v", columns=columns)
    return exp.select("*").from_(values).where("TRUE" if rows else "FALSE").subquery(alias)


@contextmanager
def _errors(conflict: ApiError | None = None) -> Iterator[None]:
    try:
        yield
    except duckdb.TransactionException as error:
        raise conflict or ApiError("invalidQuery", "Transaction is aborted due to concurrent update") from error
    except duckdb.InterruptException as error:
        raise ApiError("stopped", "Job execution was cancelled: User requested cancellation") from error
    except duckdb.Error as error:
        raise ApiError("invalidQuery", str(error).partition("\n")[0]) from error
