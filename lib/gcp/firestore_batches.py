"""The coordinator's batch documents in Firestore. Needs `roles/datastore.viewer`.

Each query filters by one field, because Firestore indexes single fields automatically.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import Any

from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from lib.consolidation.identifiers import is_batch_id
from lib.gcp.clients import GoogleClients
from lib.gcp.errors import FIRESTORE_READ
from lib.ports.batch_documents import FIELDS, batch_state, needs_completions
from lib.ports.batch_states import MOST_BATCHES, MOST_PLAYERS, BatchState, newest_first
from lib.words.brief import brief

_COMPLETIONS = "completions"
# Each is a separate query; for older batches that never finished, the count is enough.
_MOST_ASKED_FOR_PLAYERS = 10
_NOT_ASKED = f"item documents were not read: only the {_MOST_ASKED_FOR_PLAYERS} newest unfinished batches are checked"
_REQUEST_SECONDS = 10.0
_TRANSIENT = if_exception_type(exceptions.ServiceUnavailable, exceptions.InternalServerError, exceptions.Aborted)


class FirestoreBatchStates:
    """A `BatchStates` port over a collection.

    With ``FIRESTORE_EMULATOR_HOST`` set, it uses the emulator, without credentials.

    Args:
        clients: The clients of the project.
        collection: The collection of the documents.
        database: The Firestore database.
        request_timeout_seconds: How long to retry one request.
    """

    __repr__ = brief()

    def __init__(
        self,
        clients: GoogleClients,
        collection: str,
        *,
        database: str = "(default)",
        request_timeout_seconds: float = _REQUEST_SECONDS,
    ) -> None:
        self._clients = clients
        self._name = collection
        self._database = database
        again = Retry(predicate=_TRANSIENT, initial=0.1, maximum=2.0, timeout=request_timeout_seconds)
        self._reading: dict[str, Any] = {"retry": again, "timeout": request_timeout_seconds}

    @property
    def place(self) -> str:
        return f"Firestore collection {self._name} (batch_state.collection)"

    @cached_property
    def _collection(self) -> firestore.CollectionReference:
        client = firestore.Client(project=self._clients.project_id, database=self._database)
        return client.collection(self._name)

    def of_date(self, game_date: date) -> list[BatchState]:
        midnight = datetime.combine(game_date, time(), UTC)
        with self._clients.errors(FIRESTORE_READ):
            written = FieldFilter("game_date", "in", [game_date.isoformat(), midnight])
            return self._states(self._collection.where(filter=written))

    def since(self, moment: datetime) -> list[BatchState]:
        with self._clients.errors(FIRESTORE_READ):
            started = self._collection.where(filter=FieldFilter("start_time", ">=", moment))
            return self._states(started.order_by("start_time", direction=firestore.Query.DESCENDING))

    def batch(self, batch_id: str) -> BatchState | None:
        if not is_batch_id(batch_id):
            return None
        with self._clients.errors(FIRESTORE_READ):
            found = self._collection.document(batch_id).get(FIELDS, **self._reading)
            return self._with_players([found])[0] if found.exists else None

    def _states(self, query: firestore.Query) -> list[BatchState]:
        return self._with_players(query.select(FIELDS).limit(MOST_BATCHES).get(**self._reading))

    def _with_players(self, found: Sequence[firestore.DocumentSnapshot[Any]]) -> list[BatchState]:
        documents = {document.id: document.to_dict() or {} for document in found}
        states = {name: batch_state(name, fields) for name, fields in documents.items()}
        newest = newest_first(list(states.values()))
        asked = [state.batch_id for state in newest if needs_completions(state, documents[state.batch_id])]
        for name in asked[:_MOST_ASKED_FOR_PLAYERS]:
            states[name] = batch_state(name, documents[name], self._completions(name))
        for name in asked[_MOST_ASKED_FOR_PLAYERS:]:
            states[name] = replace(states[name], faults=(*states[name].faults, _NOT_ASKED))
        return [states[state.batch_id] for state in newest]

    def _completions(self, batch_id: str) -> dict[str, Any]:
        players = self._collection.document(batch_id).collection(_COMPLETIONS)
        found = players.select(["completed_at"]).limit(MOST_PLAYERS).get(**self._reading)
        return {document.id: (document.to_dict() or {}).get("completed_at") for document in found}
