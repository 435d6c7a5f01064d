"""A double of Google for each test, and clients that talk to it over a real connection."""

from collections.abc import Iterator

import pytest

from lib.gcp.clients import GoogleClients
from tests.gcp.double import GoogleDouble, serving

PROJECT = "nba-props-platform"


@pytest.fixture
def google() -> GoogleDouble:
    """The project's state; empty."""
    return GoogleDouble()


@pytest.fixture
def address(google: GoogleDouble) -> Iterator[str]:
    with serving(google) as at:
        yield at


@pytest.fixture
def clients(address: str) -> GoogleClients:
    """Clients that give up quickly: nothing here comes back by waiting for it."""
    return GoogleClients(PROJECT, emulator_host=address, outage_seconds=0.3, quota_seconds=5.0)
