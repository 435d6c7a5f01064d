"""The port to the warehouse.

SQL is GoogleSQL, written once in this package; an adapter runs it unchanged or
translates it. Values are always bound. Times are aware and in UTC, or naive for DATETIME.

A transaction is a list of steps rather than a script, because DuckDB has no
scripts: an adapter either runs the steps one by one, or joins them into one
script job. Either way the steps see one snapshot, and all of them take effect or
none does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from lib.consolidation.identifiers import TableName, plain_identifier

if TYPE_CHECKING:
    import pyarrow

Value = str | int | float | bool | Decimal | date | datetime | Sequence[str]
Parameters = Mapping[str, Value]
Row = dict[str, Any]
STREAMING_LAG = timedelta(minutes=90)
_NOTE = re.compile(
    r"staging of batch (?P<batch_id>[A-Za-z0-9_-]+) for (?P<main_table>\w+\.\w+)(?P<loaded>, loaded)?", re.ASCII
)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: As the warehouse spells it.
        type: Its GoogleSQL type without parameters: ``STRING``, ``INT64``, ``FLOAT64``,
            ``NUMERIC``, ``BOOL``, ``DATE``, ``TIMESTAMP``, ``ARRAY<STRING>``, …
        storage: Further properties of the column, as listed by `Warehouse.columns_of`; opaque. Only
            tables with equal properties are gathered as one.
        parameters: The parameters of its type, or of its elements' type: (4, 1) for ``NUMERIC(4, 1)``. Values
            written to the column are rounded to them or refused. Tables are created without them.
    """

    name: str
    type: str
    storage: str = ""
    parameters: tuple[int, ...] = ()

    @property
    def element(self) -> Column | None:
        """A column of the array's element type; None if this is not an array."""
        if not self.type.startswith("ARRAY<"):
            return None
        return Column(self.name, self.type[6:-1], parameters=self.parameters)

    @property
    def declared(self) -> str:
        """The type with its parameters."""
        if element := self.element:
            return f"ARRAY<{element.declared}>"
        return f"{self.type}({', '.join(map(str, self.parameters))})" if self.parameters else self.type


@dataclass(frozen=True)
class StagingTable:
    """A staging table as the warehouse lists it.

    Attributes:
        name: The table.
        note: The text passed to `Warehouse.load`, or left by another writer; may be empty.
        rows: Number of rows.
        changed_at: When it was last written, in the warehouse's time; None if unknown.
        version: Changes when `Warehouse.load` recreates the table, when its number of rows
            changes or, if `changed_at` is unknown, when its rows change. Opaque, only compared
            for equality.
        listed_at: The warehouse's time when the listing began.
        is_streaming: Whether it has streamed rows that copies may still miss, for up to
            `STREAMING_LAG`; then `changed_at` is unknown and `rows` may be too low.
        columns: As listed by `Warehouse.columns_of`; empty if they were not requested.
    """

    name: TableName
    note: str = field(repr=False)
    rows: int
    changed_at: datetime | None = field(repr=False)
    version: str = field(repr=False)
    listed_at: datetime = field(repr=False)
    is_streaming: bool = False
    columns: tuple[Column, ...] = field(default=(), repr=False)

    @property
    def batch_id(self) -> str:
        """The batch that its writer recorded; empty if none."""
        return self._noted("batch_id")

    @property
    def main_table(self) -> str:
        """The main table that its writer recorded, ``dataset.table``; empty if none."""
        return self._noted("main_table")

    @property
    def is_loaded(self) -> bool:
        """Whether our own writer created it, so that it was loaded completely and never added to."""
        return bool(self._noted("loaded"))

    def _noted(self, what: str) -> str:
        found = _NOTE.fullmatch(self.note)
        return (found[what] or "") if found else ""


def staging_note(batch_id: str, main_table: TableName, *, is_loaded: bool = False) -> str:
    """Return the note of a staging table: ``staging of batch BATCH for DATASET.TABLE``.

    It is the table's friendly name in BigQuery, its comment in DuckDB. People can read it, and can write it to mark
    a table of another writer. Only our own writer adds ``, loaded``: loaded completely, and never added to.
    """
    return f"staging of batch {batch_id} for {main_table}{', loaded' if is_loaded else ''}"


@dataclass(frozen=True)
class Partitions:
    """Daily partitions, if the warehouse has them: a query that limits the column by constants reads only those days.

    Attributes:
        column: A TIMESTAMP column.
        keep_days: A day's rows are removed this many days after it began; None means never.
    """

    column: str
    keep_days: int | None = None


@dataclass(frozen=True)
class Execute:
    """A statement of a transaction.

    Attributes:
        name: The key of its counts and times in the outcome.
        sql: The statement.
        must_touch: The code of the `RequirementFailed` to raise if it changes no row; empty allows that.
    """

    name: str
    sql: str
    must_touch: str = ""

    def __post_init__(self) -> None:
        if self.must_touch:
            plain_identifier(self.must_touch, "requirement")


