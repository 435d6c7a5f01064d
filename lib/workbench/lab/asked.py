"""Run checks in parallel, each with a time limit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

from lib.words.quantities import spoken_seconds
from lib.words.text import one_line

_LONGEST = 300
_T = TypeVar("_T")


class Asked(Generic[_T]):
    """A check that runs in a thread, which is abandoned if it takes too long."""

    def __init__(self, name: str, look: Callable[[], _T]) -> None:
        self.name = name
        self._found: list[_T | str] = []
        self._look = look
        self._began = monotonic()
        self._thread = threading.Thread(target=self._run, name=f"start page: {name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found.append(self._look())
        except Exception as error:  # the page shows any error, and still shows the other checks
            self._found.append(f"could not check: {one_line(str(error) or repr(error)):.{_LONGEST}}")

    def result(self, deadline: float) -> _T | str:
        """Return the result, or a line with the reason why there is none."""
        self._thread.join(max(0.0, deadline - monotonic()))
        if self._found:
            return self._found[0]
        return f"could not check: no answer within {spoken_seconds(round(monotonic() - self._began, 1))}"
