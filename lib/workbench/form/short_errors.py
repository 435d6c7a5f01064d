"""Show an error of this library in a cell as one line, without the library's stack frames.

Archived runs keep the whole traceback, and other errors always show theirs.
"""

from __future__ import annotations

import sys
from typing import Any

from lib.errors import RunbookError
from lib.words.text import one_line

_HOW_TO_SEE_IT = "For its traceback: %tb"


def shorten_errors(shell: Any) -> None:
    """Shorten the errors that IPython's shell shows in this process.

    IPython finds the rendering method on the error's class, and keeps the last error for ``%tb`` itself.
    """

    def lines(error: RunbookError) -> list[str]:
        if sys.exc_info()[1] is error:
            return [f"{type(error).__name__}: {one_line(str(error))}", _HOW_TO_SEE_IT]
        # Raised by an earlier cell, and now requested with %tb.
        whole: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, error.__traceback__)
        return whole

    RunbookError._render_traceback_ = lines  # type: ignore[attr-defined]
