"""The reader against a double of Cloud Logging, over real connections."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.cloud.logging_v2.types import LogEntry as StoredEntry

from lib.errors import SourceUnavailable
from lib.gcp.clients import GoogleClients
from lib.gcp.logging_reader import CloudLoggingReader
from lib.ports.logs import LogEntry
from tests.gcp.conftest import PROJECT
from tests.gcp.double import Fault, GoogleDouble
from tests.ports.logs_suite import COORDINATOR, END, START, WORKER, LogReaderSuite, Logs


def stored(
    seconds: float,
    text: str = "",
    *,
    service: str = COORDINATOR,
    revision: str = f"{COORDINATOR}-00049-def",
    instance: str = "00ab",
    log: str = "run.googleapis.com%2Fstdout",
    **more: Any,
) -> StoredEntry:
    payload = {"text_payload": text} if text else {}
    return StoredEntry(
        log_name=f"projects/{PROJECT}/logs/{log}",
        timestamp=START + timedelta(seconds=seconds),
        resource={"type": "cloud_run_revision", "labels": {"service_name": service, "revision_name": revision}},
        labels={"instanceId": instance},
        **payload,
        **more,
    )


def read(clients: GoogleClients) -> list[LogEntry]:
    return list(CloudLoggingReader(clients).entries((WORKER, COORDINATOR), since=START, until=END))


class TestCloudLoggingReader(LogReaderSuite):
    """The conformance suite on the double, in pages of 30."""

    @pytest.fixture
    def logs(self, google: GoogleDouble, clients: GoogleClients) -> Logs:
        def write(entries: Sequence[LogEntry]) -> None:
            google.log = list(map(stored_line, entries))

        def make_unreadable() -> None:
            google.lasting["ListLogEntries"] = Fault(grpc.StatusCode.PERMISSION_DENIED)

        return Logs(CloudLoggingReader(clients, page_size=30), write, make_unreadable)


def stored_line(entry: LogEntry) -> StoredEntry:
    """Return a line as Cloud Run stores it: text, or JSON if a service logged more than text."""
    seconds, text = (entry.timestamp - START).total_seconds(), entry.message
    payload = {"json_payload": {"message": text, **entry.fields}} if entry.fields else {"text_payload": text}
    more = {"severity": entry.severity, **payload}
    return stored(seconds, service=entry.service, revision=entry.revision, instance=entry.instance, **more)


def test_text_json_and_platform_entries_become_lines(google: GoogleDouble, clients: GoogleClients) -> None:
    google.log = [
        stored(1, "🔒 Acquiring consolidation lock"),
        stored(2, json_payload={"message": "MERGE complete", "batch": "b1", "rows": 587}, severity="WARNING"),
        stored(3, json_payload={"no": "message"}),
        stored(4, http_request={"status": 503, "request_method": "POST", "request_url": "https://x/complete"}),
    ]
    plain, structured, silent, request = read(clients)

    assert plain == LogEntry(
        START + timedelta(seconds=1),
        "🔒 Acquiring consolidation lock",
        COORDINATOR,
        revision=f"{COORDINATOR}-00049-def",
        instance="00ab",
    )
    assert (structured.message, structured.severity) == ("MERGE complete", "WARNING")
    assert structured.fields == {"batch": "b1", "rows": 587}
    assert (silent.message, silent.fields) == ("", {"no": "message"})
    assert request.message == "HTTP 503 POST https://x/complete"


def test_the_newest_entry_is_one_of_the_service_itself(google: GoogleDouble, clients: GoogleClients) -> None:
    reader = CloudLoggingReader(clients)
    google.log = [
        stored(900, log="run.googleapis.com%2Frequests", http_request={"status": 200}),
        stored(901, "Default STARTUP TCP probe succeeded", log="run.googleapis.com%2Fvarlog%2Fsystem"),
        stored(902, log="cloudaudit.googleapis.com%2Factivity"),
    ]
    assert reader.newest(COORDINATOR, since=START) is None
    google.log += [stored(20, "its own")]
    assert reader.newest(COORDINATOR, since=START) == START + timedelta(seconds=20)
    assert google.requests[-1].resource_names == [f"projects/{PROJECT}"]


def test_an_empty_page_with_a_token_is_not_the_end(google: GoogleDouble, clients: GoogleClients) -> None:
    """Logging returns such pages while it is still searching, so a search has a time bound and continues."""
    google.log, google.empty_pages = [stored(20, "there")], 2
    assert CloudLoggingReader(clients).newest(COORDINATOR, since=START) == START + timedelta(seconds=20)
    assert google.calls["ListLogEntries"] == 3
    assert all('timestamp>="2026-01-17T12:00:00.250000' in request.filter for request in google.requests)


def test_an_exhausted_quota_is_waited_for(google: GoogleDouble, clients: GoogleClients) -> None:
    google.log = [stored(1, "there")]
    google.faults["ListLogEntries"] = [Fault(grpc.StatusCode.RESOURCE_EXHAUSTED)]
    assert [entry.message for entry in read(clients)] == ["there"]
    assert google.calls["ListLogEntries"] == 2


def test_an_error_on_a_later_page_is_an_error(google: GoogleDouble, clients: GoogleClients) -> None:
    google.log = [stored(number, f"line {number}") for number in range(5)]
    entries = iter(CloudLoggingReader(clients, page_size=2).entries([COORDINATOR], since=START, until=END))
    assert [next(entries).message, next(entries).message] == ["line 0", "line 1"]
    google.lasting["ListLogEntries"] = Fault(grpc.StatusCode.PERMISSION_DENIED)
    with pytest.raises(SourceUnavailable, match=r"roles/logging\.viewer"):
        next(entries)
