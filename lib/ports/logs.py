"""The port to the services' logs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from lib.errors import SourceUnavailable
from lib.words.brief import brief


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line that a service logged.

    Attributes:
        timestamp: When it was logged (UTC).
        message: The line. Hostile input: it may contain anything.
        service: The Cloud Run service's name.
        revision: The revision that logged it; empty if unknown.
        instance: The instance that logged it; empty if unknown.
        severity: ``DEFAULT`` if not set, as for plain text lines.
        fields: Fields of a structured record, without its message.
    """

    timestamp: datetime
    message: str
    service: str
    revision: str = ""
    instance: str = ""
    severity: str = "DEFAULT"
    fields: Mapping[str, Any] = field(default_factory=dict)

    __repr__ = brief("timestamp", "service", "severity", "message")


ERROR_SEVERITIES = frozenset({"ERROR", "CRITICAL", "ALERT", "EMERGENCY"})
_SERVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


def check_service_name(service: str) -> None:
    """Raise `SourceUnavailable` for a text that cannot be a service's name, such as a path or part of a query."""
    if not _SERVICE_NAME.fullmatch(service):
        raise SourceUnavailable(f"{service!r:.80} is not the name of a service")


def is_asked_for(entry: LogEntry, containing: Sequence[str], or_errors: bool) -> bool:
    """Return whether `LogReader.entries` includes a line that matches by service and time.

    Args:
        entry: The line.
        containing: As for `LogReader.entries`.
        or_errors: As for `LogReader.entries`.
    """
    if not containing or (or_errors and entry.severity in ERROR_SEVERITIES):
        return True
    return any(text in entry.message for text in containing)


class LogReader(Protocol):
    """Read access to the services' logs; service names must pass `check_service_name`."""

    def entries(
        self,
        services: Sequence[str],
        *,
        since: datetime,
        until: datetime,
        containing: Sequence[str] = (),
        or_errors: bool = False,
    ) -> Iterable[LogEntry]:
        """Return lines with ``since <= timestamp < until``, oldest first; lines of the same time in any order.

        `SourceUnavailable` is raised by the call, or while the lines are iterated.

        Args:
            services: The services, whose lines are merged by time; without services there are no lines.
            since: Start of the period (UTC).
            until: End of the period (UTC), excluded.
            containing: Keep only lines that contain any of these texts (case-sensitive, any number
                and length); if empty, keep every line.
            or_errors: Also keep lines with severity ``ERROR`` or worse.
        """
        ...

    def newest(self, service: str, *, since: datetime) -> datetime | None:
        """Return the latest time (UTC) at which the service itself logged anything; None if nothing.

        Args:
            service: The service.
            since: Start of the period (UTC).
        """
        ...
