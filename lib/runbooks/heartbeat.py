"""The sign of life in a running run's record."""

from __future__ import annotations

import threading
from contextlib import suppress

from lib.errors import Unavailable
from lib.runbooks.archive import Run, write_record
from lib.runbooks.record import HEARTBEAT_SECONDS, utc_now


class Heartbeat:
    """Renews ``heartbeat_at`` from a thread while its ``with`` block runs."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="runbook-heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        write_record(self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            # A beat that cannot be written must not end the run; the next one may be.
            with suppress(Unavailable):
                write_record(Run(self._run.folder, self._run.record.beaten(utc_now())))
