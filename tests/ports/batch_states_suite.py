"""What every adapter of the `BatchStates` port keeps to.

A test file of an adapter subclasses `BatchStatesSuite` and says how a document is put there.
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
# Firestore stores any text but half a pair of surrogates, and no name of a document has these.
NAMES = [text for name, text in FRAGMENTS.items() if name not in {"half a pair", "nothing", "long"}]


class Put(Protocol):
    """Puts a document there, with a document for each completion."""

    def __call__(
        self, batch_id: str, fields: Mapping[str, Any], completions: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None: ...


def document(**fields: Any) -> dict[str, Any]:
    """A batch of five players, of whom one failed."""
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
    """Both forms are read, what does not fit is named, and dates and moments are kept to."""

    @pytest.fixture
    @abc.abstractmethod
    def states(self) -> BatchStates:
        """An empty place."""

    @pytest.fixture
    @abc.abstractmethod
    def put(self) -> Put:
        """Into the same place."""

    def test_a_list_of_the_completed_names_who_is_missing(self, states: BatchStates, put: Put) -> None:
        put(BATCH, document(completed_players=["c", "a", "b", "a"]))
        [state] = states.of_date(DAY)
        assert (state.batch_id, state.game_date) == (BATCH, DAY)
        assert (state.expected, state.completed, state.missing) == (5, 3, ("d", "e"))
        assert (state.failed, state.predictions, state.is_done, state.percent) == (("d",), 24, False, 60.0)
        assert (state.started_at, state.moved_at) == (START, DONE + timedelta(hours=1))
        assert (state.last_done_at, state.faults) == (None, ())

    def test_so_do_documents_of_the_completed_and_they_say_since_when(self, states: BatchStates, put: Put) -> None:
        moments = {"a": START, "b": DONE, "c": START}
        completions = {name: {"completed_at": at, "predictions_count": 8} for name, at in moments.items()}
        put(BATCH, document(completed_count=3, completed_players=[]), completions)
        [state] = states.of_date(DAY)
        assert (state.completed, state.missing, state.moved_at) == (3, ("d", "e"), DONE)
        assert states.batch(BATCH) == state

    def test_of_a_number_the_missing_are_counted_and_not_guessed(self, states: BatchStates, put: Put) -> None:
        put(BATCH, document(expected_players=120, completed_count=117), {"a": {"completed_at": DONE}})
        [state] = states.of_date(DAY)
        assert (state.expected, state.missing_count, state.missing) == (120, 3, None)
        assert (state.percent, state.failed) == (97.5, ("d",))

    def test_a_batch_is_done_by_its_word_or_when_nobody_is_missing(self, states: BatchStates, put: Put) -> None:
        put("by_word", document(is_complete=True, completed_count=4, completion_time=DONE))
        put("by_list", document(completed_players=list("abcde")))
        put("by_count", document(expected_players=2, completed_count=2))
        assert {state.batch_id: state.is_done for state in states.of_date(DAY)} == dict.fromkeys(
            ("by_word", "by_list", "by_count"), True
        )
        by_word = states.batch("by_word")
        assert by_word is not None
        assert (by_word.missing_count, by_word.ended_at) == (1, DONE)

    def test_the_newest_come_first_and_only_those_that_are_asked_for(self, states: BatchStates, put: Put) -> None:
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
    def test_what_does_not_fit_is_named(self, states: BatchStates, put: Put, field: str, value: object) -> None:
        put(BATCH, document(**{field: value}))
        [state] = states.of_date(DAY)
        [fault] = state.faults
        assert fault.startswith(f"{field} ")
        assert len(fault) < 200
        assert fault.isprintable()

    def test_a_document_of_anything_is_a_batch_of_which_nothing_is_known(self, states: BatchStates, put: Put) -> None:
        put(BATCH, {"something": "else"})
        state = states.batch(BATCH)
        assert state is not None
        assert (state.expected, state.missing_count, state.percent, state.moved_at, state.is_done) == (
            *(None,) * 4,
            False,
        )

    def test_names_are_handed_on_as_they_are(self, states: BatchStates, put: Put) -> None:
        put(BATCH, document(expected_players=NAMES, completed_players=NAMES[:1]))
        [state] = states.of_date(DAY)
        assert set(state.missing or ()) == {name[:200] for name in NAMES[1:]}
