"""`connect`: from an environment's name to every service that runbooks use.

This is the only place that picks adapters; they are imported when first used. An environment is
defined in ``params/environments/<name>.yaml``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Protocol, cast

from lib import embedded, gcp, places
from lib.environment import Environment, load_environment
from lib.errors import CorruptState, NotAsked, Unavailable
from lib.locking.lock import ConsolidationLock
from lib.read_only import ReadingAdapters, budget_of_process
from lib.words.brief import brief

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from lib.consolidation.consolidator import BatchConsolidator
    from lib.consolidation.staging import BatchStagingWriter
    from lib.consolidation.table_spec import TableSpec
    from lib.consolidation.warehouse import Warehouse
    from lib.locking.store import LockStore, Observation
    from lib.ports.approvals import ApprovalStore
    from lib.ports.batch_states import BatchStates
    from lib.ports.commands import Commands
    from lib.ports.jobs import QueryCost, ReadBudget, WarehouseActivity
    from lib.ports.logs import LogReader
    from lib.ports.permissions import Permissions
    from lib.ports.scratch import ScratchDatasets
    from lib.ports.services import Services


class Adapters(Protocol):
    """One platform's adapters, each created on first use.

    Consolidations use `warehouse`. `metered_warehouse` is the same, but its queries are held to the
    environment's limit, where reading is billed, and counted in `query_costs`. `principal` is the
    identity that changes things, as the platform knows it and not as an environment variable says;
    reading it may raise `SourceUnavailable`.
    """

    @property
    def warehouse(self) -> Warehouse: ...
    @property
    def metered_warehouse(self) -> Warehouse: ...
    @property
    def query_costs(self) -> Sequence[QueryCost]: ...
    @property
    def activity(self) -> WarehouseActivity: ...
    @property
    def scratch(self) -> ScratchDatasets: ...
    @property
    def lock_store(self) -> LockStore: ...
    @property
    def approvals(self) -> ApprovalStore: ...
    @property
    def other_lock_stores(self) -> Mapping[str, LockStore]: ...
    @property
    def batch_states(self) -> BatchStates: ...
    @property
    def logs(self) -> LogReader: ...
    @property
    def services(self) -> Services: ...
    @property
    def permissions(self) -> Permissions: ...
    @property
    def principal(self) -> str: ...
    @property
    def commands(self) -> Commands: ...


@dataclass(frozen=True)
class Platform:
    """An environment with its adapters.

    Attributes:
        environment: Its settings.
        adapters: Its side of every port.
    """

    environment: Environment
    adapters: Adapters

    __repr__ = brief("name", "table.table")

    @property
    def name(self) -> str:
        return self.environment.name

    @property
    def table(self) -> TableSpec:
        """The table that batches are consolidated into."""
        return self.environment.table_spec

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse that runbooks query; its reads are metered.

        Raises:
            SpecMismatch: The table's settings do not match it, so answers about its rows would be wrong.
        """
        if self._faults_of_settings:
            from lib.consolidation.errors import SpecMismatch

            raise SpecMismatch(self.table.table, self._faults_of_settings)
        return self.adapters.metered_warehouse

    @cached_property
    def _faults_of_settings(self) -> Sequence[str]:
        """Empty if the table cannot be read: the steps that read it are UNKNOWN then."""
        from lib.consolidation.errors import TableNotFound
        from lib.consolidation.schema import spec_faults

        try:
            return spec_faults(self.table, self.adapters.metered_warehouse.columns(self.table.table))
        except (TableNotFound, Unavailable, CorruptState):
            return ()

    @property
    def query_costs(self) -> Sequence[QueryCost]:
        """This process's queries so far, and the bytes they read where reading is billed."""
        return self.adapters.query_costs

    @property
    def activity(self) -> WarehouseActivity:
        return self.adapters.activity

    @property
    def scratch(self) -> ScratchDatasets:
        """Datasets for trials."""
        return self.adapters.scratch

    @property
    def batch_states(self) -> BatchStates | None:
        """The coordinator's records of its batches; None if the environment does not name a place."""
        return self.adapters.batch_states if self.environment.batch_state.is_named else None

    @property
    def logs(self) -> LogReader:
        """The services' logs. Raises `NotAsked` if the environment names no services."""
        self._ensure_services()
        return self.adapters.logs

    @property
    def services(self) -> Services:
        """The deployed services. Raises `NotAsked` if the environment names none."""
        self._ensure_services()
        return self.adapters.services

    def _ensure_services(self) -> None:
        if not self.environment.services.is_named:
            raise NotAsked(f"the environment {self.name} names no services")

    @property
    def approvals(self) -> ApprovalStore:
        """The store of plans that wait for a person's approval."""
        return self.adapters.approvals

    @property
    def iam(self) -> Permissions:
        return self.adapters.permissions

    @property
    def commands(self) -> Commands:
        """The shell commands that an operator types on this platform."""
        return self.adapters.commands

    @property
    def actor(self) -> str:
        """The identity that changes things here, for audit records. May raise `SourceUnavailable`."""
        return self.adapters.principal

    @cached_property
    def locks(self) -> ConsolidationLock:
        """The consolidation lock, tied to the fence in the warehouse."""
        from lib.consolidation.fence import WarehouseFence

        return ConsolidationLock(
            self.environment.project_id,
            store=self.adapters.lock_store,
            timing=self.environment.lock.timing,
            max_wait_seconds=self.environment.lock.max_wait_seconds,
            key_for=self.table.lock_key,
            date_column=self.table.date_column,
            fence=WarehouseFence(lambda: self.adapters.warehouse, self.table),
            actor=lambda: self.actor,
        )

    def locks_of_others(self) -> list[tuple[str, Observation]]:
        """Return the locks of other services, each with its collection; they are only displayed, never changed.

        Raises:
            LockServiceUnavailable: They cannot be read.
        """
        stores = self.adapters.other_lock_stores
        return [(name, seen) for name, store in stores.items() for seen in store.read_all()]

    def consolidator(self) -> BatchConsolidator:
        from lib.consolidation.consolidator import BatchConsolidator
        from lib.lock_switch import takes_lock

        reads_switch = partial(takes_lock, lambda: self.services, self.environment.services.coordinator)
        return BatchConsolidator(self.adapters.warehouse, self.locks, self.table, takes_lock=reads_switch)

    def staging_writer(self) -> BatchStagingWriter:
        from lib.consolidation.staging import BatchStagingWriter

        return BatchStagingWriter(self.adapters.warehouse, self.table)


