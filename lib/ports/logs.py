"""The port to what the services logged."""

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

    __repr__ = brief("timestamp", "service", "severity", "message")


ERROR_SEVERITIES = frozenset({"ERROR", "CRITICAL", "ALERT", "EMERGENCY"})
_SERVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


def check_service_name(service: str) -> None:
    """Raise `SourceUnavailable` for a text that cannot be a service's name, such as a path or part of a query."""
    if not _SERVICE_NAME.fullmatch(service):
        raise SourceUnavailable(f"{service!r:.80} is no name of a service")


def is_asked_for(entry: LogEntry, containing: Sequence[str], or_errors: bool) -> bool:
    """Whether `LogReader.entries` hands out the line, of those of the services and the time."""
    if not containing or (or_errors and entry.severity in ERROR_SEVERITIES):
        return True
    return any(text in entry.message for text in containing)


class LogReader(Protocol):
    """Read access to the services' logs; each call takes what `check_service_name` takes."""

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
