"""The protocol holds in every state, and fails without any of its defences."""

from __future__ import annotations

import os

import pytest

from proof.model.configurations import OURS, WITHOUT, Configuration
from proof.model.spin import missing_tools, search

pytestmark = pytest.mark.skipif(
    bool(missing_tools()) and "CI" not in os.environ, reason="spin and gcc are needed to check the model"
)


@pytest.mark.long
@pytest.mark.parametrize("configuration", [*OURS, *WITHOUT], ids=lambda one: one.title)
def test_the_protocol_in_every_state(configuration: Configuration) -> None:
    found = search(configuration)
    assert found.is_as_expected, (found.violation or "no violation", *found.story)
