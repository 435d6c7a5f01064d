"""``table:`` and ``staging:``, the table of an environment and the names of its staging tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from lib.consolidation.identifiers import TableName
from lib.consolidation.staging_names import StagingNames
from lib.consolidation.table_spec import TableSpec
from lib.errors import UserError
from lib.settings_file import checked_settings

_NEEDED = "name, key_columns and date_column"


def with_staging(path: Path, table: TableSpec, staging: Any, worker: str) -> TableSpec:
    """Return the table with the settings of ``staging:``.

    Args:
        path: The environment's file, for error messages.
        table: The table.
        staging: The content of ``staging:``; None if it is missing.
        worker: The service that writes the staging tables.

    Raises:
        UserError: A setting is not valid.
    """
    given = {} if staging is None else _section(path, "staging", staging, "name, service or workers")
    names = checked_settings(path, StagingNames, {"service": worker, **given}, "staging")
    try:
        return replace(table, staging=names)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def table_spec(path: Path, table: Any) -> TableSpec:
    """Read ``table:``; `path` is the file, for error messages.

    Raises:
        UserError: A setting is not valid.
    """
    if table is None:
        raise UserError(f"{path}: table is missing; write {_NEEDED} below table:")
    given = _section(path, "table", table, _NEEDED)
    if "name" not in given:
        raise UserError(f"{path}: table.name is missing; write the table that batches are merged into, dataset.table")
    for name in ("table", "staging", "timezone", "retention"):
        if name in given:
            right = "write table.name" if name == "table" else f"write {name}: at the top level, not below table:"
            raise UserError(f"{path}: table.{name} is not a setting; {right}")
    try:
        named = TableName.parse(str(given["name"]))
    except UserError as error:
        raise UserError(f"{path}: table.name: {error}") from error
    settings = {name: value for name, value in given.items() if name != "name"}
    spec: TableSpec = checked_settings(path, TableSpec, {**settings, "table": named}, "table")
    return spec


def _section(path: Path, name: str, given: Any, wanted: str) -> dict[Any, Any]:
    if not isinstance(given, dict):
        raise UserError(f"{path}: {name}: must be settings, each on its own line below it; write {wanted}")
    return given
