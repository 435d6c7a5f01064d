"""A store in a local folder, or one on a network file system."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from itertools import takewhile
from pathlib import Path
from stat import S_ISREG

from lib.archive.store import MOST_BYTES, Unreadable
from lib.errors import Unavailable

# Prefix of a file that is being written, which readers do not see.
_TEMPORARY = "."
# Another process has deleted the name with its temporary file, or the folder while it was empty.
_DELETED_MEANWHILE = (FileNotFoundError, FileExistsError)
_MOST_ATTEMPTS = 1_000
_NEVER_READABLE = (errno.ENXIO, errno.ELOOP)  # a socket, and a link to itself
# Deleted meanwhile; not supported by the file system; not a file or folder.
_NOTHING_TO_SYNC = (errno.ENOENT, errno.EINVAL, errno.ENOTSUP, errno.ENXIO, errno.ELOOP)


class LocalStore:
    """A `Store` whose names are paths below a folder, which is created at the first write."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def read(self, name: str) -> bytes:
        try:
            with _opened(self._checked(name)) as descriptor:
                status = os.fstat(descriptor)
                if not S_ISREG(status.st_mode):
                    raise Unreadable(f"{self.address(name)} cannot be read: it is not a regular file")
                if status.st_size > MOST_BYTES:
                    raise Unreadable(f"{self.address(name)} cannot be read: it is larger than {MOST_BYTES:,} bytes")
                return _read(descriptor, status.st_size)
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(name) from None
        except OSError as error:
            kind = Unreadable if error.errno in _NEVER_READABLE else Unavailable
            raise kind(f"{self.address(name)} cannot be read: {error.strerror}") from error

    def write(self, name: str, content: bytes, *, durable: bool = False) -> None:
        _put(self._path(name), content, _replace, durable=durable)

    def create(self, name: str, content: bytes) -> bool:
        return _put(self._path(name), content, _link, durable=True)

    def sync(self, folder: str) -> None:
        for found, _, files in os.walk(self._path(folder), onerror=_raise):
            for path in (*(Path(found, name) for name in files), Path(found)):
                try:
                    _sync(path)
                except OSError as error:
                    raise Unavailable(f"{path} cannot be made durable: {error.strerror}") from error

    def delete(self, name: str) -> None:
        path = self._path(name)
        try:
            path.unlink(missing_ok=True)
            for leftover in path.parent.glob(f"{_TEMPORARY}{escape(path.name)}.*"):  # left by a killed writer
                leftover.unlink(missing_ok=True)
        except (FileNotFoundError, NotADirectoryError):  # its folder does not exist either
            return
        except OSError as error:
            raise Unavailable(f"{path} cannot be deleted: {error.strerror}") from error
        if path.parent != self.root:
            with suppress(OSError):  # not empty
                path.parent.rmdir()

    def clear(self, folder: str) -> None:
        path = self._path(folder)
        try:
            shutil.rmtree(path)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise Unavailable(f"{path} cannot be deleted: {error.strerror or error}") from error

    def children(self, folder: str = "") -> list[str]:
        try:
            return sorted(name for name in os.listdir(self._path(folder)) if not name.startswith(_TEMPORARY))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise Unavailable(f"{self.address(folder)} cannot be listed: {error.strerror}") from error

    def names(self, folder: str = "") -> Iterator[str]:
        for found, _, files in os.walk(self._path(folder), onerror=_raise):
            place = os.path.relpath(found, self.root)
            prefix = "" if place == os.curdir else f"{place}/"
            yield from (f"{prefix}{name}" for name in files if not name.startswith(_TEMPORARY))

    def address(self, name: str = "") -> str:
        return str(self.root / name)

    def _path(self, name: str) -> Path:
        return Path(self._checked(name))

    def _checked(self, name: str) -> str:
        if name.startswith("/") or "\0" in name or ".." in name.split("/"):
            raise FileNotFoundError(name)
        return f"{self.root}/{name}"


@contextmanager
def _opened(path: Path | str) -> Iterator[int]:
    """Open a file for reading or syncing; opening never blocks, even on a pipe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read(descriptor: int, size: int) -> bytes:
    content = os.read(descriptor, size)
    while len(content) < size and (more := os.read(descriptor, size - len(content))):
        content += more
    return content


def _put(path: Path, content: bytes, move: Callable[[Path, Path], bool], *, durable: bool) -> bool:
    """Write a temporary file and move it to the path, so that readers never see a part of it."""
    attempts_left = _MOST_ATTEMPTS
    while True:
        attempts_left -= 1
        temporary = path.with_name(f"{_TEMPORARY}{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
        try:
            missing = list(takewhile(lambda folder: not folder.exists(), path.parents))
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(content)
            if durable:
                _sync(temporary)
            is_there = move(temporary, path)
            if durable and is_there:
                for folder in (path.parent, *(each.parent for each in missing)):
                    _sync(folder)
            return is_there
        except OSError as error:
            if not attempts_left or not isinstance(error, _DELETED_MEANWHILE):
                raise Unavailable(f"{path} cannot be written: {error.strerror}") from error
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Make a file's content, or a folder's list of names, survive a power loss.

    Raises:
        OSError: Syncing failed. Ignored if the file was deleted meanwhile or its file system cannot sync.
    """
    try:
        with _opened(path) as descriptor:
            os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOTHING_TO_SYNC:
            raise


def _replace(temporary: Path, path: Path) -> bool:
    os.replace(temporary, path)
    return True


def _link(temporary: Path, path: Path) -> bool:
    try:
        os.link(temporary, path)
    except FileExistsError:
        # NFS repeats a request whose response was lost, and then finds its own link.
        return temporary.stat().st_nlink > 1
    return True


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise Unavailable(f"{error.filename} cannot be listed: {error.strerror}") from error
