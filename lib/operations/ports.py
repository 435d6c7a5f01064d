"""The ports to what runbooks only look at: logs, services and their permissions.

Every call raises `SourceUnavailable` when the source cannot be read; an empty
answer always means that the source was read and holds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from lib.errors import Unavailable


class SourceUnavailable(Unavailable):
    """A source of evidence could not be read, so nothing is known about it."""


@dataclass(frozen=True)
class LogEntry:
    """One line that a service logged.

    Attributes:
        timestamp: When it was logged (UTC).
        message: The line. Hostile input: it may hold anything.
        service: The Cloud Run service's name.
        revision: The revision that logged it; empty when unknown.
        instance: The instance that logged it; empty when unknown.
        severity: ``DEFAULT`` when not set, as for plain text lines.
        fields: What a structured record holds besides its message.
    """

    timestamp: datetime
    message: str
    service: str
    revision: str = ""
    instance: str = ""
    severity: str = "DEFAULT"
    fields: Mapping[str, Any] = field(default_factory=dict)


ERROR_SEVERITIES = frozenset({"ERROR", "CRITICAL", "ALERT", "EMERGENCY"})


class LogReader(Protocol):
    """Read access to the services' logs."""

    def entries(
        self,
        services: Sequence[str],
        *,
        since: datetime,
        until: datetime,
        containing: Sequence[str] = (),
        or_errors: bool = False,
    ) -> Iterable[LogEntry]:
        """Lines with ``since <= timestamp < until``, oldest first.

        Args:
            services: Whose lines; those of several are merged by time.
            since: First moment (UTC).
            until: First moment that is too late (UTC).
            containing: Keep only lines that hold any of these texts, case and all;
                none: keep every line.
            or_errors: Keep also lines logged with severity ``ERROR`` or worse.
        """
        ...

    def newest(self, service: str) -> datetime | None:
        """When the service last logged anything at all; None: never."""
        ...


@dataclass(frozen=True)
class RevisionTraffic:
    """The share of requests that a revision serves.

    Attributes:
        revision: Name of the revision.
        percent: 0 to 100.
    """

    revision: str
    percent: int


@dataclass(frozen=True)
class ServiceStatus:
    """A service as it is deployed.

    Attributes:
        name: Name of the service.
        latest_created_revision: What was deployed last.
        latest_ready_revision: The newest revision that started; differs from the
            one before when the deployment failed.
        is_ready: Whether the latest created revision is ready; None: not told.
        reason: Why it is not ready, in the platform's words.
        traffic: Who serves the requests.
        service_account: The identity that the service runs as.
        url: Base address, without a slash at its end; empty when it has none.
        deployed_at: When the latest revision was created; None: not told.
        revisions: Names of all revisions, newest first.
    """

    name: str
    latest_created_revision: str
    latest_ready_revision: str
    is_ready: bool | None
    reason: str
    traffic: tuple[RevisionTraffic, ...]
    service_account: str
    url: str
    deployed_at: datetime | None = None
    revisions: tuple[str, ...] = ()


@dataclass(frozen=True)
class HealthResponse:
    """What a health endpoint answered.

    Attributes:
        status_code: HTTP status; None: no answer (then `error` says why).
        body: The parsed JSON, or the text when it is no JSON.
        error: Why there is no answer.
        duration_ms: How long it took.
    """

    status_code: int | None
    body: Any = None
    error: str = ""
    duration_ms: float = 0.0


class Services(Protocol):
    """The deployed services."""

    def describe(self, service: str) -> ServiceStatus:
        """The service's deployment. Raises `SourceUnavailable` when there is none."""
        ...

    def health(self, service: str, path: str) -> HealthResponse:
        """GET the path; an endpoint that does not answer is an answer too."""
        ...


@dataclass(frozen=True)
class RoleBindings:
    """The roles of one service account.

    Attributes:
        roles: Roles bound to the account itself at project level.
        unresolved_members: Groups and other members that may hold further roles for
            it and cannot be looked into: role name to member.
    """

    roles: frozenset[str]
    unresolved_members: Mapping[str, str] = field(default_factory=dict)


class Permissions(Protocol):
    """Who may do what in the project."""

    def roles_of(self, service_account: str) -> RoleBindings:
        """The project-level roles of a service account (guide, step 1)."""
        ...
