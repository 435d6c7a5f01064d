"""The deployment of the embedded platform, in place of Cloud Run and IAM.

It is stored in ``deployment.json``; without that file, both services are healthy.
The simulation stages a bad deployment by saving a changed value:

    Deployment.load(home).with_health("prediction-worker", "/health", 503, {"status": "starting"}).save(home)
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lib.errors import SourceUnavailable
from lib.ports.permissions import LOCK_ROLE
from lib.ports.services import LATEST

WORKER, COORDINATOR = "prediction-worker", "prediction-coordinator"
SERVICE_ACCOUNT = "services@local.iam.gserviceaccount.com"

_STRICT = {"extra": "forbid"}
_DEPLOYED_AT = datetime(2026, 1, 17, 17, 0, tzinfo=UTC)
_WORKER_CHECKS = ("gcs_access", "bigquery_access", "firestore_connection", "environment", "model_loading")
_COORDINATOR_CHECKS = ("bigquery", "firestore", "distributed_lock")


@dataclass(frozen=True)
class Endpoint:
    """The response of a path of a service.

    Attributes:
        status_code: HTTP status.
        body: Sent as JSON, or as it is if it is a string.
        hangs: The request is accepted and never answered.
    """

    __pydantic_config__ = _STRICT

    status_code: int = 200
    body: Any = None
    hangs: bool = False


@dataclass(frozen=True)
class Revision:
    """A deployed revision.

    Attributes:
        deployed_at: When it was created.
        is_ready: Whether it started.
        reason: Why it did not start.
        variables: Environment variables of its code.
        labels: Labels from its deployment, such as ``commit-sha``.
    """

    __pydantic_config__ = _STRICT

    name: str
    deployed_at: datetime = _DEPLOYED_AT
    is_ready: bool = True
    reason: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DeployedService:
    """A service.

    Attributes:
        revisions: Newest first.
        traffic: Percent of requests by revision or `LATEST`.
        endpoints: Response of each path; other paths return 404.
        service_account: The identity of the service.
        labels: The service's labels from its last deployment.
    """

    __pydantic_config__ = _STRICT

    revisions: tuple[Revision, ...]
    traffic: Mapping[str, int]
    endpoints: Mapping[str, Endpoint]
    service_account: str = SERVICE_ACCOUNT
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def latest_ready(self) -> str:
        """Name of the newest revision that started; empty if none did."""
        return next((revision.name for revision in self.revisions if revision.is_ready), "")

    def resolved(self, target: str) -> str:
        """Return the revision that a traffic target refers to."""
        return self.latest_ready if target == LATEST else target


@dataclass(frozen=True)
class Deployment:
    """Both services and the roles of their accounts. Immutable: each ``with_`` method returns a changed copy.

    Attributes:
        roles: Roles by service account.
        unresolved_members: By role, a group that has it and may include any account.
    """

    __pydantic_config__ = _STRICT

    services: Mapping[str, DeployedService] = field(default_factory=lambda: _healthy_services(WORKER, COORDINATOR))
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {SERVICE_ACCOUNT: (LOCK_ROLE,)})
    unresolved_members: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, home: Path, names: Sequence[str] = (WORKER, COORDINATOR)) -> Deployment:
        """Return the deployment in the state folder; without a file, a healthy worker and coordinator.

        Raises:
            SourceUnavailable: The file is damaged or cannot be read.
        """
        from pydantic import TypeAdapter, ValidationError

        path = home / "deployment.json"
        try:
            content = path.read_bytes()
            return TypeAdapter(cls).validate_json(content)
        except FileNotFoundError:
            return cls(_healthy_services(*names))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise SourceUnavailable(
                f"{path} does not describe a deployment: {where}: {first['msg']}; repair or delete it"
            ) from error
        except OSError as error:
            raise SourceUnavailable(f"{path} cannot be read: {error.strerror or error}") from error

    def save(self, home: Path) -> None:
        """Write it to the state folder atomically: readers see the old or the new one."""
        from pydantic import TypeAdapter

        home.mkdir(parents=True, exist_ok=True)
        temporary = home / f"deployment.json.{os.getpid()}"
        temporary.write_bytes(TypeAdapter(Deployment).dump_json(self, indent=2))
        temporary.replace(home / "deployment.json")

    @classmethod
    def change(cls, home: Path, names: Sequence[str], how: Callable[[Deployment], Deployment]) -> None:
        """Replace the deployment by the result of `how`, with no other change in between.

        Raises:
            SourceUnavailable: The file is damaged, or the folder cannot be written to.
        """
        try:
            home.mkdir(parents=True, exist_ok=True)
            with (home / "deployment.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                how(cls.load(home, names)).save(home)
        except OSError as error:
            raise SourceUnavailable(f"{home} cannot be written to: {error.strerror or error}") from error

    def service(self, name: str) -> DeployedService:
        """Return a service. Raises `SourceUnavailable` if it is not deployed."""
        if name not in self.services:
            raise SourceUnavailable(f"service {name!r:.80} is not deployed; deployed: {', '.join(self.services)}")
        return self.services[name]

    def with_service(self, name: str, service: DeployedService) -> Deployment:
        return replace(self, services={**self.services, name: service})

    def with_revision(self, name: str, revision: Revision, *, traffic_percent: int = 100) -> Deployment:
        """Deploy a revision; the busiest revision keeps the rest of the traffic."""
        service = self.service(name)
        most = max(service.traffic, key=lambda target: service.traffic[target], default=revision.name)
        before = service.resolved(most)
        shares = {before: 100 - traffic_percent, revision.name: traffic_percent}
        deployed = replace(service, revisions=(revision, *service.revisions))
        return self.with_service(name, deployed).with_traffic(name, shares)

    def with_traffic(self, name: str, percent_by_revision: Mapping[str, int]) -> Deployment:
        shares = {revision: percent for revision, percent in percent_by_revision.items() if percent}
        return self.with_service(name, replace(self.service(name), traffic=shares))

    def with_health(
        self, name: str, path: str, status_code: int, body: Any = None, *, hangs: bool = False
    ) -> Deployment:
        service = self.service(name)
        endpoints = {**service.endpoints, path: Endpoint(status_code, body, hangs)}
        return self.with_service(name, replace(service, endpoints=endpoints))

    def with_roles(self, service_account: str, roles: Sequence[str]) -> Deployment:
        return replace(self, roles={**self.roles, service_account: tuple(roles)})


def worker_deep_health(failing: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the worker's deep health document; `failing` maps failing checks to their errors."""
    errors = failing or {}
    checks: list[dict[str, Any]] = [
        {
            "check": check,
            "status": "fail" if check in errors else "pass",
            "details": {},
            "error": errors.get(check),
            "duration_ms": 12,
        }
        for check in dict.fromkeys((*_WORKER_CHECKS, *errors))
    ]
    return {
        "status": "unhealthy" if errors else "healthy",
        "checks": checks,
        "total_duration_ms": 12 * len(checks),
        "checks_run": len(checks),
        "checks_passed": len(checks) - len(errors),
        "checks_failed": len(errors),
    }


def coordinator_deep_health(failing: Mapping[str, str] | None = None, *, service: str = COORDINATOR) -> dict[str, Any]:
    """Return the coordinator's deep health document; `failing` maps failing checks to their errors."""
    errors = failing or {}
    checks: dict[str, Any] = {
        check: {"status": "failed", "error": errors[check]} if check in errors else {"status": "ok"}
        for check in dict.fromkeys((*_COORDINATOR_CHECKS, *errors))
    }
    return {
        "status": "unhealthy" if errors else "healthy",
        "service": service,
        "timestamp": datetime.now(UTC).isoformat(),
        "checks": checks,
    }


def _healthy_services(worker: str, coordinator: str) -> dict[str, DeployedService]:
    return {
        worker: _healthy_service(f"{worker}-00066-abc", worker_deep_health()),
        coordinator: _healthy_service(f"{coordinator}-00049-def", coordinator_deep_health(service=coordinator)),
    }


def _healthy_service(revision: str, deep_health: dict[str, Any]) -> DeployedService:
    return DeployedService(
        revisions=(Revision(revision),),
        traffic={LATEST: 100},
        endpoints={
            "/health": Endpoint(200, {"status": "healthy"}),
            "/health/deep": Endpoint(200, deep_health),
        },
    )
