"""A timeline: with any names and clocks, its drawing is complete, bounded and inert, and its data is checked."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.verdict.live import SESSION_VARIABLE
from lib.verdict.timeline.axis import Axis
from lib.verdict.timeline.data import (
    LONGEST_NAME,
    LONGEST_NOTE,
    MOST_BARS,
    Bar,
    Ending,
    Hold,
    Lane,
    Lock,
    Mark,
    Overlap,
    Overview,
    Part,
    Timeline,
    timeline_of,
)
from lib.verdict.timeline.drawing import drawn, drawn_as_image

NOON = datetime(2026, 1, 17, 17, tzinfo=UTC)

_FARTHEST = datetime(1970, 1, 2), datetime(2899, 1, 1)  # noqa: DTZ001 - the strategy adds the zone
names = st.text(max_size=LONGEST_NAME)
notes = st.text(max_size=LONGEST_NOTE)
moments = st.datetimes(*_FARTHEST, timezones=st.just(UTC)) | st.floats(-9, 9).map(
    lambda seconds: NOON + timedelta(seconds=seconds)
)
periods = st.tuples(moments, moments).filter(lambda pair: pair[0] < pair[1])
bars = st.builds(
    Bar,
    st.integers(0, 1),
    st.sampled_from(Part),
    moments,
    moments,
    names,
    st.booleans(),
    st.sampled_from(Ending),
    st.integers(0, 2**40),
)
overlaps = st.builds(Overlap, st.just(0), st.integers(0, 1), moments, moments, st.integers(2, 9), notes)
locks = st.builds(Lock, names, st.lists(st.builds(Hold, moments, moments, names, st.booleans()), max_size=3).map(tuple))
overviews = st.none() | periods.flatmap(
    lambda period: st.builds(
        Overview, *map(st.just, period), st.lists(st.integers(), min_size=1, max_size=9).map(tuple)
    )
)


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    since, until = draw(periods)
    return Timeline(
        draw(notes),
        draw(st.sampled_from(["America/New_York", "Asia/Kathmandu", "UTC"])),
        since,
        until,
        (Lane(draw(names), draw(names)), Lane(draw(names))),
        tuple(draw(st.lists(bars, max_size=9))),
        tuple(draw(st.lists(overlaps, max_size=5))),
        tuple(draw(st.lists(locks, max_size=2))),
        tuple(draw(st.lists(st.builds(Mark, moments, notes), max_size=3))),
        draw(overviews),
        tuple(draw(st.lists(notes, max_size=2))),
    )


def parsed(picture: Timeline) -> ElementTree.Element:
    """Use a strict parser, which fails on any unescaped character."""
    return ElementTree.fromstring(f"<div>{drawn(picture)}</div>")  # noqa: S314 - no entity is declared in it


@given(timelines())
def test_any_names_and_clocks_give_a_complete_picture_and_data_that_can_be_read_back(picture: Timeline) -> None:
    page = parsed(picture)
    assert {element.tag for element in page.iter()}.isdisjoint({"script", "img", "a", "foreignObject"})
    for rect in page.iter("rect"):
        x, width = (float(rect.get(name, "0").rstrip("%")) for name in ("x", "width"))
        assert 0 <= x <= x + width <= 100.01
        assert width > 0
        assert int(rect.get("height", "0")) > 0
    for text in page.iter("text"):
        assert 0 <= float(text.get("x", "").rstrip("%")) <= 100
    of_bars = len(picture.bars) + len(picture.overlaps)
    of_locks = sum(len(lock.holds) + bool(lock.note) for lock in picture.locks)
    assert len([*page.iter("tr")]) == 1 + of_bars + of_locks
    image = ElementTree.fromstring(f"<div>{drawn_as_image(picture)}</div>")  # noqa: S314 - as above
    assert not [*image.iter("text")], "no page can take the words out of the image"
    (address,) = (element.get("src", "") for element in image.iter("img"))
    svg = ElementTree.fromstring(b64decode(address.removeprefix("data:image/svg+xml;base64,")))  # noqa: S314 - as above
    assert len([*svg.iter("{http://www.w3.org/2000/svg}text")]) == len([*page.iter("text")])
    # A half of a surrogate pair is not JSON.
    if "\ud800" <= max(picture.finding, default="") <= "\udfff":
        return
    assert timeline_of(picture.as_data()) == picture


@given(periods, st.sampled_from(["America/New_York", "Asia/Kathmandu", "UTC"]))
def test_labels_of_the_axis_never_overlap(period: tuple[datetime, datetime], timezone: str) -> None:
    ticks = Axis(*period, timezone).ticks()
    assert len(ticks) <= 10
    for shown, width in ((ticks, 576), ([tick for tick in ticks if not tick.is_fine], 300)):
        ends = [tick.covers(width) for tick in shown]
        assert all(end < start for (_, end), (start, _) in pairwise(ends))
        assert all(start >= 0 and end <= width for start, end in ends)


def example(**changes: Any) -> Timeline:
    bar = Bar(0, Part.MERGE, NOON, NOON + timedelta(seconds=1.3), "b1")
    plain = Timeline("b1 took 1.3 s", "UTC", NOON, NOON + timedelta(seconds=2), (Lane("a"),), (bar,))
    return replace(plain, **changes)


def test_drawings_on_one_page_never_share_their_hatch(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(example()) == drawn(example())
    monkeypatch.setenv(SESSION_VARIABLE, "a.ipynb")
    (one,), (other,) = ([each.get("id") for each in parsed(example()).iter("pattern")] for _ in range(2))
    assert one != other


def test_an_end_before_its_start_is_drawn_without_a_length_and_reported() -> None:
    page = parsed(example(bars=(Bar(0, Part.MERGE, NOON + timedelta(seconds=1), NOON, "b1"),)))
    said = " ".join(page.itertext())
    assert "Clocks differ: 1 bar with an end before the start" in said
    assert "ends before it starts" in said
    assert "0.0 s" in said


@pytest.mark.parametrize(
    "change",
    [
        {"bars": 3},
        {"bars": [{"lane": 0}]},
        {"bars": example().as_data()["bars"] * (MOST_BARS + 1)},
        {"finding": "x" * (LONGEST_NOTE + 1)},
        {"timezone": "../../etc/passwd"},
        {"since": "2026-01-17T17:00:00"},
        {"since": 0},
        {"until": "2026-01-17T17:00:00Z"},
        {"until": "9999-12-31T23:59:59Z"},
        {"lanes": []},
        {"overview": {"since": "2026-01-17T17:00:00Z", "until": "2026-01-18T17:00:00Z", "counts": []}},
        {"marks": [{"at": "2026-01-17T17:00:00Z", "label": ["x"]}]},
    ],
    ids=str,
)
def test_invalid_data_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"Timeline|zone"):
        timeline_of({**example().as_data(), **change})


@pytest.mark.parametrize("payload", [None, [], "x", 3, {}])
def test_other_payloads_are_refused(payload: object) -> None:
    with pytest.raises(ValueError, match="Timeline"):
        timeline_of(payload)
