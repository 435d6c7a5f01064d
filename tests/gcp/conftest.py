"""A double of Google for each test, and clients that talk to it over a real connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from lib.gcp.clients import GoogleClients

if TYPE_CHECKING:
    from tests.gcp.double import GoogleDouble

PROJECT = "nba-props-platform"


# The double is imported in the fixtures, because `.venv-old-pins` lacks the clients that it answers.
@pytest.fixture
def google() -> GoogleDouble:
    """The project's state; empty."""
    from tests.gcp.double import GoogleDouble

    return GoogleDouble()


@pytest.fixture
def address(google: GoogleDouble) -> Iterator[str]:
    from tests.gcp.double import serving

    with serving(google) as at:
        yield at


@pytest.fixture
def clients(address: str) -> GoogleClients:
    """Clients that give up quickly: nothing here comes back by waiting for it."""
    return GoogleClients(PROJECT, emulator_host=address, outage_seconds=0.3, quota_seconds=5.0)
