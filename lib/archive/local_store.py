"""A store in a folder of this machine, or of a network's file system."""

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

# Of a file that is being written; readers do not see it.
_TEMPORARY = "."
# Somebody has deleted the name, with what was being written to it, or the folder while it was empty.
_DELETED_MEANWHILE = (FileNotFoundError, FileExistsError)
_MOST_ATTEMPTS = 1_000
_NEVER_READABLE = (errno.ENXIO, errno.ELOOP)  # a socket, and a link to itself
# Gone meanwhile; a file system without it; no file or folder.
_NOTHING_TO_SYNC = (errno.ENOENT, errno.EINVAL, errno.ENOTSUP, errno.ENXIO, errno.ELOOP)


class LocalStore:
    """A `Store` whose names are paths below a folder, which is made when something is written."""

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
            for leftover in path.parent.glob(f"{_TEMPORARY}{escape(path.name)}.*"):  # of a writer that was killed
                leftover.unlink(missing_ok=True)
        except (FileNotFoundError, NotADirectoryError):  # nor is its folder there
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
    """A descriptor to read or to sync; whatever is there, opening it does not wait."""
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
    """Write a file beside it and move it there, so that readers see it whole or not at all."""
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
    """Have a file's content, or a folder's list of names, survive a power loss.

    Raises:
        OSError: That failed; not when the file was deleted meanwhile or its file system cannot do it.
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
        # NFS sends a request again whose answer was lost, and then finds its own link.
        return temporary.stat().st_nlink > 1
    return True


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise Unavailable(f"{error.filename} cannot be listed: {error.strerror}") from error
