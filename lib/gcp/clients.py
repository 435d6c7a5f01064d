"""Google's clients, each created at first use.

This is the one place that decides how they connect: over TLS with the application default credentials, or
without credentials to an emulator, if ``RUNBOOK_GOOGLE_EMULATOR_HOST`` is set (``BIGQUERY_EMULATOR_HOST`` for
BigQuery, whose client uses HTTP).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type

from lib.gcp.errors import Source, google_changes, google_errors

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud import bigquery
    from google.cloud.firestore_admin_v1 import FirestoreAdminClient
    from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client
    from google.cloud.resourcemanager_v3 import ProjectsClient
    from google.cloud.run_v2 import RevisionsClient, ServicesClient
    from google.cloud.service_usage_v1 import ServiceUsageClient

_Client = TypeVar("_Client")
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_REQUEST_SECONDS = 20.0
_OUTAGES = (exceptions.ServiceUnavailable, exceptions.InternalServerError, exceptions.BadGateway)


class GoogleClients:
    """The clients of one project.

    Args:
        project_id: The Google Cloud project.
        bigquery_location: Location of its datasets; empty: BigQuery determines it.
        outage_seconds: How long to retry a request while a service is unavailable.
        quota_seconds: How long to retry a request while a quota is exhausted; read quotas are per minute.
        emulator_host: ``host:port`` of a plain-text emulator for all services.
    """

    def __init__(
        self,
        project_id: str,
        *,
        bigquery_location: str = "",
        outage_seconds: float = 10.0,
        quota_seconds: float = 75.0,
        emulator_host: str | None = None,
    ) -> None:
        self.project_id = project_id
        self._bigquery_location = bigquery_location
        self._emulator_host = emulator_host or os.environ.get("RUNBOOK_GOOGLE_EMULATOR_HOST", "")
        self._after_outage = Retry(if_exception_type(*_OUTAGES), initial=0.2, maximum=4.0, timeout=outage_seconds)
        self._after_quota = Retry(
            if_exception_type(exceptions.TooManyRequests), initial=0.5, maximum=20.0, timeout=quota_seconds
        )

    def errors(self, source: Source) -> AbstractContextManager[None]:
        """Translate errors of a client; see `lib.gcp.errors`."""
        return google_errors(source, self.project_id, self.member)

    def changing(self, source: Source) -> AbstractContextManager[None]:
        """Translate errors of a request that changes something."""
        return google_changes(source, self.project_id, self.member)

    @property
    def writing(self) -> dict[str, Any]:
        """Timeout of a request that changes something. It is sent only once, because its response may be lost."""
        return {"retry": None, "timeout": _REQUEST_SECONDS}

    @property
    def reading(self) -> dict[str, Any]:
        """Timeout and retry of a request that only reads."""
        return {"retry": lambda request: self._after_quota(self._after_outage(request)), "timeout": _REQUEST_SECONDS}

    @cached_property
    def credentials(self) -> Credentials:
        """The credentials in use. Raises `google.auth.exceptions.GoogleAuthError`."""
        import google.auth
        from google.auth.credentials import AnonymousCredentials

        if self._emulator_host:
            return AnonymousCredentials()  # type: ignore[no-untyped-call]
        found: tuple[Credentials, str | None] = google.auth.default(scopes=_SCOPES)
        return found[0]

    @property
    def member(self) -> str:
        """The caller as a ``gcloud`` member, quoted for a shell."""
        # Only credentials that are loaded already: loading them may be slow, and may fail.
        account = getattr(vars(self).get("credentials"), "service_account_email", None)
        if not account:
            return '"user:$(gcloud config get-value account)"'
        # A machine's account is called "default" until the first request returns its name.
        return "serviceAccount:ACCOUNT" if account == "default" else f"serviceAccount:{account}"

    @cached_property
    def logging(self) -> LoggingServiceV2Client:
        from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client

        return self._connected(LoggingServiceV2Client)

    @cached_property
    def services(self) -> ServicesClient:
        from google.cloud.run_v2 import ServicesClient

        return self._connected(ServicesClient)

    @cached_property
    def revisions(self) -> RevisionsClient:
        from google.cloud.run_v2 import RevisionsClient

        return self._connected(RevisionsClient)

    @cached_property
    def projects(self) -> ProjectsClient:
        from google.cloud.resourcemanager_v3 import ProjectsClient

        return self._connected(ProjectsClient)

    @cached_property
    def service_usage(self) -> ServiceUsageClient:
        from google.cloud.service_usage_v1 import ServiceUsageClient

        return self._connected(ServiceUsageClient)

    @cached_property
    def firestore_admin(self) -> FirestoreAdminClient:
        from google.cloud.firestore_admin_v1 import FirestoreAdminClient

        return self._connected(FirestoreAdminClient)

    @cached_property
    def bigquery(self) -> bigquery.Client:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        is_emulated = "BIGQUERY_EMULATOR_HOST" in os.environ
        return bigquery.Client(
            project=self.project_id,
            location=self._bigquery_location or None,
            credentials=AnonymousCredentials() if is_emulated else self.credentials,  # type: ignore[no-untyped-call]
        )

    def _connected(self, kind: Callable[..., _Client]) -> _Client:
        if not self._emulator_host:
            return kind(credentials=self.credentials)
        return kind(transport=kind.get_transport_class("grpc")(channel=self._plain_channel))  # type: ignore[attr-defined]

    @cached_property
    def _plain_channel(self) -> Any:
        import grpc

        return grpc.insecure_channel(self._emulator_host)
