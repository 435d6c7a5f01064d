"""The ports to what surrounds warehouse and lock: logs, services and their permissions.

Every call raises `SourceUnavailable` when the source cannot be read; an empty
answer always means that the source was read and holds nothing.

A call that changes something takes the version that was read before, changes all or
nothing, and only if nobody changed it since: else `ChangedMeanwhile`. When it raises
`SourceUnavailable` it may have taken effect; reading again tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from lib.errors import Finding, Unavailable


class SourceUnavailable(Unavailable):
    """A source of evidence could not be read, so nothing is known about it."""


class ChangedMeanwhile(Finding):
    """It is not as it was when it was looked at; nothing was changed."""


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
    """Read access to the services' logs.

    A text that cannot be a service's name, such as a path or part of a query, raises `SourceUnavailable`.
    """

    def entries(
        self,
        services: Sequence[str],
        *,
        since: datetime,
        until: datetime,
        containing: Sequence[str] = (),
        or_errors: bool = False,
    ) -> Iterable[LogEntry]:
        """Lines with ``since <= timestamp < until``, oldest first; those of one moment in any order.

        `SourceUnavailable` is raised by the call, or while the lines are iterated.

        Args:
            services: Whose lines; those of several are merged by time; none: no lines.
            since: First moment (UTC).
            until: First moment that is too late (UTC).
            containing: Keep only lines that hold any of these texts, case and all, however
                many and long they are; none: keep every line.
            or_errors: Keep also lines logged with severity ``ERROR`` or worse.
        """
        ...

    def newest(self, service: str, *, since: datetime) -> datetime | None:
        """The latest time at which the service itself logged anything; None: nothing since then (UTC).

        Args:
            service: Its name.
            since: First moment that counts (UTC).
        """
        ...


LATEST = "LATEST"
"""As a target of traffic: whichever revision is the newest that started, now and later."""


@dataclass(frozen=True)
class RevisionTraffic:
    """The share of requests that a revision serves.

    Attributes:
        revision: Name of the revision.
        percent: 0 to 100.
        follows_latest: Whether the share goes to the next revision once that is deployed;
            a share of a revision by name stays with it.
    """

    revision: str
    percent: int
    follows_latest: bool = False

    @property
    def target(self) -> str:
        """What the share is routed to: `LATEST` or the revision's name."""
        return LATEST if self.follows_latest else self.revision


@dataclass(frozen=True)
class DeployedRevision:
    """A revision of a service.

    Attributes:
        name: Its name.
        deployed_at: When it was created (UTC); None: not told.
        is_ready: Whether it started; None: not told.
    """

    name: str
    deployed_at: datetime | None = None
    is_ready: bool | None = None


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
        revisions: All that are kept, newest first.
        version: Another one after each change of the service; opaque.
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
    revisions: tuple[DeployedRevision, ...] = ()
    version: str = ""

    @property
    def routed(self) -> dict[str, int]:
        """Percent by target, as `Services.route_traffic` takes it."""
        return {share.target: share.percent for share in self.traffic}


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

    def variable(self, service: str, name: str) -> str | None:
        """An environment variable of the code that serves; None: it is not set.

        Raises `SourceUnavailable` also when revisions that share the traffic differ in it,
        or nothing serves.
        """
        ...

    def set_variable(self, service: str, name: str, value: str | None, *, version: str) -> None:
        """Deploy a new revision, the newest one with this variable (None: without it).

        Returns when it started. It serves what goes to `LATEST`, and nothing else.
        """
        ...

    def route_traffic(self, service: str, percent_by_target: Mapping[str, int], *, version: str) -> None:
        """Send the requests to these and no other revisions, in one change.

        Args:
            service: Name of the service.
            percent_by_target: 1 to 100 by revision name or `LATEST`, 100 in all.
            version: Of the status that the decision was made on.
        """
        ...


@dataclass(frozen=True)
class RoleBindings:
    """The roles of one service account.

    Attributes:
        roles: Roles bound to the account itself at project level.
        unresolved_members: Groups and other members that may hold further roles for
            it and cannot be looked into: role name to member.
        unseen: Where further roles may be bound that can't be seen from here; empty: nowhere.
        version: Another one after each change of any binding; opaque.
    """

    roles: frozenset[str]
    unresolved_members: Mapping[str, str] = field(default_factory=dict)
    unseen: str = ""
    version: str = ""


class Permissions(Protocol):
    """Who may do what in the project."""

    def roles_of(self, service_account: str) -> RoleBindings:
        """The project-level roles of a service account (guide, step 1)."""
        ...

    def grant(self, service_account: str, role: str, *, version: str) -> None:
        """Bind the role to the account in the project, without a condition."""
        ...

    def revoke(self, service_account: str, role: str, *, version: str) -> None:
        """Take that binding away; others of the role, and conditional ones, stay."""
        ...
