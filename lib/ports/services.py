"""The port to the deployed services."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from lib.errors import SourceUnavailable

LATEST = "LATEST"
"""As a target of traffic: whichever revision is the newest that started, now and later."""


@dataclass(frozen=True)
class RevisionTraffic:
    """The share of requests that a revision serves.

    Attributes:
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
        deployed_at: When it was created (UTC); None: not told.
        is_ready: Whether it started; None: not told.
        labels: What its deployment labelled it with, such as the commit. Hostile input.
    """

    name: str
    deployed_at: datetime | None = None
    is_ready: bool | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ServiceStatus:
    """A service as it is deployed.

    Attributes:
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
        labels: What the last deployment labelled the service with. Hostile input.
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
        """The labels of a revision; what the newest one lacks, the labels of the service say."""
        own = next((known.labels for known in self.revisions if known.name == revision), {})
        return {**self.labels, **own} if revision == self.latest_created_revision else own

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


def value_that_serves(service: str, name: str, values: Set[str | None]) -> str | None:
    """The one value of the revisions that serve. Raises `SourceUnavailable` unless it is one."""
    if len(values) != 1:
        state = "differs between the revisions that serve" if values else "is not told: no revision serves"
        raise SourceUnavailable(f"{name} of {service} {state}")
    return next(iter(values))


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
