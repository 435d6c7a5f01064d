"""The port of an archive's storage: a place of named byte strings, in a folder or in a bucket."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from lib.errors import Unavailable, UserError

MOST_BYTES = 256 * 2**20  # of one name: content is read whole
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # of two letters at least: one is a drive of Windows
_FOLDER = re.compile(r"^(file|local)://")


class Unreadable(Unavailable):
    """This one name cannot be read, now or later: a pipe, a folder, or too large. Others are not affected."""


class Store(Protocol):
    """Byte strings by name; a name is ``a/b/c.json``.

    A reader sees what was written whole, or as it was before. What cannot be reached, read or
    written is `lib.errors.Unavailable`.
    """

    def read(self, name: str) -> bytes:
        """What is there under the name.

        Raises:
            FileNotFoundError: Nothing is.
            Unreadable: In a folder, something else than a file of at most `MOST_BYTES` is.
        """
        ...

    def write(self, name: str, content: bytes, *, durable: bool = False) -> None:
        """Put it there, in place of what was there before.

        Args:
            name: Where.
            content: What.
            durable: It is still there after a power loss once this returns, and until then what was
                there before is. Else the name may be empty after one: for what can be made again.
        """
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Put it there unless something is there already; durable, as in `write`.

        Returns:
            Whether it was; of many that try at once, on any machine, one gets True.
        """
        ...

    def sync(self, folder: str) -> None:
        """Make durable everything below a folder, including what other processes wrote."""
        ...

    def delete(self, name: str) -> None:
        """Remove it; no error when nothing is there."""
        ...

    def children(self, folder: str = "") -> list[str]:
        """The last parts of the names and folders directly below a folder, sorted; empty when there is none."""
        ...

    def names(self, folder: str = "") -> Iterator[str]:
        """Every name below a folder, in no order."""
        ...

    def address(self, name: str = "") -> str:
        """Where it is, for people: a path or a URL."""
        ...


def open_store(place: str) -> Store:
    """The store at a folder, or at an fsspec URL such as ``gs://bucket/prefix``.

    Raises:
        UserError: It can be none: a file, a URL gone wrong, or one for which there is no file system.
        Unavailable: There are no credentials for it.
    """
    if _SCHEME.match(place) and "://" not in place:
        raise UserError(f"{place!r:.120} cannot be an archive: write a folder, or a URL such as gs://bucket/prefix")
    folder = _FOLDER.sub("", place)
    if "://" in folder:
        from lib.archive.fsspec_store import FsspecStore

        return FsspecStore(place)
    from lib.archive.local_store import LocalStore

    root = Path(folder).absolute()
    if file := next((each for each in (root, *root.parents) if each.is_file()), None):
        raise UserError(f"{place!r:.120} cannot be an archive: {file} is a file")
    return LocalStore(root)
