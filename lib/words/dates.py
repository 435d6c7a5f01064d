"""Dates and times as text; dates are in the operators' time zone, times in the warehouse are in UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from lib.errors import UserError

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_OTHER_DATE = re.compile(r"(?<![A-Za-z0-9])\d{4}(_?)\d\d\1\d\d(?![A-Za-z0-9])", re.ASCII)
# Words that a parameter may have instead of a date.
DATE_WORDS = ("today", "yesterday")
MOST_DATES = 1_000
_DAYS_BACK = {"": 0, "today": 0, "yesterday": 1}
_TIME = r"\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?: ?(?:Z|[A-Z]{3,4}|[+-]\d\d:?\d\d)(?![A-Za-z\d]))?"
_MOMENT = rf"(?<!\d)\d{{4}}-\d\d-\d\d(?!\d)(?:[T ]{_TIME})?|(?<![\d:]){_TIME}(?![\d:])"
_MOMENTS = re.compile(rf"(?:{_MOMENT})(?: to (?:{_MOMENT}))?", re.ASCII)


def zone(name: str) -> ZoneInfo:
    """Return a time zone. Raises `UserError` if the name is unknown."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UserError(f"time zone {name!r:.80} is not known; write one such as Europe/Berlin") from None


def iso_date(text: str) -> date:
    """Parse a date written as ``YYYY-MM-DD``. Raises `ValueError` for any other form.

    Python also accepts ``20260117`` and ``2026-W03-6``, which warehouses do not.
    """
    if not _ISO_DATE.fullmatch(text):
        raise ValueError(f"{text!r:.80} is not in the form YYYY-MM-DD")
    return date.fromisoformat(text)


def checked_game_date(game_date: str | date) -> date:
    """Return a date, given as such or as ``YYYY-MM-DD``. Raises `UserError` for anything else.

    A datetime is refused, too, because its date depends on the time zone.
    """
    if type(game_date) is date:
        return game_date
    try:
        return iso_date(str(game_date))
    except ValueError:
        raise UserError(f"{game_date!r:.80} is not a date; write YYYY-MM-DD") from None


def dates_of(text: str) -> tuple[date, ...]:
    """Return the dates of ``FIRST..LAST`` (both included) or ``DATE,DATE,...``, in the given order.

    Raises:
        UserError: The text has neither form, or dates are reversed, repeated or more than `MOST_DATES`.
    """
    if ".." in text:
        first, last = map(checked_game_date, text.split("..", maxsplit=1))
        if last < first:
            raise UserError(f"{text!r:.80} ends before it starts")
        number = (last - first).days + 1
        dates = tuple(first + timedelta(days=day) for day in range(min(number, MOST_DATES)))
    else:
        dates = tuple(map(checked_game_date, text.split(",")))
        number = len(dates)
    if number > MOST_DATES:
        raise UserError(f"{text!r:.80} has {number:,} dates; at most {MOST_DATES:,} are allowed")
    if len(set(dates)) < number:
        raise UserError(f"{text!r:.80} contains a date twice")
    return dates


def moment_of(text: str, timezone: str) -> datetime:
    """Parse a time and return it in UTC; `timezone` applies to a time without a zone, and a date means its start.

    Raises:
        UserError: The text is not a time.
    """
    try:
        iso_date(text[: len("YYYY-MM-DD")])
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zone(timezone))).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UserError(f"{text!r:.60} is not a time; write it as in 2026-01-17T18:00 or 2026-01-17") from None


def resolve_game_date(text: str | date, timezone: str, *, now: datetime | None = None) -> date:
    """Return the date that a parameter means.

    Args:
        text: ``YYYY-MM-DD``, ``today`` or ``yesterday``; empty means today.
        timezone: The time zone of ``today``.
        now: The current time; by default from the clock.

    Raises:
        UserError: The text is not a date.
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
    """Return the first date in a text, such as a batch's id; None if there is none.

    If there is none with hyphens, forms such as ``2026_01_17`` and ``20260117`` count.
    """
    found = _ISO_DATE.search(text) or _OTHER_DATE.search(text)
    try:
        return date.fromisoformat(re.sub("[-_]", "", found.group())) if found else None
    except ValueError:
        return None


def undated(text: str) -> str:
    """Return the text as one line without the dates and times in it."""
    return " ".join(_MOMENTS.sub(" ", text).split())


def start_of(day: date, timezone: str) -> datetime:
    """Return the time (UTC) at which the day starts in the time zone."""
    return datetime(day.year, day.month, day.day, tzinfo=zone(timezone)).astimezone(UTC)


class LocalTime(str):
    """A time as text from `local_time`, with the original time in UTC."""

    moment: datetime


def local_time(moment: datetime | None, timezone: str) -> str:
    """Format a time in the time zone: ``2026-01-17 14:03:22 EST``; a dash for None."""
    if moment is None:
        return "-"
    words = LocalTime(f"{moment.astimezone(zone(timezone)):%Y-%m-%d %H:%M:%S %Z}")
    words.moment = moment.astimezone(UTC)
    return words


def kept_moment(moment: datetime | date | str | None) -> str:
    """Format for records: an aware datetime in UTC to the second; a date; text as it is; empty for None."""
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).isoformat(timespec="seconds")
    return "" if moment is None else str(moment)


def days_of(first: date, last: date) -> list[date]:
    """Return the dates from `first` to `last`, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
