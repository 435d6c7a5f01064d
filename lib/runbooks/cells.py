"""The cells of an executed notebook as safe HTML."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from lib.operations.verdict import MEDIA_TYPE
from lib.runbooks.templating import printable

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markupsafe import Markup

_MAX_TEXT = 50_000
_MAX_HTML = 500_000
_IMAGES = ("image/svg+xml", "image/png", "image/jpeg")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LABELS = {"parameters": "Parameters and their defaults", "injected-parameters": "Parameters of this run"}
# papermill marks the cell that failed with banners of its own; the report has a better one.
_BANNER = "papermill-error-cell-tag"


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
        id: For links.
        prose: HTML of a markdown cell; None for code.
        code: Highlighted source; None for prose.
        label: What kind of code it is.
        was_run: False for code that the run did not reach.
        outputs: HTML of each output but an error.
        failure: The error.
    """

    id: str
    prose: Markup | None = None
    code: Markup | None = None
    label: str = "Code"
    was_run: bool = True
    outputs: tuple[Markup, ...] = ()
    failure: Failure | None = None


def render_cells(notebook: Mapping[str, Any], *, with_verdicts: bool) -> list[Cell]:
    """Every cell that has something to show; verdicts are left out where they are shown elsewhere."""
    cells = (cell for cell in notebook["cells"] if _BANNER not in cell["metadata"].get("tags", []))
    return [_render(cell, with_verdicts) for cell in cells if cell["source"].strip()]


def _render(cell: Mapping[str, Any], with_verdicts: bool) -> Cell:
    if cell["cell_type"] != "code":
        return Cell(cell.get("id", ""), prose=_markdown(cell["source"]))
    tags = cell["metadata"].get("tags", [])
    return Cell(
        cell.get("id", ""),
        code=_highlighted(cell["source"]),
        label=next((_LABELS[tag] for tag in tags if tag in _LABELS), "Code"),
        was_run=bool(cell["metadata"].get("papermill", {}).get("start_time")),
        outputs=tuple(_outputs(cell, with_verdicts)),
        failure=next((_failure(output) for output in cell["outputs"] if output["output_type"] == "error"), None),
    )


def _failure(output: Mapping[str, Any]) -> Failure:
    traceback = "\n".join(output.get("traceback", []))
    return Failure(
        output["ename"], _shortened(output["evalue"], 2_000), _shortened(_ANSI.sub("", traceback), _MAX_TEXT)
    )


def _outputs(cell: Mapping[str, Any], with_verdicts: bool) -> Iterator[Markup]:
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            yield _pre(output["text"], f"stream {output['name']}")
        elif "data" in output and (with_verdicts or MEDIA_TYPE not in output["data"]):
            yield _richest(output["data"], cell.get("id", ""))


def _richest(data: Mapping[str, Any], cell_id: str) -> Markup:
    for media_type in _IMAGES:
        if media_type in data:
            return _image(media_type, _joined(data[media_type]), f"Figure of {cell_id}")
    renderers: dict[str, Callable[[str], Markup]] = {"text/html": _sanitised, "text/markdown": _markdown}
    for media_type, renderer in renderers.items():
        if media_type in data:
            return renderer(_joined(data[media_type]))
    return _pre(_joined(data.get("text/plain", "")), "result")


def _image(media_type: str, content: str, alt: str) -> Markup:
    # As an image, an SVG can neither run scripts nor load anything.
    from markupsafe import Markup

    encoded = (
        content if media_type != "image/svg+xml" else base64.b64encode(content.encode("utf-8", "replace")).decode()
    )
    return Markup('<figure><img src="data:{};base64,{}" alt="{}"></figure>').format(
        media_type, re.sub(r"\s", "", encoded), alt
    )


def _pre(text: str, css_class: str) -> Markup:
    from markupsafe import Markup

    return Markup('<pre class="{}">{}</pre>').format(css_class, printable(_shortened(_ANSI.sub("", text), _MAX_TEXT)))


def _sanitised(html: str) -> Markup:
    import nh3
    from markupsafe import Markup

    clean = nh3.clean(
        printable(html[:_MAX_HTML]),
        tags=nh3.ALLOWED_TAGS - {"img", "map", "area"},
        attributes={**nh3.ALLOWED_ATTRIBUTES, "*": {"class"}},
        url_schemes={"http", "https", "mailto"},
    )
    note = _pre(_shortening(len(html), _MAX_HTML), "stream") if len(html) > _MAX_HTML else Markup()
    # Where it is wider than the page, it is scrolled by keyboard too.
    return Markup('<div class="rich" tabindex="0">{}</div>{}').format(Markup(clean), note)  # noqa: S704 - sanitised


def _markdown(text: str) -> Markup:
    from markupsafe import Markup

    return Markup('<div class="prose">{}</div>').format(Markup(_markdown_parser().render(printable(text[:_MAX_TEXT]))))  # noqa: S704 - raw HTML is off


@cache
def _markdown_parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def _highlighted(source: str) -> Markup:
    from markupsafe import Markup
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return Markup(highlight(printable(source), PythonLexer(), HtmlFormatter(nowrap=True)))  # noqa: S704 - pygments escapes


def _joined(value: Any) -> str:
    return value if isinstance(value, str) else "".join(map(str, value))


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}\n{_shortening(len(text), limit)}"


def _shortening(length: int, limit: int) -> str:
    return f"[Shortened: the first {limit:,} of {length:,} characters. All are in notebook.ipynb.]"
