"""The embedded platform: everything below one folder, nothing to start or pay for."""

from __future__ import annotations

import logging
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lib.embedded.duckdb_warehouse import DuckdbWarehouse
from lib.embedded.logs import FileLogReader, JsonLinesHandler
from lib.embedded.schema import MAIN_TABLE
from lib.embedded.sqlite_locks import SqliteLockStore
from lib.environment import Environment

if TYPE_CHECKING:
    from lib.embedded.permissions import LocalPermissions
    from lib.embedded.services import LocalServices


class EmbeddedAdapters:
    """Adapters over ``warehouse.duckdb``, ``locks.sqlite``, ``logs/`` and ``deployment.json``.

    What this process does is logged as the coordinator would log it.

    Args:
        home: The folder (see `lib.project.home`).
        environment: Its settings.
    """

    def __init__(self, home: Path, environment: Environment) -> None:
        self._home = home
        self._environment = environment
        self._log_as(environment.services.coordinator)

    def _log_as(self, service: str) -> None:
        library = logging.getLogger("lib")
        library.setLevel(logging.INFO)
        path = self._home / "logs" / f"{service}.jsonl"
        if not any(isinstance(handler, JsonLinesHandler) and handler.path == path for handler in library.handlers):
            library.addHandler(JsonLinesHandler(path, service=service))

    @cached_property
    def warehouse(self) -> DuckdbWarehouse:
        warehouse = DuckdbWarehouse(self._home / "warehouse.duckdb")
        warehouse.create_table(self._environment.table_spec.table, MAIN_TABLE)
        return warehouse

    @cached_property
    def lock_store(self) -> SqliteLockStore:
        return SqliteLockStore(self._home / "locks.sqlite")

    @cached_property
    def logs(self) -> FileLogReader:
        return FileLogReader(self._home)

    @cached_property
    def services(self) -> LocalServices:
        from lib.embedded.services import LocalServices

        return LocalServices(self._home)

    @cached_property
    def permissions(self) -> LocalPermissions:
        from lib.embedded.permissions import LocalPermissions

        return LocalPermissions(self._home)
