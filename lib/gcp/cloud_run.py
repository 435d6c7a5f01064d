"""The deployed services, as Cloud Run's API tells. Needs `roles/run.viewer`.

Asking a private service for its health needs `roles/run.invoker` besides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from google.cloud.run_v2 import Condition, ServicesClient

from lib.gcp.clients import GoogleClients
from lib.gcp.errors import CLOUD_RUN
from lib.gcp.id_token import fetch_id_token
from lib.operations.health_request import request_health
from lib.operations.ports import HealthResponse, RevisionTraffic, ServiceStatus

if TYPE_CHECKING:
    from google.cloud.run_v2 import Revision, Service

_REFUSED = (401, 403)


class CloudRunServices:
    """A `Services` port over one region of a project.

    Args:
        clients: Of the project.
        region: Where the services run.
        id_token_for: Makes an ID token for an audience; None: there is none to be had.
        timeout_seconds: How long a health request may take; an instance may have to start.
    """

    def __init__(
        self,
        clients: GoogleClients,
        region: str,
        *,
        id_token_for: Callable[[str], str | None] = fetch_id_token,
        timeout_seconds: float = 30.0,
    ) -> None:
        self._clients = clients
        self._region = region
        self._id_token_for = id_token_for
        self._timeout_seconds = timeout_seconds

    def describe(self, service: str) -> ServiceStatus:
        found = self._service(service)
        with self._clients.errors(CLOUD_RUN):
            listed = list(self._clients.revisions.list_revisions(parent=found.name, **self._clients.reading))
        return _status(service, found, sorted(listed, key=_created, reverse=True))

    def health(self, service: str, path: str) -> HealthResponse:
        url = _url(self._service(service))
        answer = request_health(f"{url}{path}", timeout_seconds=self._timeout_seconds)
        if answer.status_code not in _REFUSED:
            return answer
        # Only a service that wants to know who asks is told, and nobody else.
        token = self._id_token_for(url)
        if token is None:
            return answer
        headers = {"Authorization": f"Bearer {token}"}
        return request_health(f"{url}{path}", timeout_seconds=self._timeout_seconds, headers=headers)

    def _service(self, name: str) -> Service:
        path = ServicesClient.service_path(self._clients.project_id, self._region, name)
        with self._clients.errors(CLOUD_RUN):
            return self._clients.services.get_service(name=path, **self._clients.reading)


def _status(name: str, service: Service, revisions: Sequence[Revision]) -> ServiceStatus:
    created = _short(service.latest_created_revision)
    newest = next((revision for revision in revisions if _short(revision.name) == created), None)
    ready = _ready_condition(newest.conditions if newest else ())
    return ServiceStatus(
        name=name,
        latest_created_revision=created,
        latest_ready_revision=_short(service.latest_ready_revision),
        is_ready=_is_ready(ready),
        reason=ready.message if ready else "",
        traffic=_traffic(service),
        # Empty on both when the service runs as the project's default account.
        service_account=(newest.service_account if newest else "") or service.template.service_account,
        url=_url(service),
        deployed_at=_created(newest) if newest else None,
        revisions=tuple(_short(revision.name) for revision in revisions),
    )


def _ready_condition(conditions: Sequence[Condition]) -> Condition | None:
    return next((condition for condition in conditions if condition.type_ == "Ready"), None)


def _is_ready(ready: Condition | None) -> bool | None:
    """None while Cloud Run is still at work on it."""
    if ready is None:
        return None
    states = {Condition.State.CONDITION_SUCCEEDED: True, Condition.State.CONDITION_FAILED: False}
    return states.get(ready.state)


def _traffic(service: Service) -> tuple[RevisionTraffic, ...]:
    """Shares by revision; "the latest" is named, and a mere tag serves nothing."""
    shares: dict[str, int] = {}
    for target in service.traffic_statuses:
        revision = _short(target.revision or service.latest_ready_revision)
        shares[revision] = shares.get(revision, 0) + target.percent
    return tuple(RevisionTraffic(revision, percent) for revision, percent in shares.items() if percent)


def _url(service: Service) -> str:
    return (service.uri or next(iter(service.urls), "")).rstrip("/")


def _short(resource_name: str) -> str:
    return resource_name.rpartition("/")[2]


def _created(revision: Revision) -> datetime:
    created: datetime = type(revision).pb(revision).create_time.ToDatetime(tzinfo=UTC)
    return created
