"""A timeline as HTML: its picture with legend and notes, and the same facts as a table. No scripts, nothing loaded."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lib.verdict.timeline.axis import Axis
from lib.verdict.timeline.data import MEDIA_TYPE, Ending, Part, Timeline
from lib.verdict.timeline.style import STYLE
from lib.verdict.timeline.svg import CLASSES, SHAPES, SIGNS, sample, svg_of
from lib.verdict.timeline.words import at_once, safe, took, what
from lib.words.brief import brief
from lib.words.nouns import counted

_NAMESPACE = "http://www.w3.org/2000/svg"
_OF_IMAGE = """
.tl { container-type: normal; color-scheme: light dark; color: CanvasText; background: Canvas; --card: Canvas; }
"""
_COLUMNS = ("Where", "What", "Batch", "From", "To", "Took")


@dataclass(frozen=True)
class Picture:
    """A timeline as an exhibit. Displaying it in a notebook draws it, and stores its data for pages."""

    timeline: Timeline

    __repr__ = brief("timeline")

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {
            MEDIA_TYPE: self.timeline.as_data(),
            "text/html": drawn(self.timeline),
            "text/plain": f"Timeline: {self.timeline.finding}",
        }


def drawn(timeline: Timeline) -> str:
    """Return the whole exhibit as HTML, in the page's colours if it defines them."""
    return _exhibit(timeline, svg_of(timeline))


def drawn_as_image(timeline: Timeline) -> str:
    """Return the same with its picture as an image, in the colours of the reader's system.

    In an untrusted notebook JupyterLab reduces inline SVG to a heap of words, but it shows images.
    """
    svg = svg_of(timeline).replace("<svg", f'<svg xmlns="{_NAMESPACE}" class="tl"', 1)
    head, body = svg.split(">", 1)
    image = f"{head}><style>{STYLE}{_OF_IMAGE}</style>{body}".encode("utf-8", "replace")
    address = f"data:image/svg+xml;base64,{b64encode(image).decode()}"
    return _exhibit(timeline, f'<img src="{address}" alt="" width="100%"/>')


def _exhibit(timeline: Timeline, picture: str) -> str:
    axis = Axis(timeline.since, timeline.until, timeline.timezone)
    return (
        f'<style>{STYLE}</style><figure class="tl"><figcaption>{safe(timeline.finding)} '
        f"<span>{safe(axis.day)}</span></figcaption>{picture}"
        f'<ul class="tl-key">{"".join(_legend(timeline))}</ul>{"".join(_notes(timeline, axis))}'
        f"<details><summary>As a table</summary>{_table(timeline, axis)}</details></figure>"
    )


def _legend(timeline: Timeline) -> Iterator[str]:
    """The legend of what the picture contains."""
    parts = {bar.part for bar in timeline.bars}
    for part in Part:
        if part in parts and part is not Part.WHOLE:
            yield f"<li>{sample(CLASSES[part], SHAPES[part])}{part}</li>"
    if any(lock.holds for lock in timeline.locks):
        yield f"<li>{sample('tl-hold', (5, 8))}lock held</li>"
    endings = {bar.ending for bar in timeline.bars}
    for ending in Ending:
        if ending and ending in endings:
            yield f'<li><b class="tl-sign">{SIGNS[ending]}</b>{ending}</li>'
    if any(bar.is_open for bar in timeline.bars):
        yield "<li>dashed: its end was not logged</li>"


def _notes(timeline: Timeline, axis: Axis) -> Iterator[str]:
    if timeline.marks:
        letters = zip("abcdefghijklmnopqrstuvwxyz", timeline.marks, strict=False)
        items = (f"<li><b>{letter}</b> {safe(axis.dated(mark.at))} {safe(mark.label)}</li>" for letter, mark in letters)
        yield f'<ul class="tl-marks">{"".join(items)}</ul>'
    skewed = sum(bar.end < bar.start for bar in timeline.bars)
    skewed += sum(hold.end < hold.start for lock in timeline.locks for hold in lock.holds)
    notes = list(timeline.notes)
    if skewed:
        notes.append(f"Clocks differ: {counted(skewed, 'bar')} with an end before the start, drawn without a length.")
    if notes:
        yield f"<p>{safe(' '.join(notes))}</p>"


def _table(timeline: Timeline, axis: Axis) -> str:
    head = "".join(f'<th scope="col">{column}</th>' for column in _COLUMNS)
    body = "".join(f"<tr>{''.join(f'<td>{safe(cell)}</td>' for cell in row)}</tr>" for row in _rows(timeline, axis))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="tl-table" tabindex="0" role="group" aria-label="The timeline as a table">{table}</div>'


def _rows(timeline: Timeline, axis: Axis) -> Iterator[tuple[str, ...]]:
    def times(start: datetime, end: datetime) -> tuple[str, str, str]:
        return axis.clock(start), axis.clock(end), took(start, end)

    for bar in timeline.bars:
        yield timeline.lanes[bar.lane].name, what(bar), bar.batch, *times(bar.start, bar.end)
    for overlap in timeline.overlaps:
        yield "overlap", at_once(overlap), overlap.batches, *times(overlap.start, overlap.end)
    for lock in timeline.locks:
        if lock.note:
            yield lock.name, lock.note, "", "", "", ""
        for hold in lock.holds:
            held = "held, no release was logged" if hold.is_open else "held"
            yield lock.name, held, hold.batch, *times(hold.start, hold.end)
