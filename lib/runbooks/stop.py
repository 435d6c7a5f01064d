"""Stop a run cleanly, on request or after its time limit.

SIGTERM to papermill leaves a lock held in the kernel, because neither ``finally``
nor ``atexit`` runs there. So a stop first interrupts the running cell, whose
``with`` and ``finally`` blocks then run, and kills the kernel only if the run
has not ended within the grace period.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, Any

from lib.archive.record import RunStatus

if TYPE_CHECKING:
    from lib.runbooks.kernel import Kernel

GRACE_SECONDS = 10.0
_POLL_SECONDS = 0.05
_STANDARD_INPUT = 0


class StoppedBetweenCells(Exception):
    """The run was stopped while no cell was running."""


@dataclass(frozen=True)
class Limits:
    """Time limits in seconds; None: no limit. The grace period lasts from the interrupt to the kill."""

    run_seconds: float | None = 3600.0
    cell_seconds: float | None = None
    grace_seconds: float = GRACE_SECONDS


class StopRequest:
    """Whether a run is to stop. `reason` is None until then; the first one, INTERRUPTED or TIMED_OUT, stays."""

    def __init__(self) -> None:
        self.reason: RunStatus | None = None

    def make(self, reason: RunStatus) -> None:
        """Request a stop."""
        self.reason = self.reason or reason


@contextmanager
def signals_as_requests(request: StopRequest) -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into a stop request instead of ending this process.

    Only the main thread may set signal handlers; in other threads this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        request.make(RunStatus.INTERRUPTED)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # not under nohup
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_with_caller() -> None:
    """Stop this process, as by SIGTERM, when the process that holds its standard input open ends or is killed."""
    threading.Thread(target=_stop_at_end_of_input, daemon=True).start()


def _stop_at_end_of_input() -> None:
    while os.read(_STANDARD_INPUT, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


class Watchdog:
    """Watches an execution in a thread, and carries out a stop request."""

    def __init__(self, kernel: Kernel, request: StopRequest, limits: Limits) -> None:
        self._kernel = kernel
        self._request = request
        self._limits = limits
        self._started = monotonic()
        self._cell: Any = None
        self._cell_started = self._started
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="runbook-watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def before_cell(self, cell: Any, cell_index: int) -> None:
        """Note the start of a cell; nbclient calls this before it sends the cell to the kernel.

        Raises:
            StoppedBetweenCells: No more cells are to be sent.
        """
        if self._request.reason:
            raise StoppedBetweenCells
        self._cell_started = monotonic()
        self._cell = cell

    def _watch(self) -> None:
        while not self._request.reason:
            if self._ended.wait(_POLL_SECONDS):
                return
            if self._is_overdue():
                self._request.make(RunStatus.TIMED_OUT)
        deadline = monotonic() + self._limits.grace_seconds
        # An interrupt before the cell runs would be lost, and a second one could break into a
        # `finally` block. So send one once the cell runs, and another only after enough time.
        while not self._is_executing() and monotonic() < deadline:
            if self._ended.wait(_POLL_SECONDS):
                return
        self._kernel.interrupt()
        # An interrupt is lost if a library swallows errors of its imports or callbacks, as DuckDB
        # does whenever it opens its file in a notebook.
        if not self._ended.wait(self._limits.grace_seconds / 2):
            self._kernel.interrupt()
        if not self._ended.wait(max(0.0, deadline - monotonic())):
            self._kernel.kill()

    def _is_executing(self) -> bool:
        # nbclient records here when the kernel reported the start.
        return self._cell is not None and "iopub.execute_input" in self._cell.metadata.get("execution", {})

    def _is_overdue(self) -> bool:
        now = monotonic()
        return _is_over(self._limits.run_seconds, now - self._started) or (
            self._cell is not None and _is_over(self._limits.cell_seconds, now - self._cell_started)
        )


def _is_over(limit_seconds: float | None, seconds: float) -> bool:
    return limit_seconds is not None and seconds > limit_seconds
