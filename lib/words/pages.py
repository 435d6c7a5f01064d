"""Renders this package's templates, with autoescaping that makes hostile text harmless."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.errors import UserError
from lib.words.dates import local_time
from lib.words.quantities import spoken, spoken_seconds
from lib.words.runbook_commands import command_to_copy, parts_of
from lib.words.text import first_words, one_line, printable
from lib.words.unbroken import unbroken

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_LIB = Path(__file__).parents[1]
TEMPLATES = tuple(_LIB / room / "templates" for room in ("runbooks", "site", "workbench/lab"))

_YEARS = range(1970, 3000)  # times near the limits of datetime cannot be converted to another zone
_MARKUP = re.compile(r"[\\`*{}\[\]<>|~&#@!]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=//)|(?<=www)\.")
_BACKTICKS = re.compile("`+")
_LIST_MARK = re.compile(r"^\d{1,9}(?=[.)])|^(?=[-+=:])")


def render(template: str, values: Mapping[str, Any]) -> str:
    """Fill a template of `TEMPLATES`; every value is escaped unless it is Markup."""
    return _environment().get_template(template).render(values)


def render_markdown(template: str, values: Mapping[str, Any]) -> str:
    """Fill a Markdown template of `TEMPLATES`; every value becomes one line of plain text."""
    return _markdown_environment().get_template(template).render(values)


def as_markdown(text: str) -> str:
    """Return one line of CommonMark that shows exactly this text, without markup, links or HTML."""
    escaped = _MARKUP.sub(r"\\\g<0>", one_line(text))
    return _LIST_MARK.sub(r"\g<0>\\", escaped)


def as_code(text: str) -> str:
    """Return a CommonMark code span that shows exactly this text on one line."""
    line = one_line(text)
    fence = "`" * (1 + max(map(len, _BACKTICKS.findall(line)), default=0))
    pad = " " * (line[:1] in "` " or line[-1:] in "` ")
    return f"{fence}{pad}{line}{pad}{fence}"


@dataclass(frozen=True)
class InlineScript:
    """An inline script of a page whose policy allows only these bytes.

    Attributes:
        text: The text between the tags.
        source: Its source expression in a Content-Security-Policy: ``'sha256-...'``.
    """

    text: Markup
    source: str


@cache
def inline_script(template: str) -> InlineScript:
    """Return a script of `TEMPLATES`; scripts never contain values."""
    from markupsafe import Markup

    text = render(template, {})
    digest = b64encode(sha256(text.encode()).digest()).decode()
    return InlineScript(Markup(text), f"'sha256-{digest}'")  # noqa: S704 - our own file


def _unbroken(text: str) -> Markup:
    from markupsafe import Markup

    return Markup(unbroken(printable(text)))  # noqa: S704 - escaped there


def in_zone(moment: datetime | None, timezone: str = "UTC") -> str:
    """Format a time for people, e.g. ``2026-11-24 14:53:40 EST``; in UTC if the time zone is unknown."""
    try:
        return local_time(moment, timezone)
    except UserError:
        return local_time(moment, "UTC")


def shown_moment(kept: str, timezone: str = "UTC") -> str:
    """Format a value of `lib.words.dates.kept_moment` for people: a time as in `in_zone`, other text as it is."""
    try:
        moment = datetime.fromisoformat(kept)
    except ValueError:
        return kept
    return in_zone(moment, timezone) if moment.tzinfo and moment.year in _YEARS else kept


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "in_zone": in_zone,
        "shown_moment": shown_moment,
        "parts_of": parts_of,
        "command_to_copy": command_to_copy,
        "unbroken": _unbroken,
        "first_words": first_words,
    }
    environment.filters |= {"spoken": spoken, "spoken_seconds": spoken_seconds}
    return environment


class _Code(str):
    """Text that a Markdown template shows as code."""

    __slots__ = ()


@cache
def _markdown_environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(  # noqa: S701 - its output is not HTML; each value is escaped for Markdown
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        finalize=lambda value: as_code(value) if isinstance(value, _Code) else as_markdown(str(value)),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"in_zone": in_zone, "shown_moment": shown_moment, "code": _Code}
    return environment


def _finalized(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return type(value)(printable(value)) if hasattr(value, "__html__") else printable(value)
