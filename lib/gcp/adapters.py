"""The adapters for Google Cloud: BigQuery, Firestore, Cloud Logging, Cloud Run and IAM."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from lib.environment import Environment
from lib.gcp.clients import GoogleClients
from lib.gcp.errors import BIGQUERY
from lib.words.brief import brief

if TYPE_CHECKING:
    from lib.gcp.bigquery_activity import BigqueryActivity
    from lib.gcp.bigquery_metering import MeteredBigqueryWarehouse
    from lib.gcp.bigquery_warehouse import BigqueryWarehouse
    from lib.gcp.cloud_run import CloudRunServices
    from lib.gcp.commands import GoogleCommands
    from lib.gcp.firestore_batches import FirestoreBatchStates
    from lib.gcp.firestore_locks import FirestoreLockStore
    from lib.gcp.iam import ProjectPermissions
    from lib.gcp.logging_reader import CloudLoggingReader
    from lib.gcp.scratch import BigqueryScratch
    from lib.ports.jobs import QueryCost, ReadBudget
    from lib.verdict.check import Check, Question
    from lib.verdict.section import Section


class GoogleAdapters:
    """Adapters to one project; each loads its client library at first use.

    Args:
        budget: Bytes that all queries of `metered_warehouse` may read in total; None: no limit.
    """

    __repr__ = brief()

    def __init__(
        self, environment: Environment, clients: GoogleClients | None = None, *, budget: ReadBudget | None = None
    ) -> None:
        self._environment = environment
        self._budget = budget
        self._clients = clients or GoogleClients(
            environment.project_id, bigquery_location=environment.google.bigquery_location
        )

    @cached_property
    def warehouse(self) -> BigqueryWarehouse:
        from lib.gcp.bigquery_warehouse import BigqueryWarehouse

        return BigqueryWarehouse(self._environment.project_id, **self._bigquery_settings)

    @cached_property
    def metered_warehouse(self) -> MeteredBigqueryWarehouse:
        from lib.gcp.bigquery_metering import MeteredBigqueryWarehouse

        limit = self._environment.google.query_limit_bytes
        return MeteredBigqueryWarehouse(
            self._environment.project_id, query_limit_bytes=limit, budget=self._budget, **self._bigquery_settings
        )

    @property
    def _bigquery_settings(self) -> dict[str, Any]:
        settings = self._environment.google
        with self._clients.errors(BIGQUERY):
            return {
                "location": settings.bigquery_location or None,
                "client": self._clients.bigquery,
                "maximum_bytes_billed": settings.maximum_bytes_billed,
            }

    @property
    def query_costs(self) -> Sequence[QueryCost]:
        return self.metered_warehouse.costs

    @cached_property
    def activity(self) -> BigqueryActivity:
        from lib.gcp.bigquery_activity import BigqueryActivity

        return BigqueryActivity(self._clients)

    @cached_property
    def scratch(self) -> BigqueryScratch:
        from lib.gcp.scratch import BigqueryScratch

        environment = self._environment
        location = environment.google.bigquery_location
        return BigqueryScratch(self._clients, location, lambda: GoogleAdapters(environment).warehouse)

    @cached_property
    def lock_store(self) -> FirestoreLockStore:
        from lib.gcp.firestore_locks import FirestoreLockStore

        return FirestoreLockStore(self._environment.project_id, database=self._environment.google.firestore_database)

    @property
    def approvals(self) -> FirestoreLockStore:
        return self.lock_store

    @cached_property
    def other_lock_stores(self) -> Mapping[str, FirestoreLockStore]:
        from lib.gcp.firestore_locks import FirestoreLockStore

        project, settings = self._environment.project_id, self._environment.google
        return {
            name: FirestoreLockStore(project, database=settings.firestore_database, collection=name)
            for name in settings.lock_collections
        }

    @cached_property
    def batch_states(self) -> FirestoreBatchStates:
        from lib.gcp.firestore_batches import FirestoreBatchStates

        environment = self._environment
        database = environment.google.firestore_database
        return FirestoreBatchStates(self._clients, environment.batch_state.collection, database=database)

    @cached_property
    def logs(self) -> CloudLoggingReader:
        from lib.gcp.logging_reader import CloudLoggingReader

        return CloudLoggingReader(self._clients)

    @cached_property
    def services(self) -> CloudRunServices:
        from lib.gcp.cloud_run import CloudRunServices

        return CloudRunServices(self._clients, self._environment.region)

    @cached_property
    def permissions(self) -> ProjectPermissions:
        from lib.gcp.iam import ProjectPermissions

        return ProjectPermissions(self._clients)

    @cached_property
    def commands(self) -> GoogleCommands:
        from lib.gcp.commands import GoogleCommands

        return GoogleCommands(self._environment)

    @property
    def principal(self) -> str:
        """The e-mail address of the credentials' owner."""
        from lib.gcp.principal import principal

        return principal(self._clients)

    def access_check(self) -> Check:
        """Check that usable credentials exist."""
        from lib.gcp import doctor

        return doctor.credentials(self._clients)

    def setup_steps(self) -> Sequence[tuple[Question, Callable[[], Section]]]:
        """Return the steps that `runbook doctor` runs for a Google project."""
        from lib.gcp import doctor

        return [(question, partial(step, self._environment, self._clients)) for question, step in doctor.STEPS]