@dataclass(frozen=True)
class Require:
    """A condition that must be TRUE for the transaction to commit.

    In some warehouses it costs a separate job; `lib.consolidation.requirements` avoids that.

    Attributes:
        code: Names it in `RequirementFailed`; must be a plain identifier, else `InvalidIdentifier` is raised.
        sql: A boolean GoogleSQL expression; NULL fails.
    """

    code: str
    sql: str

    def __post_init__(self) -> None:
        plain_identifier(self.code, "requirement")


Step = Execute | Require


@dataclass(frozen=True)
class TransactionOutcome:
    """What a committed transaction did.

    Attributes:
        job_id: The warehouse's id for it; empty if there is none.
        elapsed_ms: Milliseconds by the name of the step, if the warehouse reports them.
        statistics: Further figures, such as bytes and slot time.
    """

    job_id: str = ""
    elapsed_ms: Mapping[str, float] = field(default_factory=dict)
    statistics: Mapping[str, float] = field(default_factory=dict)


class Warehouse(Protocol):
    """Tables, queries and transactions.

    Every call raises `TableNotFound` if a table that it names does not exist, `DatasetNotFound`
    if a dataset does not, and `WarehouseUnavailable` if the warehouse does not answer properly.
    Calls that list tables raise them too: an empty list means that the dataset was read.
    """

    def session(self) -> AbstractContextManager[None]:
        """Share resources, such as an open file, among the calls in the block; not a transaction.

        An adapter may shut out other processes: use it for a burst of calls, and never wait in it.
        """
        ...

    def query(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        gather: Mapping[TableName, Sequence[TableName]] | None = None,
    ) -> list[Row]:
        """Return the rows of one SELECT; for results of a few thousand rows at most.

        A NULL array is returned as an empty list. `gather` is the same as for `transact`.
        """
        ...

    def columns(self, table: TableName) -> tuple[Column, ...]:
        """Return the table's columns in order."""
        ...

    def create_table(
        self, table: TableName, columns: Sequence[Column], *, partitions: Partitions | None = None
    ) -> None:
        """Create an empty table, and its dataset if needed; an existing table is left unchanged. Safe with rivals."""
        ...

    def copy_structure(self, source: TableName, target: TableName, *, expires_at: datetime | None = None) -> None:
        """Create an empty table with the columns of another; an existing table is left unchanged.

        From `expires_at` on it may disappear, by itself or when the next such table is created.

        Raises:
            WarehouseUnavailable: The target already exists.
        """
        ...

    def staging_tables(self, dataset: str, prefix: str, *, with_columns: bool = False) -> list[StagingTable]:
        """Return the tables whose names start with the prefix, ordered by name."""
        ...

    def columns_of(self, tables: Sequence[TableName]) -> dict[TableName, tuple[Column, ...]]:
        """Return the columns of many tables at once; tables that no longer exist are left out."""
        ...

    def load(self, tables: Mapping[TableName, pyarrow.Table], columns: Sequence[Column], *, note: str) -> None:
        """Create new tables with these rows, each with the note; all of them or none.

        An existing table is left unchanged. Only if it is empty and has exactly this note, as after
        an earlier attempt, may an adapter fill it instead.

        Args:
            tables: The rows of each table, with columns as `lib.consolidation.rows.convert` returns them, or strings
                with the content of JSON columns. A NULL array is stored as an empty one.
            columns: The types; each table gets those of the columns that its rows have.
            note: See `staging_note`.

        Raises:
            WarehouseUnavailable: A table already exists, or an array contains NULL.
        """
        ...

    def transact(
        self,
        steps: Sequence[Step],
        parameters: Parameters,
        *,
        gather: Mapping[TableName, Sequence[TableName]] | None = None,
        job_id: str = "",
        timeout_seconds: float | None = None,
    ) -> TransactionOutcome:
        """Run the steps in one transaction.

        A single `Execute` is a transaction by itself: if the warehouse lets such a statement wait
        for rivals, it waits and does not conflict.

        Args:
            steps: What to do, in order.
            parameters: Bound in every step.
            gather: Names under which the steps can read many tables with equal columns as
                one; they exist for this transaction only.
            job_id: If the warehouse has jobs, a repeated call with the same id runs only once.
            timeout_seconds: After this time the work is cancelled and its end awaited.

        Raises:
            TransactionConflict: A rival won.
            RequirementFailed: A condition was false, a statement refused, or one that must change a row did not.
            SourceVanished: A gathered table no longer exists.
        """
        ...

    def drop(self, tables: Sequence[TableName]) -> None:
        """Remove tables; ignore those that no longer exist, even if their dataset does not exist either."""
        ...
