"""An embedded platform of its own for each test."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.embedded.adapters import EmbeddedAdapters
from lib.environment import Environment
from lib.platform import Platform


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def platform(home: Path) -> Iterator[Platform]:
    library = logging.getLogger("lib")
    handlers = list(library.handlers)
    environment = Environment(name="local", platform="embedded", project_id="local", unit="game", entity="player")
    yield Platform(environment, EmbeddedAdapters(home, environment))
    library.handlers[:] = handlers
