"""The port to the deployed services."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from lib.errors import SourceUnavailable

LATEST = "LATEST"
"""As a target of traffic: the newest revision that has started, now and in the future."""


@dataclass(frozen=True)
class RevisionTraffic:
    """The share of requests that a revision serves.

    Attributes:
        revision: The revision's name.
        percent: 0 to 100.
        follows_latest: Whether the share moves to the next revision once that is deployed;
            a share routed to a named revision stays there.
    """

    revision: str
    percent: int
    follows_latest: bool = False

    @property
    def target(self) -> str:
        """The target of the share: `LATEST` or the revision's name."""
        return LATEST if self.follows_latest else self.revision


@dataclass(frozen=True)
class DeployedRevision:
    """A revision of a service.

    Attributes:
        name: The revision's name.
        deployed_at: When it was created (UTC); None if unknown.
        is_ready: Whether it started; None if unknown.
        labels: Labels from its deployment, such as the commit. Hostile input.
    """

    name: str
    deployed_at: datetime | None = None
    is_ready: bool | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ServiceStatus:
    """The deployment of a service.

    Attributes:
        name: The service's name.
        latest_created_revision: The revision that was deployed last.
        latest_ready_revision: The newest revision that started; differs from
            `latest_created_revision` if the deployment failed.
        is_ready: Whether the latest created revision is ready; None if unknown.
        reason: Why it is not ready, in the platform's words.
        traffic: The revisions that serve requests.
        service_account: The identity that the service runs as.
        url: Base address without a trailing slash; empty if it has none.
        deployed_at: When the latest revision was created (UTC); None if unknown.
        revisions: All revisions that the platform keeps, newest first.
        version: Changes with each change of the service; opaque.
        labels: Labels of the service from its last deployment. Hostile input.
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
    labels: Mapping[str, str] = field(default_factory=dict)

    def labels_of(self, revision: str) -> Mapping[str, str]:
        """Return the labels of a revision; the newest one inherits missing labels from the service."""
        own = next((known.labels for known in self.revisions if known.name == revision), {})
        return {**self.labels, **own} if revision == self.latest_created_revision else own

    @property
    def routed(self) -> dict[str, int]:
        """Percent by target, in the form that `Services.route_traffic` takes."""
        return {share.target: share.percent for share in self.traffic}


@dataclass(frozen=True)
class HealthResponse:
    """The answer of a health endpoint.

    Attributes:
        status_code: HTTP status; None if there was no answer (`error` says why).
        body: The parsed JSON, or the text if it is not JSON.
        error: Why there was no answer.
        duration_ms: How long it took.
    """

    status_code: int | None
    body: Any = None
    error: str = ""
    duration_ms: float = 0.0


def value_that_serves(service: str, name: str, values: Set[str | None]) -> str | None:
    """Return the value of all serving revisions. Raises `SourceUnavailable` unless they have exactly one value.

    Args:
        service: The service, for messages.
        name: The variable, for messages.
        values: The different values of the revisions that serve traffic.
    """
    if len(values) != 1:
        state = "differs between serving revisions" if values else "is unknown: no revision serves traffic"
        raise SourceUnavailable(f"{name} of {service} {state}")
    return next(iter(values))


class Services(Protocol):
    """The deployed services."""

    def describe(self, service: str) -> ServiceStatus:
        """Return the service's deployment. Raises `SourceUnavailable` if it is not deployed."""
        ...

    def health(self, service: str, path: str) -> HealthResponse:
        """Send a GET request to the path; no answer is also a result, not an error."""
        ...

    def variable(self, service: str, name: str) -> str | None:
        """Return an environment variable of the serving code; None if it is not set.

        Raises `SourceUnavailable` also if revisions that share the traffic have different values,
        or if none serves traffic.
        """
        ...

    def set_variable(self, service: str, name: str, value: str | None, *, version: str) -> None:
        """Deploy a copy of the newest revision with this variable set (None removes it).

        Returns when it has started. It serves only the traffic that goes to `LATEST`.

        Args:
            service: The service.
            name: The variable.
            value: Its value.
            version: The version of the status that the decision was based on.
        """
        ...

    def route_traffic(self, service: str, percent_by_target: Mapping[str, int], *, version: str) -> None:
        """Route all requests to these revisions, in one change.

        Args:
            service: The service.
            percent_by_target: 1 to 100 by revision name or `LATEST`; 100 in total.
            version: The version of the status that the decision was based on.
        """
        ...
