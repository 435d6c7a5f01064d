"""Connections to the embedded warehouse's file, and what its faults mean.

A DuckDB file admits one process at a time, so it is opened per unit of work, and
who finds it busy waits for its turn.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from lib.consolidation.errors import DatasetNotFound, TableNotFound, TransactionConflict, WarehouseUnavailable
from lib.errors import CorruptState, RunbookError, UserError

_NO_DATABASE = ("not a valid DuckDB", "Is a directory", "Could not read enough bytes")
# What DuckDB says of rivals. A commit that fails on a full disk is a TransactionException too, and a message may
# hold any name, so each is matched from its beginning.
_CONFLICT = re.compile(
    r"\w+ Error: (Failed to commit: )?(Conflict on (update|tuple deletion)|Catalog write-write conflict|"
    r"Transaction conflict:|Attempting to modify table .* but another transaction|Could not commit (DROP|creation)|"
    r"Failed to alter table .* by a concurrent transaction)"
)
# Functions, types and views that do not exist are worded alike; a missing table is one thing that callers expect.
_NO_TABLE = re.compile(r"Catalog Error: Table with name \S+ does not exist!")
_NO_DATASET = re.compile(
    r'Catalog Error: (?:Table with name \S+ does not .* )?[Ss]chema (?:with name )?"?(\w+)"? does not'
)
_BUSY = ("Conflicting lock is held", "Could not set lock", "Unique file handle conflict")


def open_connection(path: Path, *, patience_seconds: float) -> duckdb.DuckDBPyConnection:
    """Open the file, waiting while other processes have it.

    Raises:
        CorruptState: The file is no DuckDB database.
        WarehouseUnavailable: It stayed busy, or it cannot be reached.
    """
    retrying = Retrying(
        retry=retry_if_exception(_is_busy),
        wait=wait_random(0.002, 0.02),
        stop=stop_after_delay(patience_seconds),
        reraise=True,
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection: duckdb.DuckDBPyConnection = retrying(duckdb.connect, str(path))
    except (duckdb.Error, OSError) as error:
        raise _opening_error(path, error) from error
    return _prepared(connection)


def second_connection(first: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Another one to the file that the first has open, with transactions and temporary tables of its own.

    Not by opening the file again: where threads open and close it at once, DuckDB at times no longer
    finds that it has it open, and refuses.
    """
    return _prepared(first.cursor())


def _prepared(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    connection.execute("SET TimeZone = 'UTC'")
    # A table's rows have no order; to write them in one anyway nearly doubles the time of large writes.
    connection.execute("SET preserve_insertion_order = false")
    # In a notebook DuckDB would draw a bar into the report of any slow query. Where it cannot, it
    # refuses the setting.
    if connection.execute("SELECT current_setting('enable_progress_bar')").fetchone() == (True,):
        connection.execute("SET enable_progress_bar = false")
    return connection


def _is_busy(error: BaseException) -> bool:
    return isinstance(error, duckdb.Error) and any(text in str(error) for text in _BUSY)


def _opening_error(path: Path, error: Exception) -> UserError | WarehouseUnavailable:
    said = _one_line(error)
    if _is_busy(error):
        return WarehouseUnavailable(f"the warehouse file {path} stayed busy: {said}")
    if isinstance(error, FileExistsError | NotADirectoryError) or any(text in said for text in _NO_DATABASE):
        return CorruptState(f"{path} is no warehouse: {said}; restore it, or move it away to start with an empty one")
    if isinstance(error, duckdb.FatalException | duckdb.InternalException) or _is_damage(error):
        return _damaged(path, error)
    return WarehouseUnavailable(f"the warehouse file {path} cannot be opened: {said}")


@contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Turn DuckDB's errors into the port's."""
    try:
        yield
    except RuntimeError as error:
        # How DuckDB reports the SIGINT that it found while a query ran.
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from error
        raise
    except duckdb.Error as error:
        raise _translated(path, error) from error


def _translated(path: Path, error: duckdb.Error) -> RunbookError:
    said = _one_line(error)
    if isinstance(error, duckdb.TransactionException | duckdb.CatalogException) and _CONFLICT.match(said):
        return TransactionConflict(f"a rival transaction won: {said}")
    if is_missing_table(error):
        return TableNotFound(f"{said} ({path})")
    if isinstance(error, duckdb.CatalogException) and (missing := _NO_DATASET.match(said)):
        return no_dataset(path, missing[1])
    if isinstance(error, duckdb.InterruptException):
        return WarehouseUnavailable("the statement was cancelled and rolled back")
    if _is_damage(error):
        return _damaged(path, error)
    return WarehouseUnavailable(f"the warehouse {path} failed: {said}")


def is_missing_table(error: duckdb.Error) -> bool:
    """Whether a statement failed because a table that it names does not exist."""
    return isinstance(error, duckdb.CatalogException) and _NO_TABLE.match(_one_line(error)) is not None


def no_dataset(path: Path, dataset: str) -> DatasetNotFound:
    """The error of a dataset that the file does not have."""
    return DatasetNotFound(
        f"there is no dataset {dataset} in {path}; correct table.name in the environment's settings, "
        "or create the table, and its dataset with it"
    )


def _is_damage(error: Exception) -> bool:
    return isinstance(error, duckdb.SerializationException) or "does not match stored checksum" in str(error)


def _damaged(path: Path, error: Exception) -> CorruptState:
    return CorruptState(f"{path} is damaged: {_one_line(error)}; restore it, or move it away")


@contextmanager
def cancelled_after(connection: duckdb.DuckDBPyConnection, timeout_seconds: float | None) -> Iterator[None]:
    """Interrupt whatever the connection is doing after that time."""
    if timeout_seconds is None:
        yield
        return
    timer = threading.Timer(timeout_seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # so that it interrupts nothing that comes later


def _one_line(error: Exception) -> str:
    """The first sentence of DuckDB's message, which may hold source text and hints."""
    return str(error).partition("\n")[0].strip()
