"""The services' logs in Cloud Logging, read by service, text and time.

Needs `roles/logging.viewer`. A project may read 60 times a minute, so pages have the maximum size, and
the reader waits when the quota is exhausted.
Source: https://cloud.google.com/logging/docs/view/logging-query-language
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from google.logging.type.log_severity_pb2 import LogSeverity
from google.protobuf.json_format import MessageToDict

from lib.gcp.clients import GoogleClients
from lib.gcp.errors import CLOUD_LOGGING
from lib.ports.logs import LogEntry, check_service_name, is_asked_for
from lib.words.brief import brief

if TYPE_CHECKING:
    from google.cloud.logging_v2.types import LogEntry as StoredEntry

_LONGEST_QUERY = 20_000  # characters
# Logs that Cloud Run writes about a service, even if the service itself logs nothing.
_PLATFORM_LOGS = (
    "run.googleapis.com/requests",
    "run.googleapis.com/varlog/system",
    "cloudaudit.googleapis.com/activity",
    "cloudaudit.googleapis.com/data_access",
    "cloudaudit.googleapis.com/system_event",
)


class CloudLoggingReader:
    """A `LogReader` over the logs of a project's Cloud Run services; reads `page_size` entries per request."""

    __repr__ = brief()

    def __init__(self, clients: GoogleClients, *, page_size: int = 1000) -> None:
        self._clients = clients
        self._page_size = page_size

    def entries(
        self,
        services: Sequence[str],
        *,
        since: datetime,
        until: datetime,
        containing: Sequence[str] = (),
        or_errors: bool = False,
    ) -> Iterable[LogEntry]:
        if not services:
            return ()
        conditions = [_of_services(services), f'timestamp>="{_moment(since)}"', f'timestamp<"{_moment(until)}"']
        texts = _holding(containing, or_errors)
        # Callers filter the lines again, so leaving out a filter that is too long only costs more reading.
        if len(" AND ".join([*conditions, *texts])) <= _LONGEST_QUERY:
            conditions += texts
        found = map(_entry, self._stored(conditions, order="asc", page_size=self._page_size))
        return (entry for entry in found if is_asked_for(entry, containing, or_errors))

    def newest(self, service: str, *, since: datetime) -> datetime | None:
        """Return the time of the newest entry since a moment; without a bound, Logging would search all it keeps."""
        conditions = [
            _of_services([service]),
            f'timestamp>="{_moment(since)}"',
            *(f'NOT log_id("{log}")' for log in _PLATFORM_LOGS),
        ]
        found = self._stored(conditions, order="desc", page_size=1)
        return next((_entry(stored).timestamp for stored in found), None)

    def _stored(self, conditions: Sequence[str], *, order: str, page_size: int) -> Iterator[StoredEntry]:
        request = {
            "resource_names": [f"projects/{self._clients.project_id}"],
            "filter": " AND ".join(conditions),
            "order_by": f"timestamp {order}",
            "page_size": page_size,
        }
        with self._clients.errors(CLOUD_LOGGING):
            yield from self._clients.logging.list_log_entries(request, **self._clients.reading)


def _of_services(services: Sequence[str]) -> str:
    for service in services:
        check_service_name(service)
    names = " OR ".join(map(_quoted, services))
    return f'resource.type="cloud_run_revision" AND resource.labels.service_name=({names})'


def _holding(containing: Sequence[str], or_errors: bool) -> list[str]:
    """Return a filter that all requested entries pass; the operator ``:`` ignores case."""
    words = [max(re.split(r"[^ -~\u00a1-\ud7ff\ue000-\U0010ffff]+", text), key=len) for text in containing]
    if not words or not all(words):
        return []
    terms = [f"{field}:{_quoted(word)}" for word in words for field in ("textPayload", "jsonPayload.message")]
    return [f"({' OR '.join([*terms, *(['severity>=ERROR'] if or_errors else [])])})"]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _entry(stored: StoredEntry) -> LogEntry:
    raw = type(stored).pb(stored)
    fields = MessageToDict(raw.json_payload) if raw.HasField("json_payload") else {}
    return LogEntry(
        timestamp=raw.timestamp.ToDatetime(tzinfo=UTC),
        message=raw.text_payload or str(fields.pop("message", "")) or _about(raw),
        service=raw.resource.labels.get("service_name", ""),
        revision=raw.resource.labels.get("revision_name", ""),
        instance=raw.labels.get("instanceId", ""),
        severity=LogSeverity.Name(raw.severity) if raw.severity in LogSeverity.values() else "DEFAULT",
        fields=fields,
    )


def _about(raw: Any) -> str:
    """Describe an entry without text, which Cloud Run writes: a request or an audit record."""
    request = raw.http_request
    if request.status:
        return f"HTTP {request.status} {request.request_method} {request.request_url}"
    return f"record of type {raw.proto_payload.type_url}" if raw.proto_payload.type_url else ""
