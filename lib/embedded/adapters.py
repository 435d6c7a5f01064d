"""The embedded platform: everything in one folder, with no servers and no costs."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lib.account import account
from lib.consolidation.schema import spec_faults
from lib.consolidation.warehouse import Column
from lib.embedded.duckdb_warehouse import DuckdbWarehouse
from lib.embedded.logs import FileLogReader, JsonLinesHandler, log_path
from lib.embedded.sqlite_locks import SqliteLockStore
from lib.environment import Environment
from lib.words.brief import brief

if TYPE_CHECKING:
    from lib.embedded.activity import LocalActivity
    from lib.embedded.batch_files import FileBatchStates
    from lib.embedded.commands import EmbeddedCommands
    from lib.embedded.scratch import DuckdbScratch
    from lib.embedded.services import LocalPermissions, LocalServices
    from lib.locking.store import LockStore
    from lib.ports.jobs import QueryCost


# The columns that the demo's empty warehouse starts with. A live table has about a hundred, which are read from
# the warehouse and never assumed.
MAIN_TABLE = (
    Column("prediction_id", "STRING"),
    Column("game_id", "STRING"),
    Column("player_lookup", "STRING"),
    Column("system_id", "STRING"),
    Column("current_points_line", "FLOAT64"),
    Column("predicted_points", "FLOAT64"),
    Column("confidence_score", "FLOAT64"),
    Column("recommendation", "STRING"),
    Column("game_date", "DATE"),
    Column("is_active", "BOOL"),
    Column("created_at", "TIMESTAMP"),
    Column("updated_at", "TIMESTAMP"),
)
_WORKERS_LOGGER = "lib.consolidation.staging"


class EmbeddedAdapters:
    """Adapters over ``warehouse.duckdb``, ``locks.sqlite``, ``logs/`` and ``deployment.json``.

    This process logs as the services would: as the worker when it writes staging tables, otherwise as the
    coordinator.

    Args:
        home: The folder (see `lib.places.home`).
        environment: The environment's settings.
        only_looks: Log nothing, and do not create the demo's empty table.
    """

    __repr__ = brief()

    def __init__(self, home: Path, environment: Environment, *, only_looks: bool = False) -> None:
        self.home = home
        self._only_looks = only_looks
        self._environment = environment
        if not only_looks:
            _log_to(home, environment)

    @cached_property
    def _unopened(self) -> DuckdbWarehouse:
        return DuckdbWarehouse(self.home / "warehouse.duckdb")

    @cached_property
    def warehouse(self) -> DuckdbWarehouse:
        warehouse, spec = self._unopened, self._environment.table_spec
        # A table with other columns is created by its owner.
        if not self._only_looks and not spec_faults(spec, MAIN_TABLE):
            warehouse.create_table(spec.table, MAIN_TABLE)
        return warehouse

    @property
    def metered_warehouse(self) -> DuckdbWarehouse:
        """The same warehouse: reading is free here, so there is no limit."""
        return self.warehouse

    @property
    def query_costs(self) -> Sequence[QueryCost]:
        """All queries of this process, those of consolidations included, without their bytes."""
        return self._unopened.costs

    @cached_property
    def activity(self) -> LocalActivity:
        from lib.embedded.activity import LocalActivity

        return LocalActivity(self.warehouse)

    @cached_property
    def scratch(self) -> DuckdbScratch:
        from lib.embedded.scratch import DuckdbScratch

        return DuckdbScratch(self.warehouse.path)

    @cached_property
    def lock_store(self) -> SqliteLockStore:
        return SqliteLockStore(self.home / "locks.sqlite")

    @property
    def approvals(self) -> SqliteLockStore:
        return self.lock_store

    @cached_property
    def other_lock_stores(self) -> Mapping[str, LockStore]:
        """None: only consolidations have locks here."""
        return {}

    @cached_property
    def batch_states(self) -> FileBatchStates:
        from lib.embedded.batch_files import FileBatchStates

        return FileBatchStates(self.home / self._environment.batch_state.path)

    @cached_property
    def logs(self) -> FileLogReader:
        return FileLogReader(self.home)

    @cached_property
    def services(self) -> LocalServices:
        from lib.embedded.services import LocalServices

        return LocalServices(self.home, self._environment.services.both)

    @cached_property
    def permissions(self) -> LocalPermissions:
        from lib.embedded.services import LocalPermissions

        return LocalPermissions(self.home, self._environment.services.both)

    @cached_property
    def commands(self) -> EmbeddedCommands:
        from lib.embedded.commands import EmbeddedCommands

        return EmbeddedCommands(self._environment.name)

    @property
    def principal(self) -> str:
        """The account that this process runs under."""
        return account()


def _log_to(home: Path, environment: Environment) -> None:
    """Log to this folder from now on, instead of the folder of an earlier platform."""
    library = logging.getLogger("lib")
    library.setLevel(logging.INFO)
    for handler in [handler for handler in library.handlers if isinstance(handler, JsonLinesHandler)]:
        library.removeHandler(handler)
    worker, coordinator = (
        JsonLinesHandler(log_path(home, service), service=service) for service in environment.services.both
    )
    worker.addFilter(lambda record: record.name == _WORKERS_LOGGER)
    coordinator.addFilter(lambda record: record.name != _WORKERS_LOGGER)
    library.addHandler(worker)
    library.addHandler(coordinator)
