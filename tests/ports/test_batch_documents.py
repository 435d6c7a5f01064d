"""Any document gives a batch state whose figures do not contradict each other."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lib.ports.batch_documents import FIELDS, batch_state, needs_completions
from lib.words.dates import local_time
from tests.hostile.hostile import FRAGMENTS

players = st.lists(st.sampled_from("abcdef"), max_size=6)
texts = st.text(max_size=8) | st.sampled_from(list(FRAGMENTS.values()))
moments = st.datetimes(timezones=st.none() | st.just(UTC)) | st.datetimes().map(str)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=4) | texts | moments
values = players | st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


@given(
    fields=st.dictionaries(st.sampled_from(FIELDS), values | st.integers(0, 8)),
    completions=st.none() | st.dictionaries(st.sampled_from("abcdef"), moments | scalars, max_size=6),
)
def test_any_document_is_a_state(fields: dict[str, Any], completions: dict[str, Any] | None) -> None:
    state = batch_state("b", fields, completions)
    assert state.percent is None or 0 <= state.percent <= 100
    assert (state.percent == 100) <= state.is_done
    if state.missing is not None:
        expected = fields["expected_players"]
        assert set(state.missing) <= {name[:200] for name in expected if isinstance(name, str)}
        assert set(state.missing).isdisjoint(completions or {})
    for moment in (state.started_at, state.completed_at, state.moved_at, state.ended_at):
        local_time(moment, "America/New_York")
    assert all(fault.isprintable() and len(fault) < 200 for fault in state.faults)
    assert not (state.is_complete and needs_completions(state, fields))
