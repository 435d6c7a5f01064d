"""An error of this library in a cell: its one line, without the frames of a library that its reader did not write.

An archived run keeps the whole traceback, and every other error does everywhere.
"""

from __future__ import annotations

import sys
from typing import Any

from lib.errors import RunbookError
from lib.words.text import one_line

_HOW_TO_SEE_IT = "For its traceback: %tb"


def shorten_errors(shell: Any) -> None:
    """Have IPython's shell show them so, in this process.

    The way to show an error belongs to its class in IPython, which sets that of the last one for ``%tb`` by itself.
    """

    def lines(error: RunbookError) -> list[str]:
        if sys.exc_info()[1] is error:
            return [f"{type(error).__name__}: {one_line(str(error))}", _HOW_TO_SEE_IT]
        # It was raised by an earlier cell, and %tb asks for it again.
        whole: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, error.__traceback__)
        return whole

    RunbookError._render_traceback_ = lines  # type: ignore[attr-defined]
