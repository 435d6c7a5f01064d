"""Text as it is on any day: what differs between two runs only because they were not at the same time."""

from __future__ import annotations

import re

_TIME = r"\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?: ?(?:Z|[A-Z]{3,4}|[+-]\d\d:?\d\d)(?![A-Za-z\d]))?"
_MOMENT = rf"(?<!\d)\d{{4}}-\d\d-\d\d(?!\d)(?:[T ]{_TIME})?|(?<![\d:]){_TIME}(?![\d:])"
_MOMENTS = re.compile(rf"(?:{_MOMENT})(?: to (?:{_MOMENT}))?", re.ASCII)


def undated(text: str) -> str:
    """The text without the dates and times of day that stand in it; one line."""
    return " ".join(_MOMENTS.sub(" ", text).split())
