"""Transactions that are under way, each with a file that lives as long as it does.

DuckDB knows no jobs. The process that runs a transaction holds a lock on the file
meanwhile, which the operating system lets go when the process dies, whatever killed it:
a file without its lock is of a transaction that nobody will end.
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
    """A file as it was read.

    Attributes:
        job_id: The id that the transaction was given.
        datasets: Those that it works in.
        created_at: When it was asked for (UTC).
        started_at: When it had the warehouse's file (UTC); None: it waits for that.
        user: The machine and the process that run it.
        is_held: Whether that process lives.
    """

    job_id: str
    datasets: tuple[str, ...]
    created_at: datetime
    started_at: datetime | None
    user: str
    is_held: bool


@contextmanager
def marked(folder: Path, job_id: str, datasets: Sequence[str]) -> Iterator[Callable[[], None]]:
    """Leave a mark meanwhile; hands out what tells that the work has begun.

    A mark that cannot be made is not seen by others, and does not keep a transaction from running.
    """
    mark = None
    try:
        mark = _Mark(folder, job_id, datasets)
    except OSError as error:
        logger.debug("job %s leaves no mark: %s", job_id, error)
    try:
        yield mark.begin if mark else lambda: None
    finally:
        if mark:
            mark.remove()


class _Mark:
    def __init__(self, folder: Path, job_id: str, datasets: Sequence[str]) -> None:
        user = f"{socket.gethostname()}:{os.getpid()}"
        now = datetime.now(UTC).isoformat()
        self._told = {"job_id": job_id, "datasets": [*datasets], "created_at": now, "user": user}
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{uuid.uuid4().hex}{_ENDING}"
        made = self._path.with_suffix(".new")
        self._file = os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            # Nobody sees it before it is locked and whole.
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._write()
            made.rename(self._path)
        except OSError:
            # On a full disk, say. Nobody else would ever remove it.
            os.close(self._file)
            made.unlink(missing_ok=True)
            raise

    def begin(self) -> None:
        self._told["started_at"] = datetime.now(UTC).isoformat()
        try:
            self._write()
        except OSError as error:
            logger.debug("job mark %s was not changed: %s", self._path, error)

    def _write(self) -> None:
        """In one piece and longer each time, so that a reader sees one or the other."""
        os.pwrite(self._file, json.dumps(self._told).encode(), 0)

    def remove(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            logger.debug("job mark %s was not removed: %s", self._path, error)
        os.close(self._file)


def read_marks(folder: Path) -> list[JobMark]:
    """All marks that there are; what ends while it is read is left out.

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
        told = json.loads(os.pread(file, _LONGEST_BYTES, 0))
        if os.fstat(file).st_nlink == 0:
            return None
        started_at = told.get("started_at")
        return JobMark(
            job_id=str(told["job_id"]),
            datasets=tuple(map(str, told["datasets"])),
            created_at=datetime.fromisoformat(told["created_at"]),
            started_at=datetime.fromisoformat(started_at) if started_at else None,
            user=str(told["user"]),
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
