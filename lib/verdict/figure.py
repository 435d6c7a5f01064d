"""Figures as small SVG files: drawn without a display, readable without colour."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

Axes = Any  # matplotlib's own types are partial
# Two colours of Okabe and Ito's palette, told apart by those who see few; markers differ too.
_BEFORE, _AFTER, _LIMIT = "#0072B2", "#D55E00", "#444444"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "consolidation runbooks",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e5e5e5",
    "figure.facecolor": "white",
}
_MOST_POINTS = 1_000


@dataclass(frozen=True)
class Figure:
    """A drawing, made when it is displayed. In a notebook that shows the SVG.

    Attributes:
        description: What it shows, for those who can't see it.
        draw: Draws it on matplotlib's axes.
    """

    description: str
    draw: Callable[[Axes], None]

    @cached_property
    def svg(self) -> str:
        from matplotlib import rc_context
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure as Drawing

        with rc_context(_STYLE):
            drawing = Drawing(figsize=(7.2, 3.0), layout="constrained")
            canvas: Any = FigureCanvasSVG(drawing)
            axes = drawing.add_subplot()
            self.draw(axes)
            axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
            buffer = io.StringIO()
            canvas.print_svg(buffer, metadata={"Date": None, "Title": self.description})
        return buffer.getvalue()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": self.description}


def durations_over_time(
    before: Sequence[tuple[datetime, float]],
    after: Sequence[tuple[datetime, float]],
    *,
    fixed_at: datetime,
    limit_seconds: float,
) -> Figure:
    """Each MERGE as a point: when (UTC) and how many seconds."""

    def draw(axes: Axes) -> None:
        for points, color, marker, label in ((before, _BEFORE, "o", "before"), (after, _AFTER, "^", "after")):
            shown = _thinned(points)
            axes.scatter(
                [moment for moment, _ in shown],
                [seconds for _, seconds in shown],
                c=color,
                marker=marker,
                s=16,
                alpha=0.75,
                label=label,
            )
        axes.axvline(fixed_at, color=_LIMIT, linewidth=1, label="lock deployed")
        axes.axhline(limit_seconds, color=_LIMIT, linewidth=1, linestyle="--", label=f"{limit_seconds:g} s limit")
        axes.set_ylim(bottom=0)
        axes.set_ylabel("MERGE, seconds")
        _label_dates(axes)

    return Figure("MERGE durations over time, before and after the lock was deployed.", draw)


def distributions(samples: Mapping[str, Sequence[float]], *, limit_seconds: float) -> Figure:
    """Share of consolidations that took at most so many seconds, a line for each sample."""
    dashes = ("-", "--", "-.", ":")

    def draw(axes: Axes) -> None:
        for number, (label, seconds) in enumerate(samples.items()):
            color = (_BEFORE, _AFTER, "#009E73", "#CC79A7")[number % 4]
            axes.ecdf(_thinned(sorted(seconds)), label=label, color=color, linestyle=dashes[number % 4])
        axes.axvline(limit_seconds, color=_LIMIT, linewidth=1, linestyle="--", label=f"{limit_seconds:g} s limit")
        axes.set_xlim(left=0)
        axes.set_xlabel("seconds")
        axes.set_ylabel("share that took at most this long")

    return Figure(f"Distribution of durations: {', '.join(samples)}.", draw)


def rows_over_dates(counts: Mapping[date, tuple[int, int]], *, game_date: date) -> Figure:
    """Rows of each date as a bar: those that readers see and, on top, those that are inactive.

    Args:
        counts: Both numbers by date.
        game_date: The date that the run is about; marked.
    """

    def draw(axes: Axes) -> None:
        axes.bar(list(counts), [seen for seen, _ in counts.values()], color=_BEFORE, label="seen by readers")
        inactive = {day: both for day, both in counts.items() if both[1]}
        if inactive:
            heights, bottoms = [unseen for _, unseen in inactive.values()], [seen for seen, _ in inactive.values()]
            look = {"color": "white", "edgecolor": _AFTER, "hatch": "///", "label": "inactive"}
            axes.bar(list(inactive), heights, bottom=bottoms, **look)
        axes.axvline(game_date, color=_LIMIT, linewidth=1, linestyle=":", label=f"{game_date}")
        axes.set_ylabel("rows")
        axes.grid(visible=False, axis="x")
        _label_dates(axes)

    return Figure(f"Rows of each date up to {game_date}.", draw)


def lines_over_dates(values: Mapping[str, Mapping[date, float]], *, label: str, title: str) -> Figure:
    """A line for each of a few names; `label` says what the values are."""
    markers, colors = ("o", "^", "s", "D"), (_BEFORE, _AFTER, "#009E73", "#CC79A7")

    def draw(axes: Axes) -> None:
        for number, (name, points) in enumerate(values.items()):
            look = {"color": colors[number % 4], "marker": markers[number // 4 % 4], "markersize": 3, "linewidth": 1}
            axes.plot(list(points), list(points.values()), label=name, **look)
        axes.axhline(0, color=_LIMIT, linewidth=1)
        axes.set_ylabel(label)
        _label_dates(axes)

    return Figure(title, draw)


def _label_dates(axes: Axes) -> None:
    from matplotlib import dates

    formatter: Any = dates.ConciseDateFormatter
    axes.xaxis.set_major_formatter(formatter(axes.xaxis.get_major_locator()))


def _thinned(points: Sequence[Any]) -> list[Any]:
    """Every nth point: a page of ten thousand markers shows no more than one of a thousand."""
    step = max(1, -(-len(points) // _MOST_POINTS))
    return [*points[::step]]
