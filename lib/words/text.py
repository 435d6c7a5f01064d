"""Text from anywhere as one line that people read."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any

_LONGEST_CELL = 300
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


def text_of(value: Any) -> str:
    """The value as people read it: one line, no control characters, not endless."""
    if value is None:
        text = "-"
    elif isinstance(value, float):
        text = f"{value:,.1f}"
    elif isinstance(value, int) and not isinstance(value, bool | Enum):
        text = f"{value:,}"
    elif isinstance(value, tuple | list | frozenset | set):
        text = ", ".join(map(text_of, value)) or "-"
    else:
        text = str(value)
    text = one_line(text)
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…"


def one_line(text: str) -> str:
    """The text without control characters and superfluous spaces."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))
