"""The port to the warehouse.

SQL is GoogleSQL, written once in this package; an adapter runs it as it is or
translates it. Values are bound, never pasted. Times are aware and UTC, or naive in DATETIME.

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
        storage: What else the warehouse keeps of it, as `Warehouse.columns_of` lists it; opaque. Tables
            are gathered as one only where it is equal.
        parameters: Those of its type, or of its elements' type: (4, 1) of ``NUMERIC(4, 1)``. What is written to the
            column is rounded to them, or refused. Tables are made without them.
    """

    name: str
    type: str
    storage: str = ""
    parameters: tuple[int, ...] = ()

    @property
    def element(self) -> Column | None:
        """What each element of an array is; None: it is not an array."""
        if not self.type.startswith("ARRAY<"):
            return None
        return Column(self.name, self.type[6:-1], parameters=self.parameters)

    @property
    def declared(self) -> str:
        """Its type with the parameters."""
        if element := self.element:
            return f"ARRAY<{element.declared}>"
        return f"{self.type}({', '.join(map(str, self.parameters))})" if self.parameters else self.type


@dataclass(frozen=True)
class StagingTable:
    """A staging table as the warehouse lists it.

    Attributes:
        note: The text that its writer gave `Warehouse.load`, or that another writer left; may be empty.
        rows: How many rows it holds.
        changed_at: When it was last written, in the warehouse's time; None: not known.
        version: Differs once the table was made anew by `Warehouse.load`, its rows became
            more or fewer, or, where `changed_at` is not known, its rows are others; opaque,
            only compared for equality.
        listed_at: The warehouse's time when the listing began.
        is_streaming: Rows were streamed into it that copies of it may still miss, for as long
            as `STREAMING_LAG`; then `changed_at` is not known and `rows` may be too few.
        columns: As `Warehouse.columns_of` lists them; empty if they were not asked for.
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
        """The batch that its writer recorded; empty when none did."""
        return self._noted("batch_id")

    @property
    def main_table(self) -> str:
        """The table that it is for, ``dataset.table``, as its writer recorded it; empty when none did."""
        return self._noted("main_table")

    @property
    def is_loaded(self) -> bool:
        """Whether our own writer made it: loaded whole, and never added to."""
        return bool(self._noted("loaded"))

    def _noted(self, what: str) -> str:
        found = _NOTE.fullmatch(self.note)
        return (found[what] or "") if found else ""


def staging_note(batch_id: str, main_table: TableName, *, is_loaded: bool = False) -> str:
    """``staging of batch BATCH for DATASET.TABLE``: what a staging table records of itself.

    A line of text that people may read, and write to mark a table of another writer: the friendly name of a table
    in BigQuery, a comment in DuckDB. Only our own writer says that a table was loaded whole and is never added to.
    """
    return f"staging of batch {batch_id} for {main_table}{', loaded' if is_loaded else ''}"


@dataclass(frozen=True)
class Partitions:
    """By day, where the warehouse has them: a query that bounds the column by constants reads only these days.

    Attributes:
        column: A TIMESTAMP.
        keep_days: A day's rows are removed so many days after it began; None: never.
    """

    column: str
    keep_days: int | None = None


@dataclass(frozen=True)
class Execute:
    """A statement of a transaction.

    Attributes:
        name: Keys its counts and times in the outcome.
        sql: The statement.
        must_touch: The code of the `RequirementFailed` that is raised if it changes no row; empty: it need not.
    """

    name: str
    sql: str
    must_touch: str = ""

    def __post_init__(self) -> None:
        if self.must_touch:
            plain_identifier(self.must_touch, "requirement")


@dataclass(frozen=True)
class Require:
    """A condition, a boolean GoogleSQL expression, without which nothing is committed.

    It is a job of its own in some warehouses; see `lib.consolidation.requirements` for one that is not.

    Attributes:
        code: Names it in `RequirementFailed`; a plain identifier, else `InvalidIdentifier`.
        sql: The expression; NULL is not enough.
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
        job_id: The warehouse's name for it; empty when it gives none.
        elapsed_ms: Milliseconds by the name of the step, where the warehouse tells.
        statistics: Further figures, such as bytes and slot time.
    """

    job_id: str = ""
    elapsed_ms: Mapping[str, float] = field(default_factory=dict)
    statistics: Mapping[str, float] = field(default_factory=dict)


class Warehouse(Protocol):
    """Tables, queries and transactions.

    Every call raises `TableNotFound` when a table that it names does not exist, `DatasetNotFound`
    when a dataset does not, and `WarehouseUnavailable` when the warehouse does not answer as it
    should. Calls that list tables raise them too: an empty list means that the dataset was read.
    """

    def session(self) -> AbstractContextManager[None]:
        """Spares the calls made meanwhile what each of them would open for itself; no transaction.

        An adapter may shut other processes out for as long, so it is for one burst of calls:
        nobody waits for anyone in it.
        """
        ...

    def query(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        gather: Mapping[TableName, Sequence[TableName]] | None = None,
    ) -> list[Row]:
        """The rows of one SELECT; for results of a few thousand rows at most.

        An array that is NULL comes back as an empty list. `gather` is that of `transact`.
        """
        ...

    def columns(self, table: TableName) -> tuple[Column, ...]:
        """The table's columns in order."""
        ...

    def create_table(
        self, table: TableName, columns: Sequence[Column], *, partitions: Partitions | None = None
    ) -> None:
        """Make an empty table, in a missing dataset too if need be; one that is there already is left as it is.

        Rivals may make and drop it at the same time.
        """
        ...

    def copy_structure(self, source: TableName, target: TableName, *, expires_at: datetime | None = None) -> None:
        """Make an empty table with the columns of another; one that is there already is refused and left.

        From `expires_at` on it may be gone, by itself or when the next such table is made.

        Raises:
            WarehouseUnavailable: The target is there.
        """
        ...

    def staging_tables(self, dataset: str, prefix: str, *, with_columns: bool = False) -> list[StagingTable]:
        """Tables whose name starts with the prefix, by name."""
        ...

    def columns_of(self, tables: Sequence[TableName]) -> dict[TableName, tuple[Column, ...]]:
        """The columns of many tables at once; tables that are gone are left out."""
        ...

    def load(self, tables: Mapping[TableName, pyarrow.Table], columns: Sequence[Column], *, note: str) -> None:
        """Make new tables of these rows, each with the note; all of them or none.

        A table that is there already is refused and left as it is. Only if it is empty and has this
        very note, as after an earlier try, may an adapter fill it instead.

        Args:
            tables: The rows of each; columns as `lib.consolidation.rows.convert` makes them, or strings that are what
                JSON columns hold. An array that is NULL is stored as an empty one.
            columns: Give the types; a table has those of them that its rows have.

        Raises:
            WarehouseUnavailable: A table is there, or an array has a NULL in it.
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

        A single `Execute` is a transaction by itself: where the warehouse lets such a statement wait
        for rivals, it waits and does not conflict.

        Args:
            steps: What to do, in order.
            parameters: Bound in every step.
            gather: Names under which the steps may read the rows of many tables of
                equal columns as one; there for this transaction only.
            job_id: Makes a repeated call run once where the warehouse knows jobs.
            timeout_seconds: After this the work is cancelled and its end awaited.

        Raises:
            TransactionConflict: A rival won.
            RequirementFailed: A condition was false, a statement refused, or changed no row and must.
            SourceVanished: A gathered table is gone.
        """
        ...

    def drop(self, tables: Sequence[TableName]) -> None:
        """Remove tables; those that are gone already are no error, even if their dataset is gone."""
        ...
