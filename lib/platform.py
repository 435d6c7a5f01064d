"""`connect`: from an environment's name to everything that runbooks talk to.

The only place that picks adapters. What an environment is stands in
``params/environments/<name>.yaml``; adapters are imported when they are first used.
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
    """One platform's adapters, each made when first asked for.

    `warehouse` is what consolidations work with; `metered_warehouse` is the same, with what
    its queries read held against the environment's limit, where reading is billed, and counted in
    `query_costs`. `principal` is who changes things with them, as the platform
    knows them and not as an environment variable says; it raises `SourceUnavailable`.
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
        """What runbooks ask about rows.

        Raises:
            SpecMismatch: The settings of the table do not fit it, so answers about its rows would be wrong.
        """
        if self._faults_of_settings:
            from lib.consolidation.errors import SpecMismatch

            raise SpecMismatch(self.table.table, self._faults_of_settings)
        return self.adapters.metered_warehouse

    @cached_property
    def _faults_of_settings(self) -> Sequence[str]:
        """None of a table that cannot be looked at: the steps that look at it are UNKNOWN then."""
        from lib.consolidation.errors import TableNotFound
        from lib.consolidation.schema import spec_faults

        try:
            return spec_faults(self.table, self.adapters.metered_warehouse.columns(self.table.table))
        except (TableNotFound, Unavailable, CorruptState):
            return ()

    @property
    def query_costs(self) -> Sequence[QueryCost]:
        """The queries of this process so far, and what they read where that is billed."""
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
        """What the coordinator records of its batches; None: the environment does not say where."""
        return self.adapters.batch_states if self.environment.batch_state.is_named else None

    @property
    def logs(self) -> LogReader:
        """What the services log. Raises `NotAsked` where the environment names none."""
        self._ensure_services()
        return self.adapters.logs

    @property
    def services(self) -> Services:
        """As they are deployed. Raises `NotAsked` where the environment names none."""
        self._ensure_services()
        return self.adapters.services

    def _ensure_services(self) -> None:
        if not self.environment.services.is_named:
            raise NotAsked(f"the environment {self.name} names no services")

    @property
    def approvals(self) -> ApprovalStore:
        """Where plans that wait for a person are kept."""
        return self.adapters.approvals

    @property
    def iam(self) -> Permissions:
        return self.adapters.permissions

    @property
    def commands(self) -> Commands:
        """What an operator types here."""
        return self.adapters.commands

    @property
    def actor(self) -> str:
        """Who changes things here, for the record. Raises `SourceUnavailable` when that cannot be read."""
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
        """Locks of other services, each with the collection that it is in: to be shown, and left alone.

        Raises:
            LockServiceUnavailable: They cannot be read.
        """
        stores = self.adapters.other_lock_stores
        return [(name, seen) for name, store in stores.items() for seen in store.read_all()]

    def consolidator(self) -> BatchConsolidator:
        from lib.consolidation.consolidator import BatchConsolidator
        from lib.lock_switch import takes_lock

        asked = partial(takes_lock, lambda: self.services, self.environment.services.coordinator)
        return BatchConsolidator(self.adapters.warehouse, self.locks, self.table, takes_lock=asked)

    def staging_writer(self) -> BatchStagingWriter:
        from lib.consolidation.staging import BatchStagingWriter

        return BatchStagingWriter(self.adapters.warehouse, self.table)


class _Package(Protocol):
    """A package of adapters. `home` says where this machine's state folder is, to those that have one."""

    def adapters_of(self, environment: Environment, home: Callable[[], Path], budget: ReadBudget | None, /) -> Adapters:
        """With a budget, for a process that only looks: its queries read no more than that."""
        ...

    def run_lock_store(self, environment: Environment, home: Callable[[], Path], /) -> LockStore: ...


_PLATFORMS: Mapping[str, _Package] = {"embedded": embedded, "google": gcp}


def connect(name: str = "local") -> Platform:
    """The platform of an environment.

    Args:
        name: A file of ``params/environments``, without its ending.

    Raises:
        UserError: There is no such environment, or its file does not fit.
    """
    return platform_of(load_environment(name))


def platform_of(environment: Environment, budget: ReadBudget | None = None) -> Platform:
    """The platform of settings that may stand in no file yet.

    Args:
        environment: Those settings.
        budget: It only looks, and reads no more than that; by default as this process (see `lib.read_only`).
    """
    budget = budget or budget_of_process()
    adapters = _PLATFORMS[environment.platform].adapters_of(environment, places.home, budget)
    return Platform(environment, adapters if budget is None else cast("Adapters", ReadingAdapters(adapters)))


def run_lock_store(environment: Environment) -> LockStore:
    """Where scheduled runs keep each other out.

    Apart from the consolidations' locks, where an empty list means that all are released; and
    without a platform, whose log would take these for theirs.
    """
    return _PLATFORMS[environment.platform].run_lock_store(environment, places.home)
