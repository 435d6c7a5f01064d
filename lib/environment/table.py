"""What an environment says of its table and of how its staging tables are named: ``table:`` and ``staging:``."""

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
    """The table with what stands below ``staging:``; `worker` is the service that writes the tables.

    Raises:
        UserError: It does not fit.
    """
    given = {} if staging is None else _section(path, "staging", staging, "name, service or workers")
    names = checked_settings(path, StagingNames, {"service": worker, **given}, "staging")
    try:
        return replace(table, staging=names)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def table_spec(path: Path, table: Any) -> TableSpec:
    """What stands below ``table:``; `path` names the file in errors.

    Raises:
        UserError: It does not fit.
    """
    if table is None:
        raise UserError(f"{path}: table is missing; write {_NEEDED} below table:")
    given = _section(path, "table", table, _NEEDED)
    if "name" not in given:
        raise UserError(f"{path}: table.name is missing; write the table that batches are merged into, dataset.table")
    for name in ("table", "staging", "timezone", "retention"):
        if name in given:
            right = "write table.name" if name == "table" else f"write {name}: beside table:, not below it"
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
        raise UserError(f"{path}: {name}: must be settings, each in a line of its own below it; write {wanted}")
    return given
