"""MERGE durations over time, with the medians that the verdict is based on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lib.operations.performance.statistics import Comparison, Median
from lib.verdict.figure import FIRST, INK, MUTED, SECOND, Axes, Figure, label_dates
from lib.words.nouns import counted

Points = Sequence[tuple[datetime, float]]
_MOST_POINTS = 110
# Three lines of text fit above the points, at these fractions of the height.
_HEADROOM, _ROWS = 1.75, (1.0, 0.87, 0.74)
_SIDES = ((0, "left"), (1, "right"))
_NEAR = 1.5


def durations_over_time(
    before: Points, after: Points, compared: Comparison | None, *, fixed_at: datetime, limit_seconds: float
) -> Figure:
    """Draw each MERGE as a point: its start in local time, and its duration in seconds.

    Args:
        before: MERGEs before `fixed_at`.
        after: MERGEs since.
        compared: Their medians with intervals; None: too few MERGEs.
        fixed_at: When the lock was deployed, in local time.
        limit_seconds: Drawn only where durations come near it.
    """
    medians = (compared.before, compared.after) if compared else (None, None)
    named = zip(("before", "after"), (before, after), medians, strict=True)
    words = [_in_words(name, points, median) for name, points, median in named]
    highest = max(seconds for _, seconds in (*before, *after))

    def draw(axes: Axes) -> None:
        from matplotlib import ticker

        looks = ((before, FIRST, "o"), (after, SECOND, "^"))
        for (points, color, marker), median in zip(looks, medians, strict=True):
            _draw(axes, points, median, color, marker)
        is_near = limit_seconds <= _NEAR * highest
        axes.set_ylim(0, _HEADROOM * max(highest, limit_seconds if is_near else 0.0))
        for text, row, color, (across, side) in zip(words, _ROWS, (FIRST, SECOND), _SIDES, strict=False):
            axes.text(across, row, text, color=color, transform=axes.transAxes, ha=side, va="top")
        axes.axvline(fixed_at, ymax=_ROWS[-1] - 0.1, color=INK, linewidth=1)
        axes.text(fixed_at, _ROWS[-1], "lock deployed", transform=axes.get_xaxis_transform(), ha="center", va="top")
        _label_limit(axes, limit_seconds, is_near=is_near)
        ticks = ticker.MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(0, highest)
        axes.set_yticks([tick for tick in ticks if tick <= highest])
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} s")
        label_dates(axes)

    limit = f"The {limit_seconds:g} s limit is {'near' if limit_seconds <= _NEAR * highest else 'far above'}."
    alt = f"MERGE durations before and after the lock was deployed; {'; '.join(words)}. {limit}"
    return Figure(alt, draw, 300)


def _draw(axes: Axes, points: Points, median: Median | None, color: str, marker: str) -> None:
    if not points:
        return
    shown = _thinned(points)
    moments, durations = [moment for moment, _ in shown], [seconds for _, seconds in shown]
    axes.scatter(moments, durations, c=color, marker=marker, s=22, alpha=0.6, linewidths=0)
    if median:
        ends = [min(moments), max(moments)]
        axes.fill_between(ends, median.low, median.high, color=color, alpha=0.22, linewidth=0)
        axes.plot(ends, [median.value] * 2, color=color, linewidth=2.4)


def _label_limit(axes: Axes, limit_seconds: float, *, is_near: bool) -> None:
    """Label the limit; no line is drawn far above all points, which would leave the figure mostly empty."""
    words, place = f"limit {limit_seconds:g} s", axes.transAxes
    if is_near:
        axes.axhline(limit_seconds, color=MUTED, linewidth=1, linestyle="--")
        axes.text(1, limit_seconds, words, color=MUTED, transform=axes.get_yaxis_transform(), ha="right", va="bottom")
    else:
        axes.text(1, 1.02, f"{words}, far above", color=MUTED, transform=place, ha="right", va="bottom")


def _in_words(name: str, points: Points, median: Median | None) -> str:
    if median is None:
        return f"{name}: {counted(len(points), 'MERGE')}"
    return f"{name}: median {median.value:.1f} s (95% CI: {median.low:.1f} to {median.high:.1f})"


def _thinned(points: Points) -> list[tuple[datetime, float]]:
    """Return every nth point and the longest: ten thousand points would show no more than these."""
    step = max(1, -(-len(points) // _MOST_POINTS))
    return [*points[::step], max(points, key=lambda point: point[1])]
