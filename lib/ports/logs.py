"""The port to what the services logged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


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
