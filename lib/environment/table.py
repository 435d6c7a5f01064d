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

# What a table with a key of its own does not say, it does not have: the default table's columns are not its columns.
_UNSAID: dict[str, Any] = {
    "nullable_keys": (),
    "row_id_column": "",
    "newest_first": (),
    "active_column": "",
    "never_update": (),
    "supersedes": (),
    "stamped": (),
    "date_type": "DATE",
    "rounded_columns": (),
}


def with_staging(path: Path, table: TableSpec, staging: Any, worker: str) -> TableSpec:
    """The table with what stands below ``staging:``; `worker` is the service that writes the tables.

    Raises:
        UserError: It does not fit.
    """
    if not isinstance(staging, dict):
        raise UserError(f"{path}: staging: write its settings below it, each in a line of its own")
    names = checked_settings(path, StagingNames, {"service": worker, **staging})
    try:
        return replace(table, staging=names)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def table_spec(path: Path, table: Any) -> TableSpec:
    """What stands below ``table:``; `path` names the file in errors.

    Raises:
        UserError: It does not fit.
    """
    if not isinstance(table, dict):
        raise UserError(f"{path}: table: write its settings below it, each in a line of its own")
    try:
        named = {"table": TableName.parse(str(table["name"]))} if "name" in table else {}
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    for setting in ("staging", "timezone", "retention"):
        if setting in table:
            raise UserError(f"{path}: table.{setting}: write {setting}: beside table:, not below it")
    settings = {name: value for name, value in table.items() if name != "name"}
    unsaid = _UNSAID if "key_columns" in table else {}
    spec: TableSpec = checked_settings(path, TableSpec, {**unsaid, **settings, **named})
    return spec
