"""The reader against a double of Cloud Logging, over real connections."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.cloud.logging_v2.types import LogEntry as StoredEntry
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.errors import SourceUnavailable
from lib.gcp.clients import GoogleClients
from lib.gcp.logging_reader import CloudLoggingReader
from lib.ports.logs import LogEntry
from tests.gcp.conftest import PROJECT
from tests.gcp.double import Fault, GoogleDouble, serving

WORKER, COORDINATOR = "prediction-worker", "prediction-coordinator"
START = datetime(2026, 1, 17, 12, 0, 0, 250_000, tzinfo=UTC)
END = START + timedelta(hours=1)


def stored(
    seconds: float, text: str = "", *, service: str = COORDINATOR, log: str = "run.googleapis.com%2Fstdout", **more: Any
) -> StoredEntry:
    payload = {"text_payload": text} if text else {}
    return StoredEntry(
        log_name=f"projects/{PROJECT}/logs/{log}",
        timestamp=START + timedelta(seconds=seconds),
        resource={
            "type": "cloud_run_revision",
            "labels": {"service_name": service, "revision_name": f"{service}-00049-def"},
        },
        labels={"instanceId": "00ab"},
        **payload,
        **more,
    )


def read(clients: GoogleClients, *services: str, page_size: int = 1000, **wanted: Any) -> list[LogEntry]:
    reader = CloudLoggingReader(clients, page_size=page_size)
    return list(reader.entries(services or (WORKER, COORDINATOR), since=START, until=END, **wanted))


def messages(entries: list[LogEntry]) -> list[str]:
    return [entry.message for entry in entries]


def test_lines_of_several_services_come_by_time_page_by_page(google: GoogleDouble, clients: GoogleClients) -> None:
    services = (WORKER, COORDINATOR)
    google.log = [stored(7 * number % 100, f"line {number:03}", service=services[number % 2]) for number in range(100)]
    google.log += [stored(1, "another's", service="prediction-coordinator-2")]

    found = read(clients, page_size=30)

    assert google.calls["ListLogEntries"] == 4
    assert len(found) == 100
    assert found == sorted(found, key=lambda entry: entry.timestamp)
    assert {entry.service for entry in found} == {WORKER, COORDINATOR}


def test_bounds_are_asked_of_the_server_to_the_microsecond(google: GoogleDouble, clients: GoogleClients) -> None:
    google.log = [stored(-1e-6, "before"), stored(0, "first"), stored(3600 - 1e-6, "last"), stored(3600, "after")]
    assert messages(read(clients)) == ["first", "last"]
    assert google.requests[-1].resource_names == [f"projects/{PROJECT}"]


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


def test_only_lines_that_hold_a_text_case_and_all_or_errors(google: GoogleDouble, clients: GoogleClients) -> None:
    google.log = [
        stored(1, "MERGE complete: 587 rows"),
        stored(2, "merge complete in lower case"),
        stored(3, json_payload={"message": "MERGE complete too"}),
        stored(4, "boom", severity="CRITICAL"),
        stored(5, "fine", severity="INFO"),
    ]
    assert messages(read(clients, containing=["MERGE complete"])) == ["MERGE complete: 587 rows", "MERGE complete too"]
    assert messages(read(clients, containing=["no such"], or_errors=True)) == ["boom"]
    assert len(read(clients, or_errors=True)) == 5


def test_any_text_finds_exactly_the_lines_that_hold_it() -> None:
    google = GoogleDouble()
    lines = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
        ['") OR severity>=DEFAULT OR ("', "\\", '\\"', '"', "a\nb", "\x00", "ﬀ İß", "🔒", 'x" AND NOT textPayload:"y']
    )

    with serving(google) as address:
        clients = GoogleClients(PROJECT, emulator_host=address)

        @settings(max_examples=60)
        @given(st.lists(lines, min_size=1, max_size=4), st.lists(lines, max_size=4))
        def check(texts: list[str], others: list[str]) -> None:
            logged = [text for text in [*texts, *others, *(f"a{text}b" for text in texts)] if text]
            google.log = [stored(number, line) for number, line in enumerate(logged)]
            found = messages(read(clients, containing=texts))
            assert found == [line for line in logged if any(text in line for text in texts)]

        check()


@pytest.mark.parametrize("service", ['x" OR "y', "", "-", "ü", "a\nb"])
def test_a_hostile_service_name_is_never_asked_for(google: GoogleDouble, clients: GoogleClients, service: str) -> None:
    with pytest.raises(SourceUnavailable, match="is no name of a service"):
        read(clients, service)
    assert not google.calls


def test_newest_is_what_the_service_itself_logged(google: GoogleDouble, clients: GoogleClients) -> None:
    reader = CloudLoggingReader(clients)
    google.log = [
        stored(900, log="run.googleapis.com%2Frequests", http_request={"status": 200}),
        stored(901, "Default STARTUP TCP probe succeeded", log="run.googleapis.com%2Fvarlog%2Fsystem"),
        stored(902, log="cloudaudit.googleapis.com%2Factivity"),
    ]
    assert reader.newest(COORDINATOR, since=START) is None
    google.log += [stored(10, "older"), stored(20, "newer"), stored(30, "another's", service=WORKER)]
    assert reader.newest(COORDINATOR, since=START) == START + timedelta(seconds=20)
    assert reader.newest(COORDINATOR, since=START + timedelta(seconds=21)) is None


def test_an_empty_page_with_a_token_is_no_end(google: GoogleDouble, clients: GoogleClients) -> None:
    """Logging hands out such pages while it still searches, so a search is bounded in time and goes on to its end."""
    google.log, google.empty_pages = [stored(20, "there")], 2
    assert CloudLoggingReader(clients).newest(COORDINATOR, since=START) == START + timedelta(seconds=20)
    assert google.calls["ListLogEntries"] == 3
    assert all('timestamp>="2026-01-17T12:00:00.250000' in request.filter for request in google.requests)


def test_a_used_up_quota_is_waited_for(google: GoogleDouble, clients: GoogleClients) -> None:
    google.log = [stored(1, "there")]
    google.faults["ListLogEntries"] = [Fault(grpc.StatusCode.RESOURCE_EXHAUSTED)]
    assert messages(read(clients)) == ["there"]
    assert google.calls["ListLogEntries"] == 2


def test_an_error_on_a_later_page_is_no_short_answer(google: GoogleDouble, clients: GoogleClients) -> None:
    google.log = [stored(number, f"line {number}") for number in range(5)]
    entries = iter(CloudLoggingReader(clients, page_size=2).entries([COORDINATOR], since=START, until=END))
    assert [next(entries).message, next(entries).message] == ["line 0", "line 1"]
    google.lasting["ListLogEntries"] = Fault(grpc.StatusCode.PERMISSION_DENIED)
    with pytest.raises(SourceUnavailable, match=r"roles/logging\.viewer"):
        next(entries)
