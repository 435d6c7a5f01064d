"""Render the cells of an executed notebook as safe HTML of limited size, for a run's report."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from markupsafe import Markup

from lib.runbooks.markup import (
    IMAGES,
    WHERE,
    data_address,
    joined,
    markdown,
    sanitised,
    sentence,
    shortening,
    with_whole_cells,
)
from lib.runbooks.pictures import timeline
from lib.verdict.conclusion import MEDIA_TYPE
from lib.verdict.section import ANSWERS_TYPE
from lib.verdict.timeline.data import MEDIA_TYPE as TIMELINE
from lib.words.terminal_text import Row, rows_at_last, without_escapes
from lib.words.text import one_line, printable

_MAX_TRACEBACK = 50_000
INJECTED = "injected-parameters"  # papermill's tag
LABELS = {"parameters": "Parameters and their defaults", INJECTED: "Parameters of this run"}
# papermill adds banners around the failed cell; the report has its own.
_BANNER = "papermill-error-cell-tag"
# For all outputs of one cell together, in characters.
_LIMITS = {"text": 50_000, "HTML": 500_000, "images": 5_000_000}
_LONGEST_ALT = 500
# Counted for each output's markup, in characters.
_MARKUP = 100
_SPAN = 40
_INTERACTIVE = {
    "application/vnd.plotly": "A Plotly figure",
    "application/vnd.vega": "A Vega chart",
    "application/vnd.bokeh": "A Bokeh figure",
    "application/vnd.holoviews": "A HoloViews figure",
    "application/vnd.jupyter.widget": "A widget",
    "application/javascript": "A script",
}
# A table's caption; and the plain text of an object that has no useful one.
_CAPTION = re.compile("<caption[^>]*>(.{1,300}?)</caption>", re.DOTALL)
_BARE = re.compile(r"\s*<[\w.]+ object(?: at 0x[0-9a-f]+)?>\s*|\s*")


@dataclass(frozen=True)
class Failure:
    """The error that a cell ended with."""

    name: str
    message: str
    traceback: str


@dataclass(frozen=True)
class Cell:
    """One cell, ready for the template.

    Attributes:
        id: The cell's id.
        prose: HTML of a Markdown cell; None for code.
        code: Highlighted source; None for prose.
        label: The kind of code.
        was_run: False for code that the run did not reach.
        outputs: HTML of each output except errors and answers.
        answers: HTML of its answers.
        answered: Ids of the questions that they answer.
        failure: The error that ended it, if any.
    """

    id: str
    prose: Markup | None = None
    code: Markup | None = None
    label: str = "Code"
    was_run: bool = True
    outputs: tuple[Markup, ...] = ()
    answers: tuple[Markup, ...] = ()
    answered: frozenset[str] = frozenset()
    failure: Failure | None = None


def render_cells(
    notebook: Mapping[str, Any], *, with_verdicts: bool, shown: Sequence[Mapping[str, Any]] = ()
) -> list[Cell]:
    """Render every cell that is not empty.

    Args:
        notebook: As far as it was executed (nbformat 4). Hostile input.
        with_verdicts: False if the page shows the conclusion elsewhere.
        shown: Outputs that the page shows elsewhere.
    """
    cells = (cell for cell in notebook["cells"] if _BANNER not in cell["metadata"].get("tags", []))
    return [_render(cell, with_verdicts, shown) for cell in cells if cell["source"].strip()]


def render_output(output: Mapping[str, Any], cell_id: str) -> Markup:
    """Render a single output that has data."""
    return _richest(output["data"], cell_id, _Room())


def answered_by(cell: Mapping[str, Any]) -> frozenset[str]:
    """Return the ids of the questions that the cell's outputs answer; empty in older notebooks."""
    listed = [output["data"].get(ANSWERS_TYPE) for output in cell.get("outputs", ()) if "data" in output]
    return frozenset(id_ for ids in listed if isinstance(ids, list) for id_ in ids if isinstance(id_, str))


def _render(cell: Mapping[str, Any], with_verdicts: bool, shown: Sequence[Mapping[str, Any]]) -> Cell:
    if cell["cell_type"] != "code":
        return Cell(cell.get("id", ""), prose=markdown(cell["source"], cell.get("attachments")))
    tags = cell["metadata"].get("tags", [])
    displayed = [output for output in cell["outputs"] if not any(output is other for other in shown)]
    if not with_verdicts:
        displayed = [output for output in displayed if MEDIA_TYPE not in output.get("data", {})]
    answers = [output for output in displayed if ANSWERS_TYPE in output.get("data", {})]
    others = [output for output in displayed if ANSWERS_TYPE not in output.get("data", {})]
    return Cell(
        cell.get("id", ""),
        code=_highlighted(cell["source"]),
        label=next((LABELS[tag] for tag in tags if tag in LABELS), "Code"),
        was_run=bool(cell["metadata"].get("papermill", {}).get("start_time")),
        outputs=tuple(_outputs(others, cell.get("id", ""))),
        answers=tuple(_outputs(answers, cell.get("id", ""))),
        answered=answered_by(cell),
        failure=next((_failure(output) for output in cell["outputs"] if output["output_type"] == "error"), None),
    )


def _failure(output: Mapping[str, Any]) -> Failure:
    message, traceback = without_escapes(output["evalue"]), without_escapes("\n".join(output.get("traceback", [])))
    return Failure(output["ename"], _shortened(message, 2_000), _shortened(traceback, _MAX_TRACEBACK))


def _highlighted(source: str) -> Markup:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return Markup(highlight(printable(source), PythonLexer(), HtmlFormatter(nowrap=True)))  # noqa: S704 - pygments escapes


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}\n{shortening(len(text), limit)}"


