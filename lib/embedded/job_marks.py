"""Marks for running transactions: a file for each, which exists as long as the transaction.

DuckDB has no jobs. The process that runs a transaction holds a lock on its file, and the operating system
releases that lock when the process dies for whatever reason. A file without a lock therefore belongs to a
transaction that will never end.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import socket
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

logger = logging.getLogger(__name__)

_ENDING = ".json"
_LONGEST_BYTES = 2_000


@dataclass(frozen=True)
class JobMark:
    """The content of a mark.

    Attributes:
        job_id: Id of the transaction.
        datasets: Datasets that the transaction uses.
        created_at: When the transaction was requested (UTC).
        started_at: When it had the warehouse's file open (UTC); None while it waits for the file.
        user: Machine and process that run it.
        is_held: Whether that process is alive.
    """

    job_id: str
    datasets: tuple[str, ...]
    created_at: datetime
    started_at: datetime | None
    user: str
    is_held: bool


@contextmanager
def marked(folder: Path, job_id: str, datasets: Sequence[str]) -> Iterator[Callable[[], None]]:
    """Keep a mark during the context; yield a function that records the start of the work.

    If the mark cannot be written, the transaction runs without one.
    """
    mark = None
    try:
        mark = _Mark(folder, job_id, datasets)
    except OSError as error:
        logger.debug("job %s has no mark: %s", job_id, error)
    try:
        yield mark.begin if mark else lambda: None
    finally:
        if mark:
            mark.remove()


class _Mark:
    def __init__(self, folder: Path, job_id: str, datasets: Sequence[str]) -> None:
        user = f"{socket.gethostname()}:{os.getpid()}"
        now = datetime.now(UTC).isoformat()
        self._content = {"job_id": job_id, "datasets": [*datasets], "created_at": now, "user": user}
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{uuid.uuid4().hex}{_ENDING}"
        made = self._path.with_suffix(".new")
        self._file = os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            # Others see it only once it is complete and locked.
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._write()
            made.rename(self._path)
        except OSError:
            # On a full disk, for example. Nobody else would ever remove the file.
            os.close(self._file)
            made.unlink(missing_ok=True)
            raise

    def begin(self) -> None:
        self._content["started_at"] = datetime.now(UTC).isoformat()
        try:
            self._write()
        except OSError as error:
            logger.debug("job mark %s was not changed: %s", self._path, error)

    def _write(self) -> None:
        """Write the mark in one piece, longer each time, so that readers see the old or the new one."""
        os.pwrite(self._file, json.dumps(self._content).encode(), 0)

    def remove(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            logger.debug("job mark %s was not removed: %s", self._path, error)
        os.close(self._file)


def read_marks(folder: Path) -> list[JobMark]:
    """Return all marks, except those of transactions that end meanwhile.

    Raises:
        OSError: The folder cannot be read.
    """
    if not folder.exists():
        return []
    paths = [path for path in folder.iterdir() if path.suffix == _ENDING]
    return [mark for path in paths if (mark := _read(path)) is not None]


def _read(path: Path) -> JobMark | None:
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        is_held = not _could_lock(file)
        content = json.loads(os.pread(file, _LONGEST_BYTES, 0))
        if os.fstat(file).st_nlink == 0:
            return None
        started_at = content.get("started_at")
        return JobMark(
            job_id=str(content["job_id"]),
            datasets=tuple(map(str, content["datasets"])),
            created_at=datetime.fromisoformat(content["created_at"]),
            started_at=datetime.fromisoformat(started_at) if started_at else None,
            user=str(content["user"]),
            is_held=is_held,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OSError(f"{path} is damaged: {error}") from error
    finally:
        os.close(file)


def _could_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
