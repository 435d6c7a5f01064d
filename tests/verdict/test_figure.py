"""Figures: small, in both themes, with labels at the ends of lines that never overlap."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import sin
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.operations.performance.picture import durations_over_time
from lib.operations.performance.statistics import compare
from lib.operations.quality.picture import rows_over_dates
from lib.verdict.figure import Figure, apart, lines_over_dates
from lib.verdict.live import SESSION_VARIABLE

START = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = [date(2026, 11, 1) + timedelta(days=number) for number in range(28)]


def durations(count: int, *, limit: float) -> Figure:
    points = [(START + timedelta(hours=number), 12 + 5 * sin(number)) for number in range(2 * count)]
    before, after = points[:count], points[count:]
    compared = compare([took for _, took in before], [took for _, took in after], tolerated_percent=50)
    return durations_over_time(before, after, compared, fixed_at=after[0][0], limit_seconds=limit)


def rows(found: float, usual: float | None = 1_180.0) -> Figure:
    numbers = {**{day: 1_180.0 + day.day for day in DAYS}, DAYS[-1]: found}
    return rows_over_dates(numbers, of="rows", game_date=DAYS[-1], usual=usual, warns=0.8, fails=0.5)


def bias() -> Figure:
    values = {f"system <{number}>": dict.fromkeys(DAYS, number / 10) for number in range(8)}
    return lines_over_dates(values, changed=["system <3>"], of="bias", title="Bias <by> system.")


def parsed(figure: Figure) -> Element:
    return fromstring(figure.svg)  # noqa: S314 - our own


def words_of(figure: Figure) -> list[str]:
    return [element.text or "" for element in parsed(figure).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize(
    "figure", [durations(5_000, limit=60), durations(3, limit=15), rows(433), rows(0, None), bias()]
)
def test_a_figure_is_small_and_has_both_themes(figure: Figure) -> None:
    title = parsed(figure).find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text == figure.description
    assert len(figure.svg) < 30_000
    drawn = figure.svg.partition("</style>")[2]
    assert "@media (prefers-color-scheme: dark)" in figure.svg
    assert [
        color for color in ("#", "white", "rgb(") if color in drawn.replace('href="#', "").replace("url(#", "")
    ] == []
    assert "font-size" not in drawn


def test_the_basis_of_the_verdict_is_in_the_description() -> None:
    said = words_of(durations(50, limit=60))
    assert {"lock deployed", "limit 60 s, far above"} <= {*said}
    assert any(word.startswith("after: median 12.") and "(95% CI: " in word for word in said)
    assert "limit 15 s" in words_of(durations(50, limit=15))
    assert {"usual 1,180", "WARN below", "FAIL below", "433"} <= {*words_of(rows(433))}
    assert {f"system <{number}>" for number in range(8)} <= {*words_of(bias())}


def test_names_from_rows_are_plain_text() -> None:
    names = ["$\\frac{", "🏀 <b>#010101</b>", 'a" style="font: 1px', "1.23456 " + "x" * 60]
    figure = lines_over_dates({name: dict.fromkeys(DAYS, 1.0) for name in names}, of="bias", title=" ".join(names))
    assert {*words_of(figure)} >= {*names[:3], f"{names[3][:19]}…"}
    assert figure.description == " ".join(names)


def test_jupyterlab_has_its_own_theme(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "svg { background:" not in bias().svg
    monkeypatch.setenv(SESSION_VARIABLE, "notebooks/daily_quality.ipynb")
    assert "svg { background: #fff; }" in bias().svg


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=12))
def test_labels_keep_their_order_and_distance(values: list[float]) -> None:
    low, high = -1e3, 1e3
    least = (high - low) / 12
    moved = apart(values, least, low, high)
    order = sorted(range(len(values)), key=lambda at: (values[at], at))
    heights = [moved[at] for at in order]
    assert all(later - earlier > least - 1e-6 for earlier, later in pairwise(heights))
    assert low - 1e-6 <= heights[0]
    assert heights[-1] <= high
    if all(abs(a - b) > least + 1e-6 for at, a in enumerate(values) for b in values[:at]):
        assert moved == values