class _Room:
    """The remaining size limits of one cell."""

    def __init__(self) -> None:
        self._left = dict(_LIMITS)
        self._short: dict[str, int] = {}

    def take(self, kind: str, text: str, markup: int = _MARKUP) -> str:
        """Return as much of the text as fits, and count it.

        Args:
            kind: A key of `_LIMITS`.
            text: The text.
            markup: Characters counted for its markup.
        """
        left = self._left[kind]
        self._left[kind] = max(0, left - len(text) - markup)
        if len(text) > left:
            self._short[kind] = _LIMITS[kind]
        return text[:left]

    def notes(self) -> Iterator[Markup]:
        """Yield a note for each kind that was shortened."""
        for kind, limit in self._short.items():
            yield sentence(f"[Shortened: the first {limit:,} characters of the {kind} of this cell. {WHERE}]")


def _outputs(outputs: Sequence[Mapping[str, Any]], cell_id: str) -> list[Markup]:
    """Render a code cell's outputs except errors; consecutive printed text becomes one box."""
    room = _Room()
    parts = [list(part) for _, part in groupby(outputs, key=lambda output: output["output_type"] == "stream")]
    by_box = attrgetter("box")
    rows = {box: list(lines) for box, lines in groupby(sorted(rows_at_last([*_writes(parts)]), key=by_box), key=by_box)}
    shown: list[Markup] = []
    for box, part in enumerate(parts):
        if box in rows:
            shown += _printed(rows[box], room)
            continue
        shown += [_richest(output["data"], cell_id, room) for output in part if "data" in output]
    return [markup for markup in [*shown, *room.notes()] if markup]


def _writes(parts: Iterable[Iterable[Mapping[str, Any]]]) -> Iterator[tuple[int, str, str]]:
    for box, part in enumerate(parts):
        streams = (output for output in part if output["output_type"] == "stream")
        for name, written in groupby(streams, key=lambda output: str(output["name"])):
            # Joined, because an escape sequence may be split.
            yield box, name, "".join(joined(output["text"]) for output in written)


def _printed(rows: list[Row], room: _Room) -> list[Markup]:
    runs = [
        (stream, room.take("text", "\n".join(row.text.rstrip() for row in lines), _SPAN))
        for stream, lines in groupby(rows, key=lambda row: row.stream)
    ]
    runs = [(stream, text) for stream, text in runs if text.strip()]
    streams = {stream for stream, _ in runs}
    if len(streams) > 1:
        spans = (Markup('<span class="{}">{}</span>').format(stream, printable(text)) for stream, text in runs)
        return [Markup('<pre class="stream">{}</pre>').format(Markup("\n").join(spans))]
    text = printable("\n".join(text for _, text in runs))
    return [Markup('<pre class="stream {}">{}</pre>').format(stream, text) for stream in streams]


def _richest(data: Mapping[str, Any], cell_id: str, room: _Room) -> Markup:
    """Render the best form of an output that a page without scripts can show."""
    if TIMELINE in data:
        return timeline(data[TIMELINE])
    for media_type in IMAGES:
        if media_type in data:
            return _image(data_address(media_type, joined(data[media_type])), _described(data, cell_id), room)
    for media_type, name in _INTERACTIVE.items():
        if any(kind.startswith(media_type) for kind in data):
            return sentence(f"{name} is not shown here. Open notebook.ipynb in JupyterLab to see it.")
    if "text/html" in data:
        return _html(joined(data["text/html"]), cell_id, room)
    if "text/markdown" in data:
        return markdown(room.take("text", joined(data["text/markdown"])))
    return _as_text(data, room)


def _html(text: str, cell_id: str, room: _Room) -> Markup:
    """Render sanitised HTML; a table wider than the page can be scrolled, also by keyboard."""
    html = with_whole_cells(sanitised(room.take("HTML", text)))
    if "<table" not in html:
        return Markup('<div class="rich">{}</div>').format(html)
    caption = _CAPTION.search(html)
    # Sanitised above; only its text is used, and escaped again.
    label = Markup(caption[1]).striptags() if caption else f"Table of {cell_id}"  # noqa: S704
    return Markup('<div class="rich" tabindex="0" role="group" aria-label="{}">{}</div>').format(label, html)


def _as_text(data: Mapping[str, Any], room: _Room) -> Markup:
    plain = joined(data.get("text/plain", ""))
    if not _BARE.fullmatch(plain):
        return _pre(plain, room)
    if "text/latex" in data:
        return _pre(joined(data["text/latex"]), room)
    for media_type in data:
        if media_type.endswith(("/json", "+json")):
            return _pre(json.dumps(data[media_type], indent=2, ensure_ascii=False), room)
    others = ", ".join(sorted(set(data) - {"text/plain"}))[:200]
    return sentence(f"An output of type {others} is not shown. {WHERE}") if others else _pre(plain, room)


def _described(data: Mapping[str, Any], cell_id: str) -> str:
    """Return an image's alternative text."""
    plain = joined(data.get("text/plain", ""))
    return f"Figure of {cell_id}" if _BARE.fullmatch(plain) or plain.startswith("<") else one_line(plain)[:_LONGEST_ALT]


def _image(address: str, alt: str, room: _Room) -> Markup:
    if room.take("images", address) != address:
        return sentence(f"{alt} is not shown because it is too large. {WHERE}")
    return Markup('<figure><img src="{}" alt="{}"></figure>').format(address, alt)


def _pre(text: str, room: _Room) -> Markup:
    shown = room.take("text", printable(text))
    return Markup('<pre class="result">{}</pre>').format(shown) if shown else Markup()
