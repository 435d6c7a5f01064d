"""The picture of a timeline as SVG: lanes, overlaps, locks, and the whole period below.

It adapts to any width: positions are in percent and text in pixels, so that a phone shows all of it and the text stays
readable. Names are hostile input: escaped here, and bounded in the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from secrets import token_hex

from lib.verdict.live import is_live
from lib.verdict.timeline.axis import Axis
from lib.verdict.timeline.data import Bar, Ending, Lane, Lock, Overlap, Part, Timeline, shortened
from lib.verdict.timeline.words import at_once, bar_in_words, hold_in_words, overlap_in_words, overview_in_words, safe

CLASSES: Mapping[Part, str] = {
    Part.WHOLE: "tl-whole",
    Part.LOCK_WAIT: "tl-wait",
    Part.MERGE: "tl-merge",
    Part.VALIDATION: "tl-check",
    Part.CLEANUP: "tl-clean",
    Part.SEVERAL: "tl-several",
}
SIGNS: Mapping[Ending, str] = {Ending.FAILED: "\N{MULTIPLICATION SIGN}", Ending.UNFINISHED: "?", Ending.RUNNING: "…"}
# Parts differ in height too, not only in colour: top and height within the 18 pixels of a lane.
SHAPES: Mapping[Part, tuple[int, int]] = {
    Part.WHOLE: (8, 2),
    Part.LOCK_WAIT: (6, 6),
    Part.MERGE: (0, 18),
    Part.VALIDATION: (3, 12),
    Part.CLEANUP: (6, 6),
    Part.SEVERAL: (2, 14),
}
# How many characters of the widest usual font fit a phone, and the width of one in percent.
_ROOM, _CHARACTER = 44, 2.2
_AXIS, _LABEL, _LANE, _BAR = 20, 17, 42, 18
_MOST_LABELS = 3
_THINNEST = 0.25


def svg_of(timeline: Timeline) -> str:
    """Return one ``<svg>``, well-formed XML except for its namespace, which HTML does not need."""
    axis = Axis(timeline.since, timeline.until, timeline.timezone)
    # Two pictures on a page must not share their hatch: a hidden one would hide it in the other too.
    drawing = token_hex(4) if is_live() else ""  # JupyterLab may show the same picture several times
    about = f"{drawing} {timeline.finding} {timeline.since.isoformat()} {timeline.until.isoformat()}"
    name = f"tl{sha256(about.encode('utf-8', 'replace')).hexdigest()[:10]}"
    lanes_at = _AXIS + _LABEL * min(_MOST_LABELS, len(timeline.overlaps))
    locks_at = lanes_at + _LANE * len(timeline.lanes)
    ends_at = locks_at + sum(map(_height, timeline.locks))
    overview = "".join(_overview(timeline, ends_at + (10 if timeline.overview else -16)))
    parts = [
        _hatch(name),
        *_grid(axis, ends_at),
        *_bars(timeline, axis, lanes_at),
        *_overlaps(timeline, axis, lanes_at, name),
        *(_lane(lane, lanes_at + _LANE * number) for number, lane in enumerate(timeline.lanes)),
        *_locks(timeline, axis, locks_at),
        overview,
    ]
    height = ends_at + ((62 if timeline.overview else 36) if overview else 4)
    label = f"Timeline: {safe(timeline.finding)}"
    return f'<svg role="img" aria-label="{label}" width="100%" height="{height}">{"".join(parts)}</svg>'


def sample(name: str, shape: tuple[int, int]) -> str:
    """Return a small sample of a bar, for the legend."""
    return f'<svg aria-hidden="true" width="18" height="18">{_rect((0, 100), *shape, name)}</svg>'


def _rect(span: tuple[float, float], down: int, height: int, name: str, title: str = "", more: str = "") -> str:
    """A bar between two percentages of the width; never outside it, nor too thin to see."""
    start = min(span[0], 100 - _THINNEST)
    width = max(_THINNEST, span[1] - start)
    place = f'x="{start:.2f}%" y="{down}" width="{width:.2f}%" height="{height}"'
    return f'<rect {place} class="{name}"{more}>{f"<title>{safe(title)}</title>" if title else ""}</rect>'


def _line(at: float, down: int, until: int, name: str) -> str:
    return f'<line x1="{at:.2f}%" x2="{at:.2f}%" y1="{down}" y2="{until}" class="{name}"/>'


def _text(at: float, down: int, text: str, name: str, anchor: str = "start", title: str = "") -> str:
    tooltip = f"<title>{safe(title)}</title>" if title else ""
    return f'<text x="{at:.2f}%" y="{down}" text-anchor="{anchor}" class="{name}">{safe(text)}{tooltip}</text>'


def _hatch(name: str) -> str:
    """Lines with borders in the page's colour, visible on the page and on every bar."""
    lines = '<path d="M5 0v10" class="tl-under"/><path d="M5 0v10" class="tl-hatch"/>'
    turned = 'patternUnits="userSpaceOnUse" patternTransform="rotate(45)"'
    return f'<defs><pattern id="{name}" width="10" height="10" {turned}>{lines}</pattern></defs>'


