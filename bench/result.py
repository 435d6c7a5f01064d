"""Figures with their targets, and the table of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.measure import Side, Work, duration, in_turn

UNKNOWN = "UNKNOWN"
HEADINGS = ("what", "against", "ours", "theirs", "target", "figure", "")


@dataclass(frozen=True)
class Result:
    """One row of the table.

    Attributes:
        what: What was measured.
        against: What it is compared with.
        ours: Our figure, in words.
        theirs: The other side's figure; empty if there is none.
        target: The target, in words.
        figure: The result in the terms of the target.
        is_reached: Whether the target was reached.
        why: Why it was missed, according to a profile.
        rows: Number of rows processed, if memory may grow with them.
        peaks_mb: Peak memory of ours and theirs.
    """

    what: str
    against: str
    ours: str
    theirs: str
    target: str
    figure: str
    is_reached: bool
    why: str = ""
    rows: int = 0
    peaks_mb: tuple[float, float] = (0.0, 0.0)

    @property
    def cells(self) -> tuple[str, ...]:
        return (self.what, self.against, self.ours, self.theirs, self.target, self.figure, self.standing)

    @property
    def standing(self) -> str:
        if self.figure == UNKNOWN:
            return UNKNOWN
        return "reached" if self.is_reached else "NOT REACHED"


@dataclass(frozen=True)
class Ratio:
    """Target: our time is at most `at_most` times theirs; values below 1 are shown as "N times faster"."""

    at_most: float

    def __str__(self) -> str:
        return f"{1 / self.at_most:g} times faster" if self.at_most < 1 else f"within {self.at_most:g} times"

    def figure(self, ours: float, theirs: float) -> str:
        ratio = ours / theirs
        return f"{1 / ratio:.1f} times faster" if self.at_most < 1 else f"{ratio:.2f} times"

    def is_reached(self, ours: float, theirs: float) -> bool:
        return ours <= self.at_most * theirs


@dataclass(frozen=True)
class Difference:
    """Target: our time is at most this many seconds more than theirs."""

    at_most_seconds: float

    def __str__(self) -> str:
        return f"at most {duration(self.at_most_seconds)} more"

    def figure(self, ours: float, theirs: float) -> str:
        return f"{'+' if ours >= theirs else '-'}{duration(abs(ours - theirs))}"

    def is_reached(self, ours: float, theirs: float) -> bool:
        return ours - theirs <= self.at_most_seconds


def compared(
    what: str,
    against: str,
    target: Ratio | Difference,
    ours: Work,
    theirs: Work,
    *,
    rounds: int,
    why: str = "",
    rows: int = 0,
) -> Result:
    """Measure both sides alternately and return the row."""
    us, them = in_turn(ours, theirs, rounds)
    return from_sides(what, against, target, us, them, why=why, rows=rows)


def from_sides(
    what: str, against: str, target: Ratio | Difference, ours: Side, theirs: Side, *, why: str = "", rows: int = 0
) -> Result:
    """Return the row for two measured sides."""
    return Result(
        what,
        against,
        str(ours),
        str(theirs),
        str(target),
        target.figure(ours.seconds, theirs.seconds),
        target.is_reached(ours.seconds, theirs.seconds),
        why,
        rows,
        (ours.peak_mb, theirs.peak_mb),
    )


def held(what: str, against: str, target: Ratio, ours: Side, theirs: Side, *, why: str) -> Result:
    """Return the row for the peak memory of two measured sides."""
    us, them = ours.peak_mb, theirs.peak_mb
    figure, is_reached = target.figure(us, them), target.is_reached(us, them)
    return Result(what, against, f"{us:.0f} MB", f"{them:.0f} MB", str(target), figure, is_reached, why)


def within(what: str, limit_seconds: float, ours: Side, *, why: str = "") -> Result:
    """Return the row for a time that is compared only with its target."""
    reached = ours.seconds <= limit_seconds
    return Result(what, "-", str(ours), "", f"under {duration(limit_seconds)}", duration(ours.seconds), reached, why)


def as_markdown(results: Sequence[Result]) -> str:
    """Return the table in Markdown, followed by the reasons for missed targets."""
    rows = [HEADINGS, tuple("---" for _ in HEADINGS), *(result.cells for result in results)]
    table = "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)
    reasons = [f"- **{result.what}**: {result.why}" for result in results if not result.is_reached and result.why]
    return "\n".join([table, *(["", "Why targets were missed:", "", *reasons] if reasons else [])])


def memory_growth(results: Sequence[Result]) -> list[str]:
    """Return lines with the peak memory per additional row, for results that differ only in their number of rows."""
    by_work: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        if result.rows:
            by_work.setdefault((result.what.partition(f"{result.rows:,}")[0], result.against), []).append(result)
    return [_growth(series[0], series[-1]) for series in by_work.values() if len(series) > 1]


def _growth(small: Result, large: Result) -> str:
    ours, theirs = (
        f"{small.peaks_mb[side]:.0f} to {large.peaks_mb[side]:.0f} MB "
        f"({(large.peaks_mb[side] - small.peaks_mb[side]) * 1e6 / (large.rows - small.rows):.0f} bytes per row)"
        for side in (0, 1)
    )
    return f"{large.what}, from {small.rows:,}: ours {ours}; {large.against} {theirs}"
