"""The facts of a timeline in words: for tooltips, labels and the table."""

from __future__ import annotations

from datetime import datetime
from html import escape

from lib.verdict.timeline.axis import Axis
from lib.verdict.timeline.data import Bar, Hold, Overlap, Overview, Part
from lib.words.nouns import counted
from lib.words.quantities import spoken_seconds
from lib.words.text import one_line


def safe(text: str) -> str:
    """Return the text on one line, escaped for HTML and XML."""
    return escape(one_line(text))


def at_once(overlap: Overlap) -> str:
    """Return ``both in MERGE for 1.3 s`` or ``3 MERGEs overlap for 1.3 s``."""
    who = "both in MERGE" if overlap.count == 2 else f"{overlap.count} MERGEs overlap"
    return f"{who} for {took(overlap.start, overlap.end)}"


def took(start: datetime, end: datetime) -> str:
    """Return the duration, such as ``1.3 s``; never negative, even if clocks differ."""
    return spoken_seconds(max(0.0, (end - start).total_seconds()))


def what(bar: Bar) -> str:
    """Return what a bar shows and how that ended: ``whole consolidation, failed``."""
    several = counted(bar.count, "consolidation")
    part = several if bar.part is Part.SEVERAL else bar.part
    said = "its end was not logged" if bar.is_open else ""
    skewed = "ends before it starts" if bar.end < bar.start else ""
    return ", ".join(filter(None, (part, bar.ending, said, skewed)))


def bar_in_words(bar: Bar, axis: Axis) -> str:
    """Return a tooltip with what a bar shows, its batch and times."""
    return f"{what(bar)}: {bar.batch or 'no batch named'}, {_times(axis, bar.start, bar.end)}"


def overlap_in_words(overlap: Overlap, axis: Axis) -> str:
    """Return a tooltip with an overlap's batches and times."""
    return f"{at_once(overlap)}: {overlap.batches}, {_times(axis, overlap.start, overlap.end)}"


def hold_in_words(hold: Hold, axis: Axis) -> str:
    """Return a tooltip with a hold's batch and times."""
    said = ", no release was logged" if hold.is_open else ""
    return f"lock held by {hold.batch}, {_times(axis, hold.start, hold.end)}{said}"


def overview_in_words(whole: Overview, axis: Axis) -> str:
    """Return the number of consolidations and the period, such as ``14 in total, 29 Nov 05:03 to 05:04``."""
    number = sum(whole.counts)
    first, last = axis.clock(whole.since)[:-4], axis.clock(whole.until)[:-4]
    return f"{number:,} in total, {first} to {last}"


def _times(axis: Axis, start: datetime, end: datetime) -> str:
    return f"{axis.clock(start)} to {axis.clock(end)}, {took(start, end)}"
