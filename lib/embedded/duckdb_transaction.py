"""Runs one transaction in DuckDB, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import duckdb

from lib.consolidation.errors import RequirementFailed
from lib.consolidation.identifiers import TableName
from lib.consolidation.requirements import failed_requirement
from lib.consolidation.warehouse import Parameters, Require, Row, Step
from lib.embedded.binding import run
from lib.embedded.googlesql import bind


@contextmanager
def open_transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.begin()
    try:
        yield
        connection.commit()
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    # After an interrupt the query still runs, and the rollback would wait for it to end.
    connection.interrupt()
    try:
        connection.rollback()
    except duckdb.TransactionException:
        # A failed commit has already ended the transaction; its error is raised.
        return


def take(
    connection: duckdb.DuckDBPyConnection, step: Step, parameters: Parameters, relations: Iterable[TableName] = ()
) -> None:
    """Run one step; `relations` are the tables gathered for it."""
    if isinstance(step, Require):
        holds = run(connection, *bind(f"SELECT {step.sql}", parameters, relations)).fetchone()
        if holds is None or holds[0] is not True:
            raise RequirementFailed(step.code)
        return
    try:
        changed = run(connection, *bind(step.sql, parameters, relations))
    except duckdb.InvalidInputException as error:
        if refused := failed_requirement(str(error), [step]):
            raise refused from error
        raise
    if step.must_touch and changed.fetchone() == (0,):
        raise RequirementFailed(step.must_touch)


def rows_of(result: duckdb.DuckDBPyConnection) -> list[Row]:
    described = [(str(name), str(kind).endswith("[]")) for name, kind, *_ in result.description or ()]
    return [
        {name: _value(value, is_array=is_array) for (name, is_array), value in zip(described, row, strict=True)}
        for row in result.fetchall()
    ]


def _value(value: Any, *, is_array: bool) -> Any:
    """Use Python's UTC in place of the session's zone object, and an empty array in place of a NULL one."""
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC)
    return [] if is_array and value is None else value
