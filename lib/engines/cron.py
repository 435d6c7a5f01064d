"""Which cron expressions every engine reads alike."""

from __future__ import annotations

import re

from lib.errors import UserError

_NAMES = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT"
_FIELD = rf"(?:[\d*,/-]|{_NAMES})+"
_COMMON = re.compile(rf"{_FIELD}(?: +{_FIELD}){{4}}", re.ASCII | re.IGNORECASE)


def common_cron(expression: str) -> str:
    """The expression, if it has the five fields of cron and none of the extensions (``L``, ``#``, seconds).

    Raises:
        UserError: Another engine would refuse it, or take it for something else.
    """
    if not _COMMON.fullmatch(expression):
        raise UserError(
            f"cron {expression!r:.80} has more than minute, hour, day, month and weekday in plain form, "
            "which not every engine understands"
        )
    return expression
