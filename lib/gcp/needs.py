"""The permissions and APIs that this library uses, and the narrowest roles that grant them.

Source: https://cloud.google.com/iam/docs/roles-permissions
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from lib.gcp.errors import (
    BIGQUERY,
    BIGQUERY_JOBS,
    CLOUD_LOGGING,
    CLOUD_RUN,
    CLOUD_RUN_CHANGE,
    FIRESTORE,
    POLICY_CHANGE,
    RESOURCE_MANAGER,
    SERVICE_USAGE,
)


@dataclass(frozen=True)
class Need:
    """Permissions for one purpose, all granted by one role.

    Attributes:
        id: Letters and underscores; part of its check's id, so it never changes.
        purpose: What the permissions are for.
        role: The predefined role that grants all of them.
        permissions: Names of the permissions.
        may_come_from_dataset: Whether a dataset may grant them, too, which testing the
            project's permissions does not show.
    """

    id: str
    purpose: str
    role: str
    permissions: tuple[str, ...]
    may_come_from_dataset: bool = False

    def missing(self, held: Set[str]) -> list[str]:
        """Return the permissions that are not among those held."""
        return [permission for permission in self.permissions if permission not in held]


NEEDS = (
    Need(
        "locks",
        "hold locks in Firestore",
        FIRESTORE.role,
        (
            "datastore.databases.getMetadata",
            "datastore.entities.create",
            "datastore.entities.delete",
            "datastore.entities.get",
            "datastore.entities.list",
            "datastore.entities.update",
            "datastore.indexes.list",
        ),
    ),
    Need("jobs", "run BigQuery jobs", "roles/bigquery.jobUser", ("bigquery.jobs.create",)),
    Need("jobs_of_others", "see other users' BigQuery jobs", BIGQUERY_JOBS.role, ("bigquery.jobs.listAll",)),
    Need(
        "tables",
        "read and write tables",
        "roles/bigquery.dataEditor",
        (
            "bigquery.datasets.get",
            # For INFORMATION_SCHEMA.TABLE_OPTIONS, which has the batch of each staging table.
            "bigquery.routines.get",
            "bigquery.routines.list",
            "bigquery.tables.create",
            "bigquery.tables.delete",
            "bigquery.tables.get",
            "bigquery.tables.getData",
            "bigquery.tables.list",
            "bigquery.tables.updateData",
        ),
        may_come_from_dataset=True,
    ),
    Need("logs", "read logs", CLOUD_LOGGING.role, ("logging.logEntries.list",)),
    Need("services", "see Cloud Run services", CLOUD_RUN.role, ("run.revisions.list", "run.services.get")),
    Need("roles", "see role bindings", RESOURCE_MANAGER.role, ("resourcemanager.projects.getIamPolicy",)),
    Need("apis", "see which APIs are enabled", SERVICE_USAGE.role, ("serviceusage.services.get",)),
)
# For people who apply changes that runbooks otherwise only plan: a rollback, a role binding.
CHANGE_NEEDS = (
    Need("roll_back", "roll services back", CLOUD_RUN_CHANGE.role, ("run.services.update",)),
    Need("bind_roles", "bind roles", POLICY_CHANGE.role, ("resourcemanager.projects.setIamPolicy",)),
)
APIS = tuple(source.api for source in (BIGQUERY, FIRESTORE, CLOUD_LOGGING, CLOUD_RUN, RESOURCE_MANAGER, SERVICE_USAGE))
