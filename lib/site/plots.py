"""The figures of a runbook over time, as small drawings with one axis: a line each, and what happened meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from math import floor, log10

from lib.site.index import TOOK, Figure, Row
from lib.site.marks import Mark


class Frame:
    """Where things are in a drawing, in its units: as many pixels where it is smallest, so that its words are read."""

    WIDTH, HEIGHT = 264, 134
    LEFT, RIGHT, TOP, BOTTOM = 42, 212, 38, 110


_MOST_PLOTS = 12
_SHORT_SECONDS = 0.1
# Marks that are no farther apart are one; their words are in two rows, at most so long, a letter about so wide.
_TOGETHER, _ROWS, _LONGEST_LABEL, _LETTER = 4, (11, 24), 24, 6.4
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
        points: In the units of `Frame`.
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
class PlacedMark:
    """What happened at one time; `label` is empty where it does not fit between others."""

    x: float
    label: str
    label_x: float
    label_y: float
    text: str


@dataclass(frozen=True)
class Followed:
    """What is worth looking at, and what is not.

    Attributes:
        plots: Of the figures that changed, 12 at most.
        constant: Name and text of those that did not.
        marks: The same in all of the plots.
        since: Where their axis begins, for people: a date, or a time if it is one day's.
        until: Where it ends.
    """

    plots: tuple[Plot, ...]
    constant: tuple[tuple[str, str], ...]
    marks: tuple[PlacedMark, ...] = ()
    since: str = ""
    until: str = ""


def followed(rows: Sequence[Row], marks: Sequence[Mark] = ()) -> Followed:
    """The figures of a runbook's runs, newest first, in the order in which the newest run with each has them.

    Args:
        rows: Newest first.
        marks: What happened meanwhile, oldest first.
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
    """Time, from the oldest run to the newest."""

    first: datetime
    last: datetime

    @classmethod
    def of(cls, rows: Sequence[Row]) -> _Axis:
        moments = [datetime.fromisoformat(row.started_at) for row in rows]
        return cls(min(moments), max(moments))

    def x(self, moment: str) -> float:
        """Where it is, in drawing units; a change that ended just after the newest run is at its end."""
        length = (self.last - self.first).total_seconds()
        share = (datetime.fromisoformat(moment) - self.first).total_seconds() / length if length else 1.0
        return round(Frame.LEFT + min(share, 1.0) * (Frame.RIGHT - Frame.LEFT), 1)


def _placed(marks: Sequence[Mark], axis: _Axis) -> Iterator[PlacedMark]:
    """From left to right, each with its words in the first row in which they meet no others."""
    ends = dict.fromkeys(_ROWS, 0.0)
    for x, group in _together(marks, axis):
        label = " · ".join(dict.fromkeys(mark.label for mark in group))[:_LONGEST_LABEL]
        width = len(label) * _LETTER
        starts = {row: max(x - width / 2, end) for row, end in ends.items()}
        # A label begins at its mark at the latest, and ends in the drawing.
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
    """Of two moments as `Row.when` has them: their dates, or their times when those are the same."""
    start, end = (0, 10) if first[:10] != last[:10] else (11, 19)
    return first[start:end], last[start:end]


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
    # In a stretch without a gap, position and count grow alike.
    numbered = enumerate(zip(series, points, strict=True))
    for _, stretch in groupby(numbered, key=lambda item: item[0] - item[1][0][2]):
        yield " ".join(f"{point.x},{point.y}" for _, (_, point) in stretch)


def _text(value: float, most: float) -> str:
    """To three digits of the one that is farthest from zero, or to the last one before the point."""
    digits = max(0, 2 - floor(log10(most))) if most else 0
    text = f"{value:,.{min(digits, 9)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.removeprefix("-") if text == "-0" else text
