"""Dates and moments as text: a date is a local one, and warehouses think in UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from lib.errors import UserError

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_OTHER_DATE = re.compile(r"(?<![A-Za-z0-9])\d{4}(_?)\d\d\1\d\d(?![A-Za-z0-9])", re.ASCII)
# What may stand for a date in a parameter.
DATE_WORDS = ("today", "yesterday")
MOST_DATES = 1_000
_DAYS_BACK = {"": 0, "today": 0, "yesterday": 1}
_TIME = r"\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?: ?(?:Z|[A-Z]{3,4}|[+-]\d\d:?\d\d)(?![A-Za-z\d]))?"
_MOMENT = rf"(?<!\d)\d{{4}}-\d\d-\d\d(?!\d)(?:[T ]{_TIME})?|(?<![\d:]){_TIME}(?![\d:])"
_MOMENTS = re.compile(rf"(?:{_MOMENT})(?: to (?:{_MOMENT}))?", re.ASCII)


def zone(name: str) -> ZoneInfo:
    """The time zone. Raises `UserError` when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UserError(f"time zone {name!r:.80} is not known; write one such as Europe/Berlin") from None


def iso_date(text: str) -> date:
    """The date that is written ``YYYY-MM-DD``. Raises `ValueError` for any other form.

    Python also reads ``20260117`` and ``2026-W03-6``, which a warehouse does not.
    """
    if not _ISO_DATE.fullmatch(text):
        raise ValueError(f"{text!r:.80} is not of the form YYYY-MM-DD")
    return date.fromisoformat(text)


def checked_game_date(game_date: str | date) -> date:
    """The date, as it is or from ``YYYY-MM-DD``. Raises `UserError` for anything else.

    A moment is refused too: which date it is depends on a time zone.
    """
    if type(game_date) is date:
        return game_date
    try:
        return iso_date(str(game_date))
    except ValueError:
        raise UserError(f"{game_date!r:.80} is not a date; write YYYY-MM-DD") from None


def dates_of(text: str) -> tuple[date, ...]:
    """The dates of ``FIRST..LAST``, both included, or ``DATE,DATE,...``, in the order in which they are named.

    Raises:
        UserError: It is of neither form, or they are reversed, named twice or more than `MOST_DATES`.
    """
    if ".." in text:
        first, last = map(checked_game_date, text.split("..", maxsplit=1))
        if last < first:
            raise UserError(f"{text!r:.80} ends before it begins")
        number = (last - first).days + 1
        dates = tuple(first + timedelta(days=day) for day in range(min(number, MOST_DATES)))
    else:
        dates = tuple(map(checked_game_date, text.split(",")))
        number = len(dates)
    if number > MOST_DATES:
        raise UserError(f"{text!r:.80} has {number:,} dates; at most {MOST_DATES:,} at once")
    if len(set(dates)) < number:
        raise UserError(f"{text!r:.80} names a date twice")
    return dates


def moment_of(text: str, timezone: str) -> datetime:
    """The moment (UTC) that is written; one without a zone is in that one, and a date means when it begins.

    Raises:
        UserError: It is not a moment.
    """
    try:
        iso_date(text[: len("YYYY-MM-DD")])
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zone(timezone))).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UserError(f"{text!r:.60} is not a time; write one such as 2026-01-17T18:00 or 2026-01-17") from None


def resolve_game_date(text: str | date, timezone: str, *, now: datetime | None = None) -> date:
    """The date that is meant.

    Args:
        text: ``YYYY-MM-DD``, ``today`` or ``yesterday``; empty means today.
        timezone: The zone whose today is meant.
        now: The moment; the clock's by default.

    Raises:
        UserError: It is not a date.
    """
    word = text.strip().lower() if isinstance(text, str) else text
    if isinstance(word, str) and word in _DAYS_BACK:
        today = (now or datetime.now(UTC)).astimezone(zone(timezone)).date()
        return today - timedelta(days=_DAYS_BACK[word])
    try:
        return checked_game_date(word)
    except UserError:
        raise UserError(f"{text!r:.80} is not a date; write YYYY-MM-DD, today or yesterday") from None


def date_in(text: str) -> date | None:
    """The first date that stands in the text, such as a batch's id; None: there is none.

    Where it has none with hyphens, one such as ``2026_01_17`` or ``20260117`` counts.
    """
    found = _ISO_DATE.search(text) or _OTHER_DATE.search(text)
    try:
        return date.fromisoformat(re.sub("[-_]", "", found.group())) if found else None
    except ValueError:
        return None


def undated(text: str) -> str:
    """The text without the dates and times of day that stand in it; one line."""
    return " ".join(_MOMENTS.sub(" ", text).split())


def start_of(day: date, timezone: str) -> datetime:
    """The moment (UTC) at which the day begins there."""
    return datetime(day.year, day.month, day.day, tzinfo=zone(timezone)).astimezone(UTC)


class LocalTime(str):
    """A moment in the words of `local_time` that still knows itself, in UTC."""

    moment: datetime


def local_time(moment: datetime | None, timezone: str) -> str:
    """``2026-01-17 14:03:22 EST``; a dash for None."""
    if moment is None:
        return "-"
    words = LocalTime(f"{moment.astimezone(zone(timezone)):%Y-%m-%d %H:%M:%S %Z}")
    words.moment = moment.astimezone(UTC)
    return words


def kept_moment(moment: datetime | date | str | None) -> str:
    """As records keep it: an aware moment in UTC, to the second; a date; words as they are; empty for None."""
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).isoformat(timespec="seconds")
    return "" if moment is None else str(moment)


def days_of(first: date, last: date) -> list[date]:
    """The dates from `first` to `last`, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
