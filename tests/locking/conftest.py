"""Every test that takes a `backend` runs on SQLite and on the Firestore emulator."""

import uuid
from pathlib import Path

import pytest

from lib.locking import LockStore
from tests.locking.backends import Backend
from tests.locking.emulator import HOST_VARIABLE


@pytest.fixture
def firestore(emulator: str, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """A project of its own on the emulator."""
    monkeypatch.setenv(HOST_VARIABLE, emulator)
    return Backend("firestore", f"test-{uuid.uuid4().hex[:12]}")


@pytest.fixture(params=["sqlite", "firestore"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    if request.param == "sqlite":
        return Backend("sqlite", str(tmp_path / "locks.sqlite"))
    chosen: Backend = request.getfixturevalue("firestore")
    return chosen


@pytest.fixture
def store(backend: Backend) -> LockStore:
    return backend.store()
