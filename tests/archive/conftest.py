"""Archives in a folder and in a bucket, their runs, and stores that fail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from lib.archive.archive import Archive, Run
from lib.archive.sealing import seal
from lib.archive.store import Store
from lib.archive.verification import FaultKind, Verification
from lib.errors import Unavailable
from lib.verdict.verdict import Verdict
from tests.site.runs import START, record


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The path of an empty archive."""
    return str(tmp_path / "archive") if request.param == "folder" else f"memory://{uuid4().hex}"


@pytest.fixture
def archive(place: str) -> Archive:
    return Archive(place)


def ended(archive: Archive, hours: float = 0, verdict: Verdict = Verdict.PASS) -> Run:
    """Archive a run with its files and seal it."""
    run = unsealed(archive, hours, verdict)
    seal(archive, run.place)
    return run


def unsealed(archive: Archive, hours: float = 0, verdict: Verdict = Verdict.PASS) -> Run:
    run = archive.begin(record(started_at=START - timedelta(hours=hours), verdict=verdict))
    archive.store.write(run.notebook, b'{"cells": []}')
    archive.store.write(run.report, b"<!doctype html>")
    return run


def kinds_in(found: Verification) -> set[FaultKind]:
    return {fault.kind for fault in found.faults}


class FailingStore:
    """A store that stops working: it refuses every change after the first few and, on demand, every call.

    Attributes:
        calls_left: Number of calls that will still succeed.
    """

    def __init__(self, store: Store, calls_left: int, *, reads_too: bool = False) -> None:
        self._store = store
        self._reads_too = reads_too
        self.calls_left = calls_left

    def read(self, name: str) -> bytes:
        self._count_read()
        return self._store.read(name)

    def write(self, name: str, content: bytes, *, durable: bool = False) -> None:
        self._count()
        self._store.write(name, content, durable=durable)

    def create(self, name: str, content: bytes) -> bool:
        self._count()
        return self._store.create(name, content)

    def sync(self, folder: str) -> None:
        self._store.sync(folder)

    def delete(self, name: str) -> None:
        self._count()
        self._store.delete(name)

    def clear(self, folder: str) -> None:
        self._count()
        self._store.clear(folder)

    def children(self, folder: str = "") -> list[str]:
        self._count_read()
        return self._store.children(folder)

    def names(self, folder: str = "") -> Iterator[str]:
        self._count_read()
        return self._store.names(folder)

    def address(self, name: str = "") -> str:
        return self._store.address(name)

    def _count(self) -> None:
        if not self.calls_left:
            raise Unavailable("the store is gone")
        self.calls_left -= 1

    def _count_read(self) -> None:
        if self._reads_too:
            self._count()
