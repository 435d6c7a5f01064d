"""The digest of a plan holds for exactly the state that it was made from, and a refusal names what changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.errors import UserError
from lib.operations.changes.plan import LIFE, PlanDigest, PlanOutdated, digest_of

NOW = datetime(2026, 1, 17, 23, 0, 30, tzinfo=UTC)
facts = st.dictionaries(st.text(max_size=8), st.text(max_size=20), min_size=1, max_size=6)


@given(facts, facts, st.timedeltas(timedelta(), LIFE - timedelta(minutes=1)))
def test_it_holds_for_the_same_until_it_expires(
    identity: dict[str, str], state: dict[str, str], later: timedelta
) -> None:
    shown = digest_of(identity, state, NOW)
    back = PlanDigest.parse(f" {shown.text}\n")
    back.check(dict(reversed(identity.items())), state, NOW + later)
    with pytest.raises(PlanOutdated, match="has expired"):
        back.check(identity, state, NOW + LIFE)
    assert NOW + LIFE - timedelta(minutes=1) < shown.expires_at <= NOW + LIFE


@given(facts, facts, st.data())
def test_it_does_not_hold_for_anything_else(
    identity: dict[str, str], state: dict[str, str], data: st.DataObject
) -> None:
    digest = digest_of(identity, state, NOW)
    name = data.draw(st.sampled_from(sorted(state)))
    moved = {**state, name: state[name] + data.draw(st.text(min_size=1))}
    for other_identity, other_state in ((identity, moved), ({**identity, "target": "another"}, state)):
        if (other_identity, other_state) != (identity, state):
            with pytest.raises(PlanOutdated, match="nothing was changed"):
                digest.check(other_identity, other_state, NOW)


def test_a_refusal_names_the_facts_that_changed() -> None:
    state = {"holder": "b1 on host", "last heartbeat": "12:00", "lease": "over"}
    digest = digest_of({"target": "lock"}, state, NOW)
    with pytest.raises(PlanOutdated, match=r"has changed: last heartbeat \(now 12:01\); nothing"):
        digest.check({"target": "lock"}, {**state, "last heartbeat": "12:01"}, NOW)
    with pytest.raises(PlanOutdated, match="is for something other than other lock"):
        digest.check({"target": "other lock"}, state, NOW)


@pytest.mark.parametrize(
    "text", ["", "yes", "3f9a1c2b4d5e", "3f9a1c2b4d5e-20261324T2315Z-a1", "3F9A1C2B4D5E-20260117T2315Z-a1"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="not a digest of a plan"):
        PlanDigest.parse(text)
