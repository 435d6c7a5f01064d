"""The port of an archive's storage: named byte strings in a folder or a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Protocol

from lib.errors import Unavailable

MOST_BYTES = 256 * 2**20  # limit of one name, because content is read at once
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
    """One name cannot be read, now or later, because it is a pipe, a folder or too large; others can."""


class Store(Protocol):
    """Byte strings by names such as ``a/b/c.json``.

    Readers see the old or the new content, never a part. Every call raises `lib.errors.Unavailable` if
    the store cannot be reached, read or written.
    """

    def read(self, name: str) -> bytes:
        """Return the content of a name.

        Raises:
            FileNotFoundError: The name does not exist.
            Unreadable: In a folder, the name is not a file or is larger than `MOST_BYTES`.
        """
        ...

    def write(self, name: str, content: bytes, *, durable: bool = False) -> None:
        """Write the content of a name, replacing the old content.

        Args:
            name: The name.
            content: The new content.
            durable: Once this returns, the content survives a power loss, and until then the old content does.
                Otherwise the name may be empty after a power loss; use that for what can be regenerated.
        """
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Create a name that does not exist yet; durable, as in `write`.

        Returns:
            Whether it was created; if many try at the same time, on any machine, exactly one gets True.
        """
        ...

    def sync(self, folder: str) -> None:
        """Make everything below a folder durable, including what other processes wrote."""
        ...

    def delete(self, name: str) -> None:
        """Delete a name; no error if it does not exist."""
        ...

    def clear(self, folder: str) -> None:
        """Delete every name below a folder that is no longer written to, including leftovers of killed writers."""
        ...

    def children(self, folder: str = "") -> list[str]:
        """Return the last parts of the names and folders directly below a folder, sorted; empty if there are none."""
        ...

    def names(self, folder: str = "") -> Iterator[str]:
        """Yield every name below a folder, in no particular order."""
        ...

    def address(self, name: str = "") -> str:
        """Return the path or URL of a name, for people."""
        ...


def media_type(name: str) -> str:
    """Return the content type of a name by its ending; plain bytes for endings that no archive uses."""
    return _MEDIA_TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")
