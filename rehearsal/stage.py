"""What the simulation is played on: the embedded platform, never one that others depend on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.errors import UserError
from lib.platform import Platform

if TYPE_CHECKING:
    from lib.embedded.duckdb_warehouse import DuckdbWarehouse


def embedded_warehouse(platform: Platform) -> DuckdbWarehouse:
    """The platform's warehouse, whose file lies in the folder that holds all of its state.

    Raises:
        UserError: The platform is not an embedded one; nothing is simulated there.
    """
    if platform.environment.platform != "embedded":
        raise UserError(f"the incident is only replayed on an embedded platform, and {platform.name} is none")
    from lib.embedded.duckdb_warehouse import DuckdbWarehouse

    assert isinstance(platform.warehouse, DuckdbWarehouse)
    return platform.warehouse
