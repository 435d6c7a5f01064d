"""The coordinator's documents in Firestore: the conformance suite on the emulator, requests and refusals."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import grpc
import pytest
from google.cloud import firestore

from lib.errors import SourceUnavailable
from lib.gcp.clients import GoogleClients
from lib.gcp.firestore_batches import FirestoreBatchStates
from lib.ports.batch_states import BatchStates
from tests.gcp.double import Fault, GoogleDouble
from tests.locking.emulator import HOST_VARIABLE
from tests.ports.batch_states_suite import BATCH, DAY, BatchStatesSuite, Put, document

COLLECTION = "prediction_batches"


@pytest.fixture
def project(emulator: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A separate project on the emulator."""
    monkeypatch.setenv(HOST_VARIABLE, emulator)
    return f"test-{uuid.uuid4().hex[:12]}"


class TestFirestoreBatchStates(BatchStatesSuite):
    """The conformance suite, Firestore's own types, and the number of requests."""

    @pytest.fixture
    def states(self, project: str) -> BatchStates:
        return FirestoreBatchStates(GoogleClients(project), COLLECTION, request_timeout_seconds=20.0)

    @pytest.fixture
    def put(self, project: str) -> Put:
        client = firestore.Client(project=project)

        def written(
            batch_id: str, fields: Mapping[str, Any], completions: Mapping[str, Mapping[str, Any]] | None = None
        ) -> None:
            place = client.collection(COLLECTION).document(batch_id)
            place.set(dict(fields))
            for player, completion in (completions or {}).items():
                place.collection("completions").document(player).set(dict(completion))

        return written

    def test_types_specific_to_firestore_are_named(self, states: BatchStates, put: Put) -> None:
        place = firestore.GeoPoint(1, 2)
        put(BATCH, document(expected_players=place, completed_players=b"\xff", updated_at={"seconds": 5}))
        [state] = states.of_date(DAY)
        assert [fault.partition(" ")[0] for fault in state.faults] == [
            "expected_players",
            "completed_players",
            "updated_at",
        ]

    def test_players_are_queried_only_if_the_document_lacks_them(
        self, sent: list[str], states: BatchStates, put: Put
    ) -> None:
        """One request for the date, and one for each of the newest unfinished batches without a list."""
        put("listed", document(completed_players=["a"]))
        put("done", document(expected_players=5, completed_count=5, is_complete=True))
        for number in range(12):
            put(f"counted{number}", document(completed_count=2), {"a": {}, "b": {}})
        sent.clear()
        found = {state.batch_id: state for state in states.of_date(DAY)}
        assert sent == ["RunQuery"] * 11
        counted = [state for name, state in found.items() if name.startswith("counted")]
        assert sum(state.missing == ("c", "d", "e") for state in counted) == 10
        assert {state.missing_count for state in counted} == {3}
        assert sum("were not read" in "".join(state.faults) for state in counted) == 2


def test_a_refusal_names_the_role_for_reading(
    google: GoogleDouble, address: str, clients: GoogleClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOST_VARIABLE, address)
    google.lasting["RunQuery"] = Fault(grpc.StatusCode.PERMISSION_DENIED, "Missing or insufficient permissions.")
    with pytest.raises(SourceUnavailable, match=r"roles/datastore\.viewer"):
        FirestoreBatchStates(clients, COLLECTION).of_date(DAY)
    google.lasting["RunQuery"] = Fault(grpc.StatusCode.NOT_FOUND, "The database (default) does not exist")
    with pytest.raises(SourceUnavailable, match="gcloud firestore databases create"):
        FirestoreBatchStates(clients, COLLECTION).of_date(DAY)
