"""A bar chart of the date's rows next to those of earlier dates, with the limits that the verdict uses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from lib.verdict.figure import FIRST, INK, MUTED, SECOND, Axes, Figure, label_dates, label_ends, label_values

_HEADROOM = 1.25


def rows_over_dates(
    rows: Mapping[date, float], *, of: str, game_date: date, usual: float | None, warns: float, fails: float
) -> Figure:
    """Draw a bar for each date, with the run's own date highlighted.

    Args:
        rows: The compared number of rows by date.
        of: What is compared, such as ``rows per game and system``.
        game_date: The run's date.
        usual: The usual number; None if there is none.
        warns, fails: Shares of the usual below which the date is a WARN or a FAIL, 0 to 1.
    """
    found = rows.get(game_date, 0.0)
    is_low = usual is not None and found < warns * usual

    def draw(axes: Axes) -> None:
        others = {day: number for day, number in rows.items() if day != game_date}
        axes.bar(list(others), list(others.values()), color=MUTED, alpha=0.35, width=0.75)
        axes.bar([game_date], [found], color=SECOND if is_low else FIRST, width=0.75)
        top = _HEADROOM * max([*rows.values(), usual or 0.0])
        axes.set_ylim(0, top)
        if usual is not None:
            axes.axhspan(warns * usual, top, color=FIRST, alpha=0.07, linewidth=0)
            for limit, style in ((1.0, "-"), (warns, "--"), (fails, ":")):
                axes.axhline(limit * usual, color=INK if limit == 1.0 else MUTED, linewidth=1, linestyle=style)
            named = ((f"usual {usual:,.4g}", 1.0, INK), ("WARN below", warns, MUTED), ("FAIL below", fails, MUTED))
            label_ends(axes, {words: (share * usual, color) for words, share, color in named})
        label_values(axes, of)
        axes.annotate(f"{found:,.4g}", (game_date, found), (0, 3), textcoords="offset points", ha="center", va="bottom")
        label_dates(axes)

    against = (
        ""
        if usual is None
        else f", usually {usual:,.4g}; less than {warns:.0%} of that is a WARN, less than {fails:.0%} a FAIL"
    )
    return Figure(f"{of.capitalize()} by date, {found:,.4g} on {game_date}{against}.", draw)
