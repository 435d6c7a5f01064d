"""Deployed services, read through the Cloud Run API. Needs `roles/run.viewer`.

Health requests to a private service also need `roles/run.invoker`. Changing a service needs
`roles/run.developer`, and `roles/iam.serviceAccountUser` on its service account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from google.auth.exceptions import GoogleAuthError
from google.cloud.run_v2 import Condition, Container, EnvVar, Service, ServicesClient, TrafficTarget
from google.cloud.run_v2 import TrafficTargetAllocationType as Allocation
from google.protobuf.field_mask_pb2 import FieldMask

from lib.errors import SourceUnavailable
from lib.gcp.clients import GoogleClients
from lib.gcp.errors import CLOUD_RUN, CLOUD_RUN_CHANGE
from lib.ports.health_request import request_health
from lib.ports.services import (
    LATEST,
    DeployedRevision,
    HealthResponse,
    RevisionTraffic,
    ServiceStatus,
    value_that_serves,
)
from lib.words.brief import brief

if TYPE_CHECKING:
    from google.cloud.run_v2 import Revision

_ROLLOUT_SECONDS = 300.0


def fetch_id_token(audience: str) -> str | None:
    """Return an ID token for the private service at this address; None if these credentials cannot make one.

    Service accounts can. A person's login cannot; they send the request by hand, with
    ``gcloud auth print-identity-token``.
    """
    from google.auth.transport.requests import Request
    from google.oauth2 import id_token

    try:
        token: str = id_token.fetch_id_token(Request(), audience)  # type: ignore[no-untyped-call]
    except (GoogleAuthError, OSError, ValueError):
        return None
    return token


class CloudRunServices:
    """A `Services` port over one region of a project.

    Args:
        id_token_for: Returns an ID token for an audience, or None if that is not possible.
        timeout_seconds: Timeout of a health request, which may have to start an instance.
    """

    __repr__ = brief()

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
        return _status(service, found, self._revisions(found))

    def health(self, service: str, path: str) -> HealthResponse:
        url = _url(self._service(service))
        answer = request_health(f"{url}{path}", timeout_seconds=self._timeout_seconds)
        if answer.status_code not in (401, 403):
            return answer
        # Send the token only to a service that requires one.
        token = self._id_token_for(url)
        if token is None:
            return answer
        headers = {"Authorization": f"Bearer {token}"}
        return request_health(f"{url}{path}", timeout_seconds=self._timeout_seconds, headers=headers)

    def variable(self, service: str, name: str) -> str | None:
        found = self._service(service)
        serving = {share.revision for share in _traffic(found)}
        serves = [revision for revision in self._revisions(found) if _short(revision.name) in serving]
        values = {_value(revision.containers, name) for revision in serves}
        return value_that_serves(service, name, values)

    def set_variable(self, service: str, name: str, value: str | None, *, version: str) -> None:
        template = self._service(service).template
        # A fixed revision name would clash with the previous revision.
        template.revision = ""
        container = _serving_container(template.containers)
        others = [variable for variable in container.env if variable.name != name]
        container.env = others if value is None else [*others, EnvVar(name=name, value=value)]
        self._update(service, "template", version, template=template)

    def route_traffic(self, service: str, percent_by_target: Mapping[str, int], *, version: str) -> None:
        # A tag has its own address, which would disappear with its target.
        tagged = [
            TrafficTarget(type_=target.type_, revision=target.revision, tag=target.tag)
            for target in self._service(service).traffic
            if target.tag
        ]
        targets = [_target(target, percent) for target, percent in percent_by_target.items()]
        self._update(service, "traffic", version, traffic=[*targets, *tagged])

    def _update(self, service: str, field: str, version: str, **change: Any) -> None:
        """Change one field if the service still has this etag, and wait until Cloud Run has applied it."""
        path = ServicesClient.service_path(self._clients.project_id, self._region, service)
        if not version:
            raise SourceUnavailable(f"{service} was not changed: Cloud Run returned no etag for it; try again")
        wanted = Service(name=path, etag=version, **change)
        with self._clients.changing(CLOUD_RUN_CHANGE):
            rollout = self._clients.services.update_service(
                service=wanted, update_mask=FieldMask(paths=[field]), **self._clients.writing
            )
            rollout.result(timeout=_ROLLOUT_SECONDS)  # type: ignore[no-untyped-call]

    def _service(self, name: str) -> Service:
        path = ServicesClient.service_path(self._clients.project_id, self._region, name)
        with self._clients.errors(CLOUD_RUN):
            return self._clients.services.get_service(name=path, **self._clients.reading)

    def _revisions(self, service: Service) -> list[Revision]:
        """Newest first."""
        with self._clients.errors(CLOUD_RUN):
            listed = list(self._clients.revisions.list_revisions(parent=service.name, **self._clients.reading))
        return sorted(listed, key=_created, reverse=True)


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
        # Both are empty if the service uses the project's default account.
        service_account=(newest.service_account if newest else "") or service.template.service_account,
        url=_url(service),
        deployed_at=_created(newest) if newest else None,
        revisions=tuple(
            DeployedRevision(
                _short(revision.name),
                _created(revision),
                _is_ready(_ready_condition(revision.conditions)),
                dict(revision.labels),
            )
            for revision in revisions
        ),
        version=service.etag,
        labels=dict(service.labels),
    )


def _ready_condition(conditions: Sequence[Condition]) -> Condition | None:
    return next((condition for condition in conditions if condition.type_ == "Ready"), None)


def _is_ready(ready: Condition | None) -> bool | None:
    """Return None while Cloud Run is still deploying."""
    if ready is None:
        return None
    states = {Condition.State.CONDITION_SUCCEEDED: True, Condition.State.CONDITION_FAILED: False}
    return states.get(ready.state)


def _traffic(service: Service) -> tuple[RevisionTraffic, ...]:
    """Return the share of each revision, with "latest" resolved to a name; a mere tag serves no traffic."""
    shares: dict[tuple[str, bool], int] = {}
    for target in service.traffic_statuses:
        share = (
            _short(target.revision or service.latest_ready_revision),
            target.type_ == Allocation.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST,
        )
        shares[share] = shares.get(share, 0) + target.percent
    return tuple(
        RevisionTraffic(revision, percent, follows_latest)
        for (revision, follows_latest), percent in shares.items()
        if percent
    )


def _target(target: str, percent: int) -> TrafficTarget:
    if target == LATEST:
        return TrafficTarget(type_=Allocation.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST, percent=percent)
    return TrafficTarget(type_=Allocation.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION, revision=target, percent=percent)


def _serving_container(containers: Sequence[Container]) -> Container:
    """Return the container that takes requests; sidecars have no port."""
    return next((container for container in containers if container.ports), containers[0])


def _value(containers: Sequence[Container], name: str) -> str | None:
    found = next((variable for variable in _serving_container(containers).env if variable.name == name), None)
    if found is None:
        return None
    if found.value_source:
        raise SourceUnavailable(f"{name} comes from a secret, and secrets are not read")
    return str(found.value)


def _url(service: Service) -> str:
    return (service.uri or next(iter(service.urls), "")).rstrip("/")


def _short(resource_name: str) -> str:
    return resource_name.rpartition("/")[2]


def _created(revision: Revision) -> datetime:
    created: datetime = type(revision).pb(revision).create_time.ToDatetime(tzinfo=UTC)
    return created
