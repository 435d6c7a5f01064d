"""Opens the embedded warehouse's file, and translates DuckDB's errors.

Only one process at a time can open a DuckDB file. It is therefore opened for each unit of work, and a process
that finds it busy waits.
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
# DuckDB's messages about rivals, matched from the start because they may contain any name. The class alone is not
# enough: a commit that fails on a full disk is a TransactionException, too.
_CONFLICT = re.compile(
    r"\w+ Error: (Failed to commit: )?(Conflict on (update|tuple deletion)|Catalog write-write conflict|"
    r"Transaction conflict:|Attempting to modify table .* but another transaction|Could not commit (DROP|creation)|"
    r"Failed to alter table .* by a concurrent transaction)"
)
# Missing functions, types and views have similar messages; callers expect only a missing table.
_NO_TABLE = re.compile(r"Catalog Error: Table with name \S+ does not exist!")
_NO_DATASET = re.compile(
    r'Catalog Error: (?:Table with name \S+ does not .* )?[Ss]chema (?:with name )?"?(\w+)"? does not'
)
_BUSY = ("Conflicting lock is held", "Could not set lock", "Unique file handle conflict")


def open_connection(path: Path, *, patience_seconds: float) -> duckdb.DuckDBPyConnection:
    """Open the file, waiting while another process has it open.

    Raises:
        CorruptState: The file is not a DuckDB database.
        WarehouseUnavailable: The file stayed busy, or cannot be opened.
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
    """Return another connection to the same file, with its own transactions and temporary tables.

    The file is not opened again: when several threads open and close it at the same time, DuckDB sometimes
    does not notice that it has it open already, and refuses.
    """
    return _prepared(first.cursor())


def _prepared(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    connection.execute("SET TimeZone = 'UTC'")
    # The order of a table's rows does not matter, and keeping it nearly doubles the time of large writes.
    connection.execute("SET preserve_insertion_order = false")
    # In a notebook, DuckDB would draw a progress bar for each slow query, and the report would show it. Where it
    # cannot draw one, it refuses the setting.
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
        return CorruptState(
            f"{path} is not a warehouse file: {said}; restore it, or move it away to start with an empty one"
        )
    if isinstance(error, duckdb.FatalException | duckdb.InternalException) or _is_damage(error):
        return _damaged(path, error)
    return WarehouseUnavailable(f"the warehouse file {path} cannot be opened: {said}")


@contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Translate DuckDB's errors into those of the port."""
    try:
        yield
    except RuntimeError as error:
        # This is how DuckDB reports a SIGINT during a query.
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
    """Return whether a statement failed because one of its tables does not exist."""
    return isinstance(error, duckdb.CatalogException) and _NO_TABLE.match(_one_line(error)) is not None


def no_dataset(path: Path, dataset: str) -> DatasetNotFound:
    """Return the error for a dataset that does not exist in the file."""
    return DatasetNotFound(
        f"there is no dataset {dataset} in {path}; correct table.name in the environment's settings, "
        "or create the table together with its dataset"
    )


def _is_damage(error: Exception) -> bool:
    return isinstance(error, duckdb.SerializationException) or "does not match stored checksum" in str(error)


def _damaged(path: Path, error: Exception) -> CorruptState:
    return CorruptState(f"{path} is damaged: {_one_line(error)}; restore it, or move it away")


@contextmanager
def cancelled_after(connection: duckdb.DuckDBPyConnection, timeout_seconds: float | None) -> Iterator[None]:
    """Interrupt the connection's statement after this time."""
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
        timer.join()  # so that it cannot interrupt a later statement


def _one_line(error: Exception) -> str:
    """Return the first line of DuckDB's message; source text and hints may follow it."""
    return str(error).partition("\n")[0].strip()
