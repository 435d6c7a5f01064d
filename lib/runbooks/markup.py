"""Convert a notebook's Markdown and HTML to HTML that loads and runs nothing."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from markupsafe import Markup

from lib.words.text import printable
from lib.words.unbroken import with_whole_words

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

IMAGES = ("image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp")
WHERE = "All of it is in notebook.ipynb."
_DATA_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]*")
_ALIGNED = re.compile(r'style="text-align:(left|center|right)"')
_TAG = re.compile(r"</?([a-zA-Z][\w:-]*)")
# Elements that a page without scripts and network cannot show, or shows empty.
_ACTIVE = re.compile(r"<(script|iframe|canvas|video|audio|object|embed|svg)\b", re.IGNORECASE)
_WITHOUT_SOURCE = re.compile(r'<img(?: (?!src=)[\w-]+="[^"]*")*>')
# A tag as the sanitiser writes it, with quoted attributes; and the start of a cell that may wrap.
_MARKUP = re.compile(r'<[^>"]*(?:"[^"]*"[^>"]*)*>')
_WRAPS = re.compile(r'<(?:th\b|td\b[^>"]*class="(?:[^"]* )?long[ "])')
_WHOLE = '<span class="whole">'  # as our own tables have it
_MATH = re.compile(r"\$\$.+?\$\$|\$(?!\s)[^$\n]+?(?<!\s)\$(?!\d)", re.DOTALL)
_MAX_MARKDOWN = 50_000


def sentence(text: str) -> Markup:
    """Return a note in place of something that is not shown."""
    return Markup('<p class="left-out">{}</p>').format(printable(text))


def data_address(media_type: str, content: str) -> str:
    """Return an image's ``data:`` address, from which even an SVG can neither run scripts nor load anything."""
    if media_type == "image/svg+xml":
        content = base64.b64encode(content.encode("utf-8", "replace")).decode()
    return f"data:{media_type};base64,{re.sub(r'[^A-Za-z0-9+/=]', '', content)}"


def sanitised(html: str, images: Mapping[str, str] | None = None) -> Markup:
    """Return harmless HTML, with a note on what was left out.

    Args:
        html: Hostile input.
        images: ``data:`` addresses by attachment name.
    """
    import nh3

    left_out: list[str] = [tag.lower() for tag in _ACTIVE.findall(html)]

    def address(_tag: str, name: str, value: str) -> str | None:
        if name == "href":
            return value if _scheme(value) in ("", "http", "https", "mailto") else None
        if name != "src":
            return value
        source = value if _DATA_IMAGE.fullmatch(value) else (images or {}).get(unquote(value))
        left_out.extend([] if source else [f"image {value[:100]}"])
        return source

    clean = nh3.clean(
        printable(html),
        tags=nh3.ALLOWED_TAGS - {"map", "area"},
        attributes={**nh3.ALLOWED_ATTRIBUTES, "*": {"class"}, "code": {"title"}},
        url_schemes={"http", "https", "mailto", "data", "attachment"},
        attribute_filter=address,
    )
    # A script alone draws a figure. Next to a table, it only sorts it or the like.
    if left_out and set(left_out) <= {"script"} and not _is_empty(clean):
        left_out.clear()
    clean = _WITHOUT_SOURCE.sub("", clean)
    note = sentence(f"This page cannot show: {', '.join(dict.fromkeys(left_out))}. {WHERE}") if left_out else ""
    return Markup(clean) + note  # noqa: S704 - sanitised


def with_whole_cells(html: Markup) -> Markup:
    """Return sanitised HTML in which cells that wrap do not break within a word or a time."""
    found, is_wrapping, end, before = [], False, 0, ""
    for tag in _MARKUP.finditer(html):
        text = str(html)[end : tag.start()]
        found += [with_whole_words(text) if is_wrapping and before != _WHOLE else text, tag.group()]
        is_wrapping = bool(_WRAPS.match(tag.group())) or (is_wrapping and tag.group() not in ("</td>", "</th>"))
        end, before = tag.end(), tag.group()
    return Markup("".join([*found, str(html)[end:]]))  # noqa: S704 - it was Markup


def markdown(text: str, attachments: Mapping[str, Mapping[str, Any]] | None = None) -> Markup:
    """Convert Markdown, including common HTML; other tags are shown as text.

    Args:
        text: Hostile input.
        attachments: The cell's images: content by media type, by name.
    """
    images = {
        f"attachment:{name}": data_address(media_type, joined(content))
        for name, bundle in (attachments or {}).items()
        for media_type, content in bundle.items()
        if media_type in IMAGES
    }
    html = _ALIGNED.sub(r'align="\1"', _parser().render(printable(text[:_MAX_MARKDOWN])))
    note = sentence(shortening(len(text), _MAX_MARKDOWN)) if len(text) > _MAX_MARKDOWN else ""
    return Markup('<div class="prose">{}</div>{}').format(sanitised(html, images), note)


def joined(value: Any) -> str:
    """Return a text that nbformat may store as a list of lines."""
    return value if isinstance(value, str) else "".join(map(str, value))


def shortening(length: int, limit: int) -> str:
    """Return the note below a shortened text."""
    return f"[Shortened: the first {limit:,} of {length:,} characters. {WHERE}]"


def _is_empty(html: str) -> bool:
    return "<img" not in html and not re.sub(r"<[^>]*>", "", html).strip()


def _scheme(address: str) -> str:
    try:
        return urlsplit(re.sub(r"[\x00-\x20]", "", address)).scheme
    except ValueError:
        return "malformed"


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.inline.ruler.before("escape", "math", _math)
    parser.add_render_rule("html_inline", _html)
    parser.add_render_rule("html_block", _html)
    return parser


def _math(state: StateInline, silent: bool) -> bool:
    """Keep LaTeX as written: its backslashes and underscores mean something else in Markdown."""
    match = _MATH.match(state.src, state.pos)
    if match is None:
        return False
    if not silent:
        state.push("code_inline", "code", 0).content = match[0]
    state.pos = match.end()
    return True


def _html(_renderer: Any, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    """Keep HTML whose tags are all common ones; ``<batch>`` in a sentence is a placeholder."""
    import nh3

    content = tokens[index].content
    known = {tag.lower() for tag in _TAG.findall(content)} <= nh3.ALLOWED_TAGS | {"font"}
    return content if known else escape(content)
