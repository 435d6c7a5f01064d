"""The services of the embedded platform, with real health endpoints, and the roles of their accounts.

Health endpoints are served over HTTP on the loopback address by a server that starts at first use and
ends with the process.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

from lib.embedded.deployment import DeployedService, Deployment, Endpoint, Revision
from lib.errors import ChangedMeanwhile, SourceUnavailable
from lib.ports.health_request import request_health
from lib.ports.permissions import RoleBindings
from lib.ports.services import (
    LATEST,
    DeployedRevision,
    HealthResponse,
    RevisionTraffic,
    ServiceStatus,
    value_that_serves,
)
from lib.words.brief import brief

_HANGING_SECONDS = 30.0
_NUMBER = re.compile(r"-(\d{5})-")


class LocalServices:
    """A `Services` port over the state folder.

    Args:
        home: The state folder.
        names: Names of the worker and the coordinator, which are healthy unless deployed otherwise.
        timeout_seconds: Timeout of a health request.
    """

    __repr__ = brief()

    def __init__(self, home: Path, names: Sequence[str], *, timeout_seconds: float = 5.0) -> None:
        self._home = home
        self._names = names
        self._timeout_seconds = timeout_seconds

    def describe(self, service: str) -> ServiceStatus:
        deployed = Deployment.load(self._home, self._names).service(service)
        return _status(service, deployed, f"{self._address}/{service}")

    def health(self, service: str, path: str) -> HealthResponse:
        Deployment.load(self._home, self._names).service(service)
        return request_health(f"{self._address}/{service}{path}", timeout_seconds=self._timeout_seconds)

    def variable(self, service: str, name: str) -> str | None:
        deployed = Deployment.load(self._home, self._names).service(service)
        serving = {deployed.resolved(target) for target in deployed.traffic}
        values = {revision.variables.get(name) for revision in deployed.revisions if revision.name in serving}
        return value_that_serves(service, name, values)

    def set_variable(self, service: str, name: str, value: str | None, *, version: str) -> None:
        def deploy(deployed: DeployedService) -> DeployedService:
            if not deployed.revisions:
                raise SourceUnavailable(f"{service} has no revision to redeploy")
            newest = deployed.revisions[0]
            variables = {known: text for known, text in newest.variables.items() if known != name}
            variables |= {} if value is None else {name: value}
            revision = replace(
                newest, name=_next_name(service, newest), deployed_at=datetime.now(UTC), variables=variables
            )
            return replace(deployed, revisions=(revision, *deployed.revisions))

        self._change(service, version, deploy)
        newest = Deployment.load(self._home, self._names).service(service).revisions[0]
        if not newest.is_ready:
            raise SourceUnavailable(f"{newest.name} of {service} did not start: {newest.reason}")

    def route_traffic(self, service: str, percent_by_target: Mapping[str, int], *, version: str) -> None:
        def route(deployed: DeployedService) -> DeployedService:
            known = {LATEST, *(revision.name for revision in deployed.revisions)}
            if not percent_by_target.keys() <= known or sum(percent_by_target.values()) != 100:
                raise SourceUnavailable(f"{service} cannot route {dict(percent_by_target)!r:.200}")
            return replace(deployed, traffic=dict(percent_by_target))

        self._change(service, version, route)

    def _change(self, service: str, version: str, how: Callable[[DeployedService], DeployedService]) -> None:
        def change(deployment: Deployment) -> Deployment:
            deployed = deployment.service(service)
            if _version(deployed) != version:
                raise ChangedMeanwhile(f"{service} has changed since it was read; nothing was changed")
            return deployment.with_service(service, how(deployed))

        Deployment.change(self._home, self._names, change)

    @cached_property
    def _address(self) -> str:
        home, names = self._home, self._names

        class Handler(_HealthHandler):
            state_folder = home
            services = names

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, name="local services", daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"


class LocalPermissions:
    """A `Permissions` port over the state folder; for `names` see `LocalServices`."""

    __repr__ = brief()

    def __init__(self, home: Path, names: Sequence[str]) -> None:
        self._home = home
        self._names = names

    def roles_of(self, service_account: str) -> RoleBindings:
        deployment = Deployment.load(self._home, self._names)
        return RoleBindings(
            frozenset(deployment.roles.get(service_account, ())),
            dict(deployment.unresolved_members),
            version=_roles_version(deployment),
        )

    def grant(self, service_account: str, role: str, *, version: str) -> None:
        self._bind(service_account, role, version, bound=True)

    def revoke(self, service_account: str, role: str, *, version: str) -> None:
        self._bind(service_account, role, version, bound=False)

    def _bind(self, service_account: str, role: str, version: str, *, bound: bool) -> None:
        def change(deployment: Deployment) -> Deployment:
            if _roles_version(deployment) != version:
                raise ChangedMeanwhile("the roles have changed since they were read; nothing was changed")
            others = [known for known in deployment.roles.get(service_account, ()) if known != role]
            return deployment.with_roles(service_account, [*others, role] if bound else others)

        Deployment.change(self._home, self._names, change)


class _HealthHandler(BaseHTTPRequestHandler):
    """Responds to ``/<service><path>`` from the current deployment in the state folder."""

    state_folder: Path
    services: Sequence[str]

    def do_GET(self) -> None:
        endpoint = self._endpoint()
        if endpoint.hangs:
            threading.Event().wait(_HANGING_SECONDS)
            return
        text = endpoint.body if isinstance(endpoint.body, str) else json.dumps(endpoint.body)
        body = text.encode("utf-8", "replace")
        self.send_response(endpoint.status_code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _endpoint(self) -> Endpoint:
        service, _, path = self.path.removeprefix("/").partition("/")
        try:
            deployed = Deployment.load(self.state_folder, self.services).service(service)
        except SourceUnavailable as error:
            return Endpoint(500, {"error": str(error)})
        return deployed.endpoints.get(f"/{path}", Endpoint(404, {"error": "not found"}))

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: requests do not belong in a runbook's output."""


def _status(name: str, deployed: DeployedService, url: str) -> ServiceStatus:
    created = deployed.revisions[0] if deployed.revisions else None
    return ServiceStatus(
        name=name,
        latest_created_revision=created.name if created else "",
        latest_ready_revision=deployed.latest_ready,
        is_ready=created.is_ready if created else None,
        reason=created.reason if created else "no revision was ever deployed",
        traffic=tuple(
            RevisionTraffic(deployed.resolved(target), percent, target == LATEST)
            for target, percent in deployed.traffic.items()
        ),
        service_account=deployed.service_account,
        url=url,
        deployed_at=created.deployed_at if created else None,
        revisions=tuple(
            DeployedRevision(revision.name, revision.deployed_at, revision.is_ready, revision.labels)
            for revision in deployed.revisions
        ),
        version=_version(deployed),
        labels=deployed.labels,
    )


def _version(deployed: DeployedService) -> str:
    """Return the version of what is deployed; responses of endpoints are not part of it."""
    state = [deployed.service_account, dict(deployed.traffic), *map(repr, deployed.revisions)]
    return sha256(json.dumps(state).encode()).hexdigest()[:16]


def _roles_version(deployment: Deployment) -> str:
    state = repr((sorted(deployment.roles.items()), sorted(deployment.unresolved_members.items())))
    return sha256(state.encode()).hexdigest()[:16]


def _next_name(service: str, newest: Revision) -> str:
    """Return the next name in Cloud Run's pattern: service, increasing number, three characters."""
    found = _NUMBER.search(newest.name)
    number = int(found.group(1)) + 1 if found else 1
    return f"{service}-{number:05}-{uuid4().hex[:3]}"
