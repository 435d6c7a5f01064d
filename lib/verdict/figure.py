"""Figures as small SVG files: drawn without a display, readable without colour, light or dark.

An SVG file has its own style sheet, because the report embeds it as an image, which the page's styles do not reach. It
follows the reader's system theme, and its text stays readable on a phone.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any, cast

from lib.verdict.live import is_live
from lib.words.brief import brief

Axes = Any  # matplotlib's own types are partial

WIDTH, HEIGHT = 560, 250
# Placeholder colours for matplotlib; the style sheet defines the real ones for both themes.
INK, MUTED, LINE = "#010101", "#020202", "#030303"
FIRST, SECOND, THIRD, FOURTH = COLORS = ("#040404", "#050505", "#060606", "#070707")
_NAMES = dict(zip((INK, MUTED, LINE, *COLORS), ("ink", "muted", "line", "a", "b", "c", "d"), strict=True))
# As large as text is on a phone, so that there is room for it.
_LINE_HEIGHT = 18
_SHEET = """<style>
:root { --ink: #1c2127; --muted: #57616c; --line: #dfe3e7; --a: #0b57a4; --b: #a84300; --c: #14703a; --d: #7a2aa0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ec; --muted: #9fabb7; --line: #2b333c; --a: #79b8ff; --b: #ffb077; --c: #5fd08a; --d: #d2a8ff; }
}
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
@media (max-width: 480px) { text { font-size: 18.5px; } }
</style>"""
# JupyterLab has its own theme, whatever the system's is.
_LIVE_SHEET = """<style>
svg { background: #fff; }
@media (prefers-color-scheme: dark) { svg { background: #171c22; } }
</style>"""
_LOOK: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "consolidation runbooks",
    "font.family": "sans-serif",
    "font.size": _LINE_HEIGHT,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.spines.left": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "grid.color": LINE,
    "xtick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "ytick.major.size": 0,
    "figure.facecolor": "none",
}
_LONGEST_LABEL = 20
_NOT_NEEDED = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|<!--.*?-->|(?<=\n)\s+", re.DOTALL)
_DECIMALS = re.compile(r"(?<=[ \"(])(-?\d+\.\d\d)\d+(?=[ \")\n])")
_TAG = re.compile(r"<[^>]*>")
_POINTS = re.compile(r"(?<=[\d\"])(\d*)pt(?=\")")
_GROUP_ID = re.compile(r"^<g id=\"[^\"]*\"")
_FONT = re.compile(r"(?<=style=\")font[^;\"]*;? ?|(?<=; )font[^;\"]*;? ?")


@dataclass(frozen=True)
class Figure:
    """A drawing, made when it is displayed. A notebook shows the SVG.

    Attributes:
        description: What it shows, as text for screen readers.
        draw: A function that draws it on matplotlib's axes.
        height: Its height, in the units of `WIDTH`.
    """

    description: str
    draw: Callable[[Axes], None]
    height: int = HEIGHT

    __repr__ = brief("description")

    @cached_property
    def svg(self) -> str:
        from matplotlib import rc_context
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure as Drawing

        with rc_context(_LOOK), warnings.catch_warnings():
            # The browser draws the text; matplotlib only measures it, and may lack some characters.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            drawing = Drawing(figsize=(WIDTH / 72, self.height / 72), layout="constrained")
            canvas: Any = FigureCanvasSVG(drawing)
            self.draw(drawing.add_subplot())
            buffer = io.StringIO()
            canvas.print_svg(buffer, metadata={"Date": None, "Title": self.description})
        return _styled(buffer.getvalue())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": self.description}


def _styled(svg: str) -> str:
    """The drawing with the colours and fonts of its style sheet, without matplotlib's own attributes."""
    svg = _TAG.sub(lambda tag: _restyled(tag[0]), _NOT_NEEDED.sub("", svg))
    return svg.strip().replace("</title>", f"</title>{_SHEET}{_LIVE_SHEET if is_live() else ''}", 1)


def _restyled(tag: str) -> str:
    for color, name in _NAMES.items():
        tag = tag.replace(color, f"var(--{name})")
    tag = _FONT.sub(lambda font: "font-weight: bold; " if "700" in font[0] or "bold" in font[0] else "", tag)
    tag = _DECIMALS.sub(r"\1", tag)
    return _POINTS.sub(r"\1", tag) if tag.startswith("<svg") else _GROUP_ID.sub("<g", tag)


def lines_over_dates(
    values: Mapping[str, Mapping[date, float]], *, changed: Sequence[str] = (), of: str, title: str
) -> Figure:
    """Draw a line for each name, labelled at its end; changed ones are thick.

    Args:
        values: Values by name and date.
        changed: Names of the lines that have changed.
        of: What the values are.
        title: What the figure shows, as text for screen readers.
    """
    ends = {name: points[max(points)] for name, points in values.items()}

    def draw(axes: Axes) -> None:
        label_values(axes, of)
        axes.axhline(0, color=MUTED, linewidth=0.8)
        colors = {name: COLORS[number % len(COLORS)] for number, name in enumerate(values)}
        dashes = {name: ("-", "--")[number // len(COLORS) % 2] for number, name in enumerate(values)}
        for name, points in values.items():
            width = 3.0 if name in changed else 1.2
            axes.plot(list(points), list(points.values()), color=colors[name], linestyle=dashes[name], linewidth=width)
        label_dates(axes)
        label_ends(axes, {name: (ends[name], colors[name]) for name in ends}, bold=changed)

    return Figure(title, draw, max(HEIGHT, 60 + _LINE_HEIGHT * len(values)))


def label_values(axes: Axes, of: str) -> None:
    """Write above the axes what the values are."""
    axes.text(0, 1.02, of, color=MUTED, transform=axes.transAxes, ha="left", va="bottom")


def label_ends(axes: Axes, ends: Mapping[str, tuple[float, str]], *, bold: Sequence[str] = ()) -> None:
    """Write coloured labels to the right of the axes, each as close to its height as there is room.

    Call it after drawing: the heights depend on the scale.

    Args:
        axes: The axes.
        ends: Height and colour of each label.
        bold: Labels in bold.
    """
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    least = (high - low) * _LINE_HEIGHT / (0.72 * axes.figure.get_figheight() * 72)
    heights = apart([value for value, _ in ends.values()], least, low, high)
    for (words, (_, color)), height in zip(ends.items(), heights, strict=True):
        shown = words if len(words) <= _LONGEST_LABEL else f"{words[: _LONGEST_LABEL - 1]}…"
        weight, place = "bold" if words in bold else "normal", axes.get_yaxis_transform()
        axes.text(1.01, height, shown, color=color, transform=place, va="center", weight=weight)


def apart(values: Sequence[float], least: float, low: float, high: float) -> list[float]:
    """Move values as little as needed to be apart, and keep them within a range if there is room.

    Args:
        values: The values.
        least: Least distance between two values.
        low, high: The range.

    Returns:
        The moved values in the order of `values`.
    """
    order = sorted(range(len(values)), key=lambda at: values[at])
    moved = list(values)
    floor = low
    for at in order:
        moved[at] = max(values[at], floor)
        floor = moved[at] + least
    ceiling = high
    for at in reversed(order):
        moved[at] = min(moved[at], ceiling)
        ceiling = moved[at] - least
    return moved


def label_dates(axes: Axes) -> None:
    """Label a few dates along the axis, such as ``Nov 12``."""
    from matplotlib import dates

    make_locator = cast(Any, dates.AutoDateLocator)
    axes.xaxis.set_major_locator(make_locator(minticks=3, maxticks=5))
    axes.xaxis.set_major_formatter(lambda number, _: _spoken_day(cast(Any, dates).num2date(number)))


def _spoken_day(moment: datetime) -> str:
    return f"{moment:%b} {moment.day}"
