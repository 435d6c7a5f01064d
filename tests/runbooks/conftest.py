"""Shared by several tests of runbooks."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.runbooks.inbox import Inbox


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    found = Inbox()
    thread = threading.Thread(target=found.server.serve_forever, args=(0.01,))
    thread.start()
    yield found
    found.hold.set()
    found.server.shutdown()
    thread.join()
    found.server.server_close()
