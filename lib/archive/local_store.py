"""A store in a folder of this machine, or of a network's file system."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path, PurePosixPath

from lib.errors import Unavailable

# Of a file that is being written; readers do not see it.
_TEMPORARY = "."


class LocalStore:
    """A `Store` whose names are paths below a folder.

    Args:
        root: The folder; made when something is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def read(self, name: str) -> bytes:
        try:
            return self._path(name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(name) from None
        except OSError as error:
            raise Unavailable(f"{self.address(name)} cannot be read: {error.strerror}") from error

    def write(self, name: str, content: bytes) -> None:
        write_whole(self._path(name), content)

    def create(self, name: str, content: bytes) -> bool:
        path = self._path(name)
        with _written_beside(path, content) as temporary:
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
        return True

    def delete(self, name: str) -> None:
        path = self._path(name)
        try:
            path.unlink(missing_ok=True)
            for leftover in path.parent.glob(f"{_TEMPORARY}{escape(path.name)}.*"):  # of a writer that was killed
                leftover.unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise Unavailable(f"{path} cannot be deleted: {error.strerror}") from error
        if path.parent != self.root:
            with suppress(OSError):  # not empty
                path.parent.rmdir()

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
        if name.startswith("/") or "\0" in name or ".." in PurePosixPath(name).parts:
            raise FileNotFoundError(name)
        return self.root / name


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that readers see whole or not at all.

    Raises:
        Unavailable: It cannot be written.
    """
    with _written_beside(path, content) as temporary:
        temporary.replace(path)


@contextmanager
def _written_beside(path: Path, content: bytes) -> Iterator[Path]:
    temporary = path.with_name(f"{_TEMPORARY}{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        _write(temporary, content)
        yield temporary
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # the folder was empty, and somebody has just deleted it
            path.write_bytes(content)
            return


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise Unavailable(f"{error.filename} cannot be listed: {error.strerror}") from error
