"""The conformance suite of the `BatchStates` port, for every adapter.

An adapter's test file subclasses `BatchStatesSuite` and implements the writing of a document.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

import pytest

from lib.ports.batch_states import BatchStates
from tests.hostile.hostile import FRAGMENTS

DAY = date(2026, 1, 17)
BATCH = f"batch_{DAY}_1768650000"
START = datetime(2026, 1, 18, 2, 0, tzinfo=UTC)
DONE = START + timedelta(minutes=40)
# Firestore stores any text except half surrogate pairs; these do not occur in document names either.
NAMES = [text for name, text in FRAGMENTS.items() if name not in {"half a pair", "nothing", "long"}]


class Put(Protocol):
    """Writes a document, with a document for each completion."""

    def __call__(
        self, batch_id: str, fields: Mapping[str, Any], completions: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None: ...


def document(**fields: Any) -> dict[str, Any]:
    """A batch of five players; one failed."""
    return {
        "batch_id": BATCH,
        "game_date": str(DAY),
        "expected_players": ["a", "b", "c", "d", "e"],
        "failed_players": ["d"],
        "total_predictions": 24,
        "is_complete": False,
        "start_time": START,
        "updated_at": DONE + timedelta(hours=1),
        **fields,
    }


class BatchStatesSuite(abc.ABC):
    """Both forms are read, invalid fields are named, and dates and times are respected."""

    @pytest.fixture
    @abc.abstractmethod
    def states(self) -> BatchStates:
        """An empty place."""

    @pytest.fixture
    @abc.abstractmethod
    def put(self) -> Put:
        """Writes to the same place."""

    def test_a_list_of_completed_items_shows_the_missing_ones(self, states: BatchStates, put: Put) -> None:
        put(BATCH, document(completed_players=["c", "a", "b", "a"]))
        [state] = states.of_date(DAY)
        assert (state.batch_id, state.game_date) == (BATCH, DAY)
        assert (state.expected, state.completed, state.missing) == (5, 3, ("d", "e"))
        assert (state.failed, state.predictions, state.is_done, state.percent) == (("d",), 24, False, 60.0)
        assert (state.started_at, state.moved_at) == (START, DONE + timedelta(hours=1))
        assert (state.last_done_at, state.faults) == (None, ())

    def test_documents_of_completed_items_show_the_missing_ones_and_the_time(
        self, states: BatchStates, put: Put
    ) -> None:
        moments = {"a": START, "b": DONE, "c": START}
        completions = {name: {"completed_at": at, "predictions_count": 8} for name, at in moments.items()}
        put(BATCH, document(completed_count=3, completed_players=[]), completions)
        [state] = states.of_date(DAY)
        assert (state.completed, state.missing, state.moved_at) == (3, ("d", "e"), DONE)
        assert states.batch(BATCH) == state

    def test_with_only_a_number_the_missing_are_counted_but_not_named(self, states: BatchStates, put: Put) -> None:
        put(BATCH, document(expected_players=120, completed_count=117), {"a": {"completed_at": DONE}})
        [state] = states.of_date(DAY)
        assert (state.expected, state.missing_count, state.missing) == (120, 3, None)
        assert (state.percent, state.failed) == (97.5, ("d",))

    def test_a_batch_is_done_if_marked_or_if_no_item_is_missing(self, states: BatchStates, put: Put) -> None:
        put("by_word", document(is_complete=True, completed_count=4, completion_time=DONE))
        put("by_list", document(completed_players=list("abcde")))
        put("by_count", document(expected_players=2, completed_count=2))
        assert {state.batch_id: state.is_done for state in states.of_date(DAY)} == dict.fromkeys(
            ("by_word", "by_list", "by_count"), True
        )
        by_word = states.batch("by_word")
        assert by_word is not None
        assert (by_word.missing_count, by_word.ended_at) == (1, DONE)

    def test_only_requested_batches_are_returned_newest_first(self, states: BatchStates, put: Put) -> None:
        for number in range(3):
            put(f"b{number}", document(start_time=START + timedelta(hours=number), completed_count=5))
        put("no_start", document(start_time=None, completed_count=5))
        put("other", document(game_date="2026-01-18", start_time=START + timedelta(days=1)))
        put("as_time", document(game_date=datetime(2026, 1, 17, tzinfo=UTC), start_time=START - timedelta(1)))
        assert [state.batch_id for state in states.of_date(DAY)] == ["b2", "b1", "b0", "as_time", "no_start"]
        since = [state.batch_id for state in states.since(START + timedelta(hours=1))]
        assert since == ["other", "b2", "b1"]
        assert states.of_date(DAY - timedelta(days=400)) == []
        assert [states.batch(name) for name in ("nothing", "a/b", "..", "")] == [None] * 4

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("expected_players", {"a": True}),
            ("expected_players", -1),
            ("expected_players", 1.5),
            ("expected_players", True),
            ("expected_players", "120"),
            ("expected_players", ["a", 5, None]),
            ("expected_players", [f"player{number}" for number in range(5_001)]),
            ("completed_players", "a"),
            ("completed_count", [3]),
            ("failed_players", {"a": "injured"}),
            ("total_predictions", 10**15),
            ("is_complete", "true"),
            ("start_time", "soon"),
            ("updated_at", 1768650000),
            ("completion_time", "0001-01-01T00:00:00+14:00"),
        ],
    )
    def test_invalid_fields_are_named(self, states: BatchStates, put: Put, field: str, value: object) -> None:
        put(BATCH, document(**{field: value}))
        [state] = states.of_date(DAY)
        [fault] = state.faults
        assert fault.startswith(f"{field} ")
        assert len(fault) < 200
        assert fault.isprintable()

    def test_an_arbitrary_document_is_a_batch_without_known_fields(self, states: BatchStates, put: Put) -> None:
        put(BATCH, {"something": "else"})
        state = states.batch(BATCH)
        assert state is not None
        assert (state.expected, state.missing_count, state.percent, state.moved_at, state.is_done) == (
            *(None,) * 4,
            False,
        )

    def test_names_are_returned_unchanged(self, states: BatchStates, put: Put) -> None:
        put(BATCH, document(expected_players=NAMES, completed_players=NAMES[:1]))
        [state] = states.of_date(DAY)
        assert set(state.missing or ()) == {name[:200] for name in NAMES[1:]}