def _grid(axis: Axis, ends_at: int) -> Iterator[str]:
    for tick in axis.ticks():
        fine = " tl-fine" if tick.is_fine else ""
        yield _line(tick.at, 17, ends_at, f"tl-grid{fine}")
        yield _text(tick.at, 12, tick.label, f"tl-soft{fine}", tick.anchor)


def _bars(timeline: Timeline, axis: Axis, lanes_at: int) -> Iterator[str]:
    """The whole consolidation's line comes first, so that its parts are drawn on top."""
    for bar in sorted(timeline.bars, key=lambda bar: bar.part is not Part.WHOLE):
        down, height = SHAPES[bar.part]
        top = lanes_at + _LANE * bar.lane + _BAR
        name = f"{CLASSES[bar.part]}{' tl-open' if bar.is_open else ''}"
        span = axis.at(bar.start), axis.at(bar.end)
        yield _rect(span, top + down, height, name, bar_in_words(bar, axis))
        if bar.ending:
            yield _sign(bar, axis.at(max(bar.start, bar.end)), top)


def _sign(bar: Bar, at: float, top: int) -> str:
    """After its end, or before it if there is no room."""
    at, anchor = (at + 0.3, "start") if at < 96.5 else (at - 0.3, "end")
    return _text(at, top + 14, SIGNS[bar.ending], "tl-sign", anchor, bar.ending)


def _overlaps(timeline: Timeline, axis: Axis, lanes_at: int, name: str) -> Iterator[str]:
    for number, overlap in enumerate(timeline.overlaps):
        start, end = axis.at(overlap.start), axis.at(overlap.end)
        top = lanes_at + _LANE * overlap.first_lane + _BAR - 3
        height = _LANE * (overlap.last_lane - overlap.first_lane) + 24
        yield _rect((start, end), top, height, "tl-band", more=f' fill="url(#{name})"')
        if number < _MOST_LABELS:
            line_at = _AXIS + _LABEL * number
            yield _line(start, line_at + 2, top, "tl-lead")
            yield _label(overlap, start, end, line_at + 13, axis)


def _label(overlap: Overlap, start: float, end: float, down: int, axis: Axis) -> str:
    """Next to its overlap, and complete on a phone too."""
    label = at_once(overlap)
    width = min(100.0, _CHARACTER * len(label))
    at, anchor = (min(start + 0.7, 100 - width), "start") if start < 50 else (max(end, width), "end")
    return _text(at, down, label, "tl-bad", anchor, overlap_in_words(overlap, axis))


def _lane(lane: Lane, top: int) -> str:
    """Its label is above it, as a phone is too narrow for one next to it."""
    detail = shortened(lane.detail, 33)
    name = shortened(lane.name, _ROOM - 2 - len(detail))
    spans = f'<tspan class="tl-name">{safe(name)}</tspan><tspan class="tl-soft" dx="8">{safe(detail)}</tspan>'
    return f'<text x="0" y="{top + 13}" class="tl-label">{spans}</text>'


def _height(lock: Lock) -> int:
    return 50 if lock.note else 34


def _locks(timeline: Timeline, axis: Axis, top: int) -> Iterator[str]:
    for lock in timeline.locks:
        yield _text(0, top + 13, shortened(lock.name, _ROOM), "tl-name tl-label")
        yield _rect((0, 100), top + 22, 2, "tl-free")
        for hold in lock.holds:
            name = f"tl-hold{' tl-open' if hold.is_open else ''}"
            yield _rect((axis.at(hold.start), axis.at(hold.end)), top + 19, 8, name, hold_in_words(hold, axis))
        if lock.note:
            yield _text(0, top + 40, shortened(lock.note, _ROOM), "tl-soft tl-label")
        top += _height(lock)


def _overview(timeline: Timeline, top: int) -> Iterator[str]:
    """The whole period as a strip, with a frame around the part shown above and the letters of the marks."""
    if timeline.overview is None and not timeline.marks:
        return
    whole = timeline.overview
    period = whole or timeline
    axis = Axis(period.since, period.until, timeline.timezone)
    if whole:
        yield _text(0, top + 12, overview_in_words(whole, axis), "tl-soft")
        most = max(1, *whole.counts)
        steps = "".join(f"M{n} 14v-{3 + 11 * count // most}h1V14z" for n, count in enumerate(whole.counts) if count > 0)
        frame = (
            f'y="{top + 18}" width="100%" height="14" viewBox="0 0 {len(whole.counts)} 14" preserveAspectRatio="none"'
        )
        yield f'<svg {frame}><path d="{steps}" class="tl-several"/></svg>'
        yield _rect((axis.at(timeline.since), axis.at(timeline.until)), top + 16, 18, "tl-zoom")
    yield _rect((0, 100), top + 32, 1, "tl-free")
    beside = -3.0
    for letter, mark in zip("abcdefghijklmnopqrstuvwxyz", timeline.marks, strict=False):
        at = axis.at(mark.at)
        beside = max(at, beside + 4)
        yield _line(at, top + 28, top + 37, "tl-mark")
        yield _text(min(99.0, max(1.0, beside)), top + 48, letter, "tl-name", "middle", mark.label)
