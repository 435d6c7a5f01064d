"""The figures of a runbook over time, as lines for small SVG drawings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import floor, log10

from lib.site.index import Figure, Row

WIDTH, HEIGHT = 320, 72
_MARGIN = 8
_MOST_PLOTS = 12
_LARGER: dict[str, dict[str, float]] = {
    "s": {"d": 86_400, "h": 3_600, "min": 60},
    "B": {"TB": 1e12, "GB": 1e9, "MB": 1e6, "KB": 1e3},
}


@dataclass(frozen=True)
class Point:
    """A run's figure: where it is drawn, as text, and whose it is."""

    x: float
    y: float
    text: str
    row: Row


@dataclass(frozen=True)
class Plot:
    """One figure over the runs, oldest on the left.

    Attributes:
        unit: Of all of them, as large as fits; empty when the name says it.
        points: In drawing units, `WIDTH` by `HEIGHT`.
        lines: Points to be joined, as SVG has them; a run without the figure leaves a gap.
    """

    name: str
    newest: str
    unit: str
    low: str
    high: str
    points: tuple[Point, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Followed:
    """What is worth looking at, and what is not.

    Attributes:
        plots: Of the figures that changed, 12 at most.
        constant: Name and text of those that did not.
    """

    plots: tuple[Plot, ...]
    constant: tuple[tuple[str, str], ...]


def followed(rows: Sequence[Row]) -> Followed:
    """The figures of a runbook's runs, newest first, in the order in which the newest run with each has them."""
    newest: dict[str, Figure] = {}
    for figure in (figure for row in rows for figure in row.figures or ()):
        newest.setdefault(figure.key, figure)
    series = {key: _scaled(_series(figure, rows)) for key, figure in newest.items()}
    changing = [key for key, values in series.items() if len({value for value, _, _, _ in values}) > 1]
    still = [key for key, values in series.items() if key not in changing and len(values) > 1]
    return Followed(
        tuple(_plot(newest[key].name, series[key], len(rows)) for key in changing[:_MOST_PLOTS]),
        tuple((newest[key].name, f"{_text(series[key][-1][0])} {series[key][-1][1]}") for key in still),
    )


_Value = tuple[float, str, int, Row]


def _series(newest: Figure, rows: Sequence[Row]) -> list[_Value]:
    """Value, unit, position and run, oldest first; only what measures the same as the newest one."""
    return [
        (figure.value, newest.unit, position, row)
        for position, row in enumerate(reversed(rows))
        for figure in row.figures or ()
        if figure.key == newest.key and figure.measures == newest.measures
    ]


def _scaled(series: Sequence[_Value]) -> Sequence[_Value]:
    """In the largest unit of which the largest value has ten or more: no bytes where there are megabytes."""
    highest = max(abs(value) for value, _, _, _ in series)
    for larger, size in _LARGER.get(series[-1][1], {}).items():
        if highest >= 10 * size:
            return [(value / size, larger, position, row) for value, _, position, row in series]
    return series


def _plot(name: str, series: Sequence[_Value], positions: int) -> Plot:
    values = [value for value, _, _, _ in series]
    low, high = min(values), max(values)
    step = (WIDTH - 2 * _MARGIN) / max(positions - 1, 1)
    points = [
        Point(
            x=round(_MARGIN + position * step, 1),
            y=round(HEIGHT - _MARGIN - (value - low) / (high - low) * (HEIGHT - 2 * _MARGIN), 1),
            text=_text(value),
            row=row,
        )
        for value, _, position, row in series
    ]
    unit = series[-1][1]
    return Plot(
        name=name,
        newest=points[-1].text,
        unit="" if name.endswith(unit) else unit,
        low=_text(low),
        high=_text(high),
        points=tuple(points),
        lines=tuple(_lines(series, points)),
    )


def _lines(series: Sequence[_Value], points: Sequence[Point]) -> Iterator[str]:
    # In a stretch without a gap, position and count grow alike.
    numbered = enumerate(zip(series, points, strict=True))
    for _, stretch in groupby(numbered, key=lambda item: item[0] - item[1][0][2]):
        yield " ".join(f"{point.x},{point.y}" for _, (_, point) in stretch)


def _text(value: float) -> str:
    """To three digits, or to the last one before the point."""
    digits = max(0, 2 - floor(log10(abs(value)))) if value else 0
    text = f"{value:,.{min(digits, 9)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
