"""The deployed services of the embedded platform, with endpoints that really answer.

Health endpoints are served over HTTP on the loopback address, by a server that is
started when it is first needed and ends with the process.
"""

from __future__ import annotations

import json
import threading
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from lib.embedded.deployment import DeployedService, Deployment, Endpoint
from lib.operations.health_request import request_health
from lib.operations.ports import HealthResponse, RevisionTraffic, ServiceStatus, SourceUnavailable

_HANGING_SECONDS = 30.0


class LocalServices:
    """A `Services` port over the state folder.

    Args:
        home: The state folder.
        timeout_seconds: How long a health request may take.
    """

    def __init__(self, home: Path, *, timeout_seconds: float = 5.0) -> None:
        self._home = home
        self._timeout_seconds = timeout_seconds

    def describe(self, service: str) -> ServiceStatus:
        deployed = Deployment.load(self._home).service(service)
        return _status(service, deployed, f"{self._address}/{service}")

    def health(self, service: str, path: str) -> HealthResponse:
        Deployment.load(self._home).service(service)
        return request_health(f"{self._address}/{service}{path}", timeout_seconds=self._timeout_seconds)

    @cached_property
    def _address(self) -> str:
        home = self._home

        class Handler(_HealthHandler):
            state_folder = home

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, name="local services", daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"


class _HealthHandler(BaseHTTPRequestHandler):
    """Answers ``/<service><path>`` as the state folder says at that moment."""

    state_folder: Path

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
            deployed = Deployment.load(self.state_folder).service(service)
        except SourceUnavailable as error:
            return Endpoint(500, {"error": str(error)})
        return deployed.endpoints.get(f"/{path}", Endpoint(404, {"error": "not found"}))

    def log_message(self, format: str, *args: object) -> None:
        """A runbook's output is no access log."""


def _status(name: str, deployed: DeployedService, url: str) -> ServiceStatus:
    created = deployed.revisions[0] if deployed.revisions else None
    ready = next((revision.name for revision in deployed.revisions if revision.is_ready), "")
    return ServiceStatus(
        name=name,
        latest_created_revision=created.name if created else "",
        latest_ready_revision=ready,
        is_ready=created.is_ready if created else None,
        reason=created.reason if created else "no revision was ever deployed",
        traffic=tuple(RevisionTraffic(revision, percent) for revision, percent in deployed.traffic.items()),
        service_account=deployed.service_account,
        url=url,
        deployed_at=created.deployed_at if created else None,
        revisions=tuple(revision.name for revision in deployed.revisions),
    )
