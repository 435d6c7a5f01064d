"""The sign of life in a running run's record."""

from __future__ import annotations

import threading
from contextlib import suppress

from lib.archive.archive import Archive, Run
from lib.archive.record import HEARTBEAT_SECONDS, utc_now
from lib.errors import Unavailable


class Heartbeat:
    """Renews ``heartbeat_at`` from a thread while its ``with`` block runs."""

    def __init__(self, archive: Archive, run: Run) -> None:
        self._archive = archive
        self._run = run
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="runbook-heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            # A beat that cannot be written must not end the run; the next one may be.
            with suppress(Unavailable):
                self._archive.write_record(Run(self._run.place, self._run.record.beaten(utc_now())))
