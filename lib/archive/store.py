"""The port of an archive's storage: a place of named byte strings, in a folder or in a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Protocol

from lib.errors import Unavailable

MOST_BYTES = 256 * 2**20  # of one name: content is read whole
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ipynb": "application/x-ipynb+json",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/plain; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
    ".xml": "application/atom+xml; charset=utf-8",
}


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

    def clear(self, folder: str) -> None:
        """Remove every name below a folder that nobody writes to any more, and what a killed writer left there."""
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


def media_type(name: str) -> str:
    """What a browser has to know of a name to show it, by its ending; mere bytes for one that no archive has."""
    return _MEDIA_TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")
