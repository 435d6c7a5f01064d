"""A separate embedded platform for each test."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.embedded.adapters import EmbeddedAdapters
from lib.platform import Platform
from tests.environments import local


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def platform(home: Path) -> Iterator[Platform]:
    library = logging.getLogger("lib")
    handlers = list(library.handlers)
    environment = local()
    yield Platform(environment, EmbeddedAdapters(home, environment))
    library.handlers[:] = handlers