class _Package(Protocol):
    """A package of adapters. `home` returns this machine's state folder, for packages that use one."""

    def adapters_of(self, environment: Environment, home: Callable[[], Path], budget: ReadBudget | None, /) -> Adapters:
        """Return the adapters. With a budget, for a read-only process, queries read no more than that."""
        ...

    def run_lock_store(self, environment: Environment, home: Callable[[], Path], /) -> LockStore: ...


_PLATFORMS: Mapping[str, _Package] = {"embedded": embedded, "google": gcp}


def connect(name: str = "local") -> Platform:
    """Return the platform of an environment.

    Args:
        name: Name of a file in ``params/environments``, without its extension.

    Raises:
        UserError: There is no such environment, or its file is not valid.
    """
    return platform_of(load_environment(name))


def platform_of(environment: Environment, budget: ReadBudget | None = None) -> Platform:
    """Return the platform of settings that need not be in a file yet.

    Args:
        environment: The settings.
        budget: Make the platform read-only and limit what it reads; by default that of this process
            (see `lib.read_only`).
    """
    budget = budget or budget_of_process()
    adapters = _PLATFORMS[environment.platform].adapters_of(environment, places.home, budget)
    return Platform(environment, adapters if budget is None else cast("Adapters", ReadingAdapters(adapters)))


def run_lock_store(environment: Environment) -> LockStore:
    """Return the store of the locks that keep scheduled runs from overlapping.

    They are kept apart from consolidation locks, where an empty list means that all are released. No
    platform is needed, because its log would count these locks as consolidation locks.
    """
    return _PLATFORMS[environment.platform].run_lock_store(environment, places.home)
