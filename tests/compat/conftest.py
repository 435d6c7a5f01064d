"""The Firestore emulator and the services' project, empty for each test."""

from collections.abc import Iterator

import pytest

from tests.compat.project import Project, a_project
from tests.locking.backends import Backend
from tests.locking.conftest import firestore

__all__ = ["firestore"]


@pytest.fixture
def project(firestore: Backend, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    with a_project(firestore.place) as made:
        monkeypatch.setenv("RUNBOOK_GOOGLE_EMULATOR_HOST", "localhost:1")  # identity lookup is disabled
        yield made
