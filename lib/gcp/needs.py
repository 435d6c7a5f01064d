"""The permissions and APIs that this library uses, and the narrowest roles that give them.

Source: https://cloud.google.com/iam/docs/roles-permissions
"""

from __future__ import annotations

from dataclasses import dataclass

from lib.gcp.errors import BIGQUERY, CLOUD_LOGGING, CLOUD_RUN, FIRESTORE, RESOURCE_MANAGER, SERVICE_USAGE


@dataclass(frozen=True)
class Need:
    """Permissions that serve one purpose and come with one role.

    Attributes:
        purpose: What they are for.
        role: The predefined role that holds all of them.
        permissions: Their names.
        may_come_from_dataset: Whether they may be granted on a dataset as well, where a
            question to the project does not see them.
    """

    purpose: str
    role: str
    permissions: tuple[str, ...]
    may_come_from_dataset: bool = False


NEEDS = (
    Need(
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
    Need("run BigQuery jobs", "roles/bigquery.jobUser", ("bigquery.jobs.create",)),
    Need(
        "read and write tables",
        "roles/bigquery.dataEditor",
        (
            "bigquery.tables.create",
            "bigquery.tables.delete",
            "bigquery.tables.get",
            "bigquery.tables.getData",
            "bigquery.tables.list",
            "bigquery.tables.updateData",
        ),
        may_come_from_dataset=True,
    ),
    Need("read logs", CLOUD_LOGGING.role, ("logging.logEntries.list",)),
    Need("see Cloud Run services", CLOUD_RUN.role, ("run.revisions.list", "run.services.get")),
    Need("see who has which role", RESOURCE_MANAGER.role, ("resourcemanager.projects.getIamPolicy",)),
    Need("see which APIs are enabled", SERVICE_USAGE.role, ("serviceusage.services.get",)),
)
APIS = tuple(source.api for source in (BIGQUERY, FIRESTORE, CLOUD_LOGGING, CLOUD_RUN, RESOURCE_MANAGER, SERVICE_USAGE))
