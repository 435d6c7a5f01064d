"""A repr never raises, is one short line, and shows what identifies an object."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lib.words.brief import brief

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


@dataclass
class Thing:
    name: Any
    rows: Any = 0
    more: Any = None
    parts: list[Any] = field(default_factory=list)

    __repr__ = brief()


class Other:
    __repr__ = brief("_inner.name", "missing", "_rows")

    def __init__(self, inner: Any) -> None:
        self._inner, self._rows = inner, [1, 2]


@given(ANYTHING, ANYTHING)
def test_a_repr_is_one_short_line_whatever_the_object_contains(first: Any, second: Any) -> None:
    for thing in (Thing(first, second), Other(Thing(first)), Thing(Thing(first), [second])):
        shown = repr(thing)
        assert len(shown) <= 200
        assert "\n" not in shown


def test_defaults_and_empty_values_are_left_out() -> None:
    assert repr(Thing("a b", parts=[1, 2])) == "Thing(a b, parts=2)"
    assert repr(Thing(date(2026, 1, 17), 7, "")) == "Thing(2026-01-17, rows=7)"
    assert repr(Other(Thing("x"))) == "Other(x, rows=2)"
    assert repr(Other.__new__(Other)) == "Other()"
