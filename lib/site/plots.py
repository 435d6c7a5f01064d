"""Small line plots of a runbook's figures over time, with marks for deploys and changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from math import floor, log10

from lib.site.index import TOOK, Figure, Row
from lib.site.marks import Mark


class Frame:
    """The layout of a plot, in its own units: pixels at its smallest size, so that its text stays legible."""

    WIDTH, HEIGHT = 264, 134
    LEFT, RIGHT, TOP, BOTTOM = 42, 212, 38, 110


_MOST_PLOTS = 12
_SHORT_SECONDS = 0.1
# Closer marks are merged. Their labels have this maximum length, approximate letter width, and two rows.
_TOGETHER, _ROWS, _LONGEST_LABEL, _LETTER = 4, (11, 24), 24, 6.4
_LARGER: dict[str, dict[str, float]] = {
    "s": {"d": 86_400, "h": 3_600, "min": 60},
    "B": {"TB": 1e12, "GB": 1e9, "MB": 1e6, "KB": 1e3},
}


@dataclass(frozen=True)
class Point:
    """A figure of a run: its position, its text and the run."""

    x: float
    y: float
    text: str
    row: Row


@dataclass(frozen=True)
class Plot:
    """One figure over all runs, oldest on the left.

    Attributes:
        unit: The largest suitable unit for all values; empty if the name includes it.
        points: Points in the units of `Frame`.
        lines: Lines through points, in SVG's format; a run without the figure leaves a gap.
    """

    name: str
    newest: str
    unit: str
    low: str
    high: str
    points: tuple[Point, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class PlacedMark:
    """Events at one time; `label` is empty if there is no room for it."""

    x: float
    label: str
    label_x: float
    label_y: float
    text: str


@dataclass(frozen=True)
class Followed:
    """The figures of a runbook, plotted if they changed.

    Attributes:
        plots: Plots of the figures that changed, 12 at most.
        constant: Name and text of the figures that did not change.
        marks: Marks, the same in all plots.
        since: Start of the axis, for people: a date, or a time if all runs are of one day.
        until: End of the axis.
    """

    plots: tuple[Plot, ...]
    constant: tuple[tuple[str, str], ...]
    marks: tuple[PlacedMark, ...] = ()
    since: str = ""
    until: str = ""


def followed(rows: Sequence[Row], marks: Sequence[Mark] = ()) -> Followed:
    """Return the figures of a runbook's runs, in the order of the newest run that has each.

    Args:
        rows: The runs, newest first.
        marks: Deploys and changes in that time, oldest first.
    """
    newest: dict[str, Figure] = {}
    for figure in (figure for row in rows for figure in row.figures or ()):
        newest.setdefault(figure.key, figure)
    series = {key: _scaled(_series(figure, rows)) for key, figure in newest.items()}
    with_figures = [row for row in rows if row.figures]
    if not with_figures:
        return Followed((), ())
    axis = _Axis.of(with_figures)
    changing = [key for key, values in series.items() if len({value for value, _, _, _ in values}) > 1]
    changing.sort(key=lambda key: key == TOOK)
    still = [key for key, values in series.items() if key not in changing and len(values) > 1]
    return Followed(
        tuple(_plot(newest[key].name, series[key], axis) for key in changing[:_MOST_PLOTS]),
        tuple((newest[key].name, _constant(series[key][-1])) for key in still),
        tuple(_placed(marks, axis)),
        *_ends(with_figures[-1].when, with_figures[0].when),
    )


@dataclass(frozen=True)
class _Axis:
    """The time axis, from the oldest run to the newest."""

    first: datetime
    last: datetime

    @classmethod
    def of(cls, rows: Sequence[Row]) -> _Axis:
        moments = [datetime.fromisoformat(row.started_at) for row in rows]
        return cls(min(moments), max(moments))

    def x(self, moment: str) -> float:
        """Return the position of a time; a change that ended just after the newest run is at the end."""
        length = (self.last - self.first).total_seconds()
        share = (datetime.fromisoformat(moment) - self.first).total_seconds() / length if length else 1.0
        return round(Frame.LEFT + min(share, 1.0) * (Frame.RIGHT - Frame.LEFT), 1)


def _placed(marks: Sequence[Mark], axis: _Axis) -> Iterator[PlacedMark]:
    """Yield the marks from left to right, each label in the first row where it does not overlap another."""
    ends = dict.fromkeys(_ROWS, 0.0)
    for x, group in _together(marks, axis):
        label = " · ".join(dict.fromkeys(mark.label for mark in group))[:_LONGEST_LABEL]
        width = len(label) * _LETTER
        starts = {row: max(x - width / 2, end) for row, end in ends.items()}
        # A label starts at its mark or further left, and ends inside the plot.
        row = next((row for row in _ROWS if min(starts[row], Frame.WIDTH - width) >= ends[row] and starts[row] <= x), 0)
        start = min(starts[row], Frame.WIDTH - width) if row else 0.0
        if row:
            ends[row] = start + width + 2 * _LETTER
        yield PlacedMark(x, label if row else "", round(start, 1), row, "; ".join(mark.text for mark in group))


def _together(marks: Sequence[Mark], axis: _Axis) -> list[tuple[float, list[Mark]]]:
    groups: list[tuple[float, list[Mark]]] = []
    for mark in marks:
        x = axis.x(mark.at)
        if groups and x - groups[-1][0] <= _TOGETHER:
            groups[-1][1].append(mark)
        else:
            groups.append((x, [mark]))
    return groups


def _ends(first: str, last: str) -> tuple[str, str]:
    """Return the dates of two times in the format of `Row.when`; their times if the dates are equal."""
    start, end = (0, 10) if first[:10] != last[:10] else (11, 19)
    return first[start:end], last[start:end]


_Value = tuple[float, str, int, Row]


def _series(newest: Figure, rows: Sequence[Row]) -> list[_Value]:
    """Return value, unit, position and run, oldest first, only for values comparable with the newest."""
    return [
        (figure.value, newest.unit, position, row)
        for position, row in enumerate(reversed(rows))
        for figure in row.figures or ()
        if figure.key == newest.key and figure.measures == newest.measures
    ]


def _scaled(series: Sequence[_Value]) -> Sequence[_Value]:
    """Convert to the largest unit in which the largest value is at least ten: megabytes instead of bytes."""
    highest = max(abs(value) for value, _, _, _ in series)
    if series[-1][1] == "s" and highest < _SHORT_SECONDS:
        return [(value * 1_000, "ms", position, row) for value, _, position, row in series]
    for larger, size in _LARGER.get(series[-1][1], {}).items():
        if highest >= 10 * size:
            return [(value / size, larger, position, row) for value, _, position, row in series]
    return series


def _plot(name: str, series: Sequence[_Value], axis: _Axis) -> Plot:
    values = [value for value, _, _, _ in series]
    low, high = min(values), max(values)
    most = max(abs(low), abs(high))
    points = [
        Point(
            x=axis.x(row.started_at),
            y=round(Frame.BOTTOM - (value - low) / (high - low) * (Frame.BOTTOM - Frame.TOP), 1),
            text=_text(value, most),
            row=row,
        )
        for value, _, _, row in series
    ]
    unit = series[-1][1]
    return Plot(
        name=name,
        newest=points[-1].text,
        unit="" if name.endswith(unit) else unit,
        low=_text(low, most),
        high=_text(high, most),
        points=tuple(points),
        lines=tuple(_lines(series, points)),
    )


def _constant(value: _Value) -> str:
    number, unit, _, _ = value
    return f"{_text(number, abs(number))} {unit}"


def _lines(series: Sequence[_Value], points: Sequence[Point]) -> Iterator[str]:
    # In a stretch without a gap, position and count increase together.
    numbered = enumerate(zip(series, points, strict=True))
    for _, stretch in groupby(numbered, key=lambda item: item[0] - item[1][0][2]):
        yield " ".join(f"{point.x},{point.y}" for _, (_, point) in stretch)


def _text(value: float, most: float) -> str:
    """Round to three digits of the value farthest from zero, or to an integer."""
    digits = max(0, 2 - floor(log10(most))) if most else 0
    text = f"{value:,.{min(digits, 9)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.removeprefix("-") if text == "-0" else text
