"""A store at any URL that fsspec knows, such as ``gs://bucket/prefix``.

An object is written by one request, so readers never see a part of it. See
https://filesystem-spec.readthedocs.io/en/latest/api.html#fsspec.spec.AbstractFileSystem.pipe_file
A bucket of Google Cloud must exist, and needs the default credentials, without interactive login:
https://gcsfs.readthedocs.io/en/latest/#credentials
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

import fsspec

from lib.archive.store import media_type
from lib.errors import Unavailable, UserError
from lib.words.text import one_line

# A server that has never answered may not exist; after its first answer, network failures are retried for longer.
_FIRST_ANSWER_SECONDS = 10.0
_ANSWER_SECONDS = 120.0
_CREATING = threading.Lock()
_BUCKET_SCHEMES = ("gs://", "gcs://")
# https://cloud.google.com/storage/docs/buckets#naming
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", re.ASCII)


class FsspecStore:
    """A `Store` whose names are objects below a URL.

    Raises:
        UserError: There is no file system for such URLs, or it rejects this one.
        Unavailable: There are no credentials for it.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._is_bucket = url.startswith(_BUCKET_SCHEMES)
        options = _bucket_options(url) if self._is_bucket else {}
        try:
            self._files, root = fsspec.core.url_to_fs(self._url, use_listings_cache=False, **options)
        except (ImportError, ValueError, TypeError) as error:
            raise UserError(f"{url!r:.120} cannot be an archive: {_one_line(error)}") from error
        except Exception as error:
            raise Unavailable(f"{url!r:.120} cannot be opened: {_one_line(error)}") from error
        self._root = root.rstrip("/")
        self._is_remote: bool = self._files.async_impl
        self._has_answered = False

    def read(self, name: str) -> bytes:
        with self._translated(name, "read"):
            return bytes(self._files.cat_file(self._path(name), **self._patience))

    def write(self, name: str, content: bytes, *, durable: bool = False) -> None:
        with self._translated(name, "written"):
            self._files.pipe_file(self._path(name), content, **self._about(name), **self._patience)

    def create(self, name: str, content: bytes) -> bool:
        try:
            # A bucket decides atomically who was first; a file system in this process only checks, then writes.
            with _CREATING, self._translated(name, "written"):
                self._files.pipe_file(self._path(name), content, mode="create", **self._about(name), **self._patience)
        except FileExistsError:
            return False
        return True

    def sync(self, folder: str) -> None:
        """Do nothing: an object is durable once its request was answered."""

    def delete(self, name: str) -> None:
        try:
            with self._translated(name, "deleted"):
                self._files.rm_file(self._path(name), **self._patience)
        except FileNotFoundError:
            pass

    def clear(self, folder: str) -> None:
        for name in list(self.names(folder)):
            self.delete(name)

    def children(self, folder: str = "") -> list[str]:
        path = self._path(folder)
        try:
            with self._translated(folder, "listed"):
                self._files.invalidate_cache(path)
                found = {str(name).rstrip("/") for name in self._files.ls(path, detail=False, **self._patience)}
        except FileNotFoundError:
            return []
        # A bucket may list a folder among its own children.
        return sorted(name.rsplit("/", 1)[-1] for name in found - {path})

    def names(self, folder: str = "") -> Iterator[str]:
        with self._translated(folder, "listed"):
            self._files.invalidate_cache(self._root)
            found = self._files.find(self._path(folder), **self._patience)
        yield from (name[len(self._root) :].lstrip("/") for name in found)

    def address(self, name: str = "") -> str:
        return f"{self._url}/{name}" if name else self._url

    def _path(self, name: str) -> str:
        if name.startswith("/") or "\0" in name or ".." in PurePosixPath(name).parts:
            raise FileNotFoundError(name)
        return f"{self._root}/{name}" if name else self._root

    def _about(self, name: str) -> dict[str, Any]:
        """Return the headers for browsers: the content type, and to revalidate each time."""
        if not self._is_bucket:
            return {}
        return {"content_type": media_type(name), "fixed_key_metadata": {"cache_control": "no-cache"}}

    @property
    def _patience(self) -> dict[str, float]:
        """Return the request timeout; a file system in this process does not accept one."""
        return {"timeout": _ANSWER_SECONDS if self._has_answered else _FIRST_ANSWER_SECONDS} if self._is_remote else {}

    def _has_no_bucket(self) -> bool:
        """Return whether the bucket does not exist, which listing a folder does not show."""
        if not self._is_bucket or self._has_answered:
            return False
        try:
            self._files.ls(self._root.partition("/")[0], max_results=1, timeout=_FIRST_ANSWER_SECONDS)
        except FileNotFoundError:
            return True
        except OSError as error:
            # An account that may see only a part of it is refused; gcsfs has no specific error for that.
            if not str(error).startswith("Forbidden"):
                raise
        self._has_answered = True
        return False

    @contextmanager
    def _translated(self, name: str, what: str) -> Iterator[None]:
        """Translate the errors of any file system."""
        try:
            try:
                yield
            except FileNotFoundError as error:
                if self._has_no_bucket():
                    raise Unavailable(f"{self.address(name)} cannot be {what}: the bucket does not exist") from error
                raise
        except (FileNotFoundError, FileExistsError, Unavailable):
            raise
        except fsspec.FSTimeoutError as error:
            raise Unavailable(f"{self.address(name)} cannot be {what}: its server does not respond") from error
        except Exception as error:
            raise Unavailable(f"{self.address(name)} cannot be {what}: {_one_line(error)}") from error
        self._has_answered = True


def _one_line(error: Exception) -> str:
    return f"{one_line(str(error)) or type(error).__name__:.300}"


def _bucket_options(url: str) -> dict[str, Any]:
    """Return fsspec's options for opening the bucket.

    Raises:
        UserError: The bucket's name is not valid.
    """
    bucket = url.partition("://")[2].partition("/")[0]
    if not _BUCKET.fullmatch(bucket):
        raise UserError(
            f"{url!r:.120} cannot be an archive: {bucket!r:.80} is not a valid bucket name; write gs://bucket/prefix"
        )
    # gcsfs logs each error with a traceback although it raises it, too.
    logging.getLogger("gcsfs").addHandler(logging.NullHandler())
    # Otherwise gcsfs asks a second service for the kind of bucket before every request that this one refuses.
    os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    # Otherwise gcsfs continues without credentials, after a minute if no metadata server responds.
    return {} if os.environ.get("STORAGE_EMULATOR_HOST") else {"token": "google_default"}
