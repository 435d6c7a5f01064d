"""Which date a runbook is about: a game date is a local date, the warehouse thinks in UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from lib.consolidation.identifiers import checked_game_date
from lib.errors import UserError

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# What may stand for a date in a parameter.
DATE_WORDS = ("today", "yesterday")
_DAYS_BACK = {"": 0, "today": 0, "yesterday": 1}


def zone(name: str) -> ZoneInfo:
    """The time zone. Raises `UserError` when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UserError(f"time zone {name!r:.80} is not known; write one such as America/New_York") from None


def resolve_game_date(text: str | date, timezone: str, *, now: datetime | None = None) -> date:
    """The game date that is meant.

    Args:
        text: ``YYYY-MM-DD``, ``today`` or ``yesterday``; empty means today.
        timezone: The zone whose today is meant.
        now: The moment; the clock's by default.

    Raises:
        UserError: It is no date.
    """
    if isinstance(text, date):
        return text
    word = text.strip().lower()
    if word in _DAYS_BACK:
        today = (now or datetime.now(UTC)).astimezone(zone(timezone)).date()
        return today - timedelta(days=_DAYS_BACK[word])
    try:
        return checked_game_date(word)
    except UserError:
        raise UserError(f"{text!r:.80} is not a date; write YYYY-MM-DD, today or yesterday") from None


def date_in(text: str) -> date | None:
    """The first date that stands in the text, such as a batch's id; None: there is none."""
    found = _ISO_DATE.search(text)
    try:
        return date.fromisoformat(found.group()) if found else None
    except ValueError:
        return None


def start_of(day: date, timezone: str) -> datetime:
    """The moment (UTC) at which the day begins there."""
    return datetime(day.year, day.month, day.day, tzinfo=zone(timezone)).astimezone(UTC)


def local_time(moment: datetime | None, timezone: str) -> str:
    """``2026-01-17 14:03:22 EST``; a dash for None."""
    return f"{moment.astimezone(zone(timezone)):%Y-%m-%d %H:%M:%S %Z}" if moment else "-"
