"""A double of Google for each test, and clients with a real connection to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from lib.gcp.clients import GoogleClients

if TYPE_CHECKING:
    from tests.gcp.double import GoogleDouble

PROJECT = "nba-props-platform"


# The fixtures import the double, because `.venv-old-pins` lacks the clients for it.
@pytest.fixture
def google() -> GoogleDouble:
    """The empty state of a project."""
    from tests.gcp.double import GoogleDouble

    return GoogleDouble()


@pytest.fixture
def address(google: GoogleDouble) -> Iterator[str]:
    from tests.gcp.double import serving

    with serving(google) as at:
        yield at


@pytest.fixture
def clients(address: str) -> GoogleClients:
    """Clients with short timeouts, because no fault here goes away by waiting."""
    return GoogleClients(PROJECT, emulator_host=address, outage_seconds=0.3, quota_seconds=5.0)
