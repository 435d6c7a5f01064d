"""Environments for tests: the shipped one with changes, and the minimal file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lib import places
from lib.environment import Environment, load_environment

# The settings of an environment's file that have no default.
TABLE = "{name: shop.orders, key_columns: [id], date_column: day}"
NEEDED = f"platform: embedded\nproject_id: x\ntimezone: America/New_York\ntable: {TABLE}\n"
# The same settings as an object.
NEEDED_SETTINGS: dict[str, Any] = {
    "platform": "embedded",
    "project_id": "x",
    "timezone": "America/New_York",
    "table": {"name": "shop.orders", "key_columns": ["id"], "date_column": "day"},
}


def local(**changes: Any) -> Environment:
    """Return the shipped environment ``local`` with changed settings."""
    import pytest

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNBOOK_ENVIRONMENTS", str(places.ROOT / "params" / "environments"))
        return replace(load_environment("local"), **changes)
