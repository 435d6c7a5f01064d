"""The outputs of a cell as safe HTML of a limited size."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from lib.runbooks.markup import IMAGES, WHERE, data_address, joined, markdown, sanitised, sentence
from lib.verdict.conclusion import MEDIA_TYPE
from lib.words.terminal_text import Row, rows_at_last
from lib.words.text import printable

if TYPE_CHECKING:
    from markupsafe import Markup

# Of all outputs of one cell together, in characters.
_LIMITS = {"text": 50_000, "HTML": 500_000, "images": 5_000_000}
# What an output costs however short it is.
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
# What IPython says in words about an object that it shows otherwise.
_BARE = re.compile(r"\s*<[\w.]+ object(?: at 0x[0-9a-f]+)?>\s*|\s*")


class _Room:
    """What is left of the limits of one cell."""

    def __init__(self) -> None:
        self._left = dict(_LIMITS)
        self._short: dict[str, int] = {}

    def take(self, kind: str, text: str, markup: int = _MARKUP) -> str:
        """As much of the text as there is room for."""
        left = self._left[kind]
        self._left[kind] = max(0, left - len(text) - markup)
        if len(text) > left:
            self._short[kind] = _LIMITS[kind]
        return text[:left]

    def notes(self) -> Iterator[Markup]:
        """What had to be cut."""
        for kind, limit in self._short.items():
            yield sentence(f"[Shortened: the first {limit:,} characters of the {kind} of this cell. {WHERE}]")


def render_outputs(cell: Mapping[str, Any], *, with_verdicts: bool) -> list[Markup]:
    """Each output but an error; what is printed without another output in between is one box.

    Args:
        cell: A code cell. Hostile input.
    """
    room = _Room()
    parts = [list(part) for _, part in groupby(cell["outputs"], key=lambda output: output["output_type"] == "stream")]
    by_box = attrgetter("box")
    rows = {box: list(lines) for box, lines in groupby(sorted(rows_at_last([*_writes(parts)]), key=by_box), key=by_box)}
    shown: list[Markup] = []
    for box, part in enumerate(parts):
        if box in rows:
            shown += _printed(rows[box], room)
            continue
        bundles = (output["data"] for output in part if "data" in output)
        shown += [
            _richest(data, cell.get("id", ""), room) for data in bundles if with_verdicts or MEDIA_TYPE not in data
        ]
    return [markup for markup in [*shown, *room.notes()] if markup]


def _writes(parts: Iterable[Iterable[Mapping[str, Any]]]) -> Iterator[tuple[int, str, str]]:
    for box, part in enumerate(parts):
        streams = (output for output in part if output["output_type"] == "stream")
        for name, written in groupby(streams, key=lambda output: str(output["name"])):
            # Joined, for an escape sequence may be cut in two.
            yield box, name, "".join(joined(output["text"]) for output in written)


def _printed(rows: list[Row], room: _Room) -> list[Markup]:
    from markupsafe import Markup

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
    """The best form of an output that a page without scripts can show."""
    for media_type in IMAGES:
        if media_type in data:
            return _image(data_address(media_type, joined(data[media_type])), f"Figure of {cell_id}", room)
    for media_type, name in _INTERACTIVE.items():
        if any(kind.startswith(media_type) for kind in data):
            return sentence(f"{name} is not shown here. Open notebook.ipynb in JupyterLab to see it.")
    if "text/html" in data:
        from markupsafe import Markup

        # Where it is wider than the page, it is scrolled by keyboard too.
        html = sanitised(room.take("HTML", joined(data["text/html"])))
        return Markup('<div class="rich" tabindex="0">{}</div>').format(html)
    if "text/markdown" in data:
        return markdown(room.take("text", joined(data["text/markdown"])))
    return _as_text(data, room)


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


def _image(address: str, alt: str, room: _Room) -> Markup:
    from markupsafe import Markup

    if room.take("images", address) != address:
        return sentence(f"{alt} is not shown, for it is too large. {WHERE}")
    return Markup('<figure><img src="{}" alt="{}"></figure>').format(address, alt)


def _pre(text: str, room: _Room) -> Markup:
    from markupsafe import Markup

    shown = room.take("text", printable(text))
    return Markup('<pre class="result">{}</pre>').format(shown) if shown else Markup()
