"""A schedule next to the table, and a platform whose environment reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from lib import places
from lib.consolidation.identifiers import TableName
from lib.consolidation.upkeep.due_units import DueTable
from lib.consolidation.warehouse import Column
from lib.environment import DueSettings
from lib.platform import Platform
from lib.settings_file import read_yaml

SCHEDULE = TableName("nba_raw", "v_nbac_schedule_latest")
COLUMNS = (Column("game_id", "STRING"), Column("game_date", "DATE"), Column("game_status", "INT64"))
PRODUCTION = DueSettings(query=read_yaml(places.ROOT / "params" / "environments" / "production.yaml")["due"]["query"])
TABLE = DueSettings(table=DueTable(str(SCHEDULE), "game_date", "game_id", {"game_status": (1, 2, 3)}))
POSTPONED = 4

# The status of each game, by date.
Games = Mapping[date, Sequence[int]]


def write(platform: Platform, games: Games) -> None:
    """Write a schedule of only these games."""
    platform.warehouse.create_table(SCHEDULE, COLUMNS)
    rows = [
        f"('{day}_{number}', '{day}', {status})"
        for day, played in games.items()
        for number, status in enumerate(played)
    ]
    with platform.warehouse.connection() as connection:  # type: ignore[attr-defined]
        connection.execute(f"DELETE FROM {SCHEDULE}")
        if rows:
            connection.execute(f"INSERT INTO {SCHEDULE} VALUES {', '.join(rows)}")


def with_due(platform: Platform, due: DueSettings | None) -> Platform:
    """The platform with these settings; a new run on it asks again."""
    return replace(platform, environment=replace(platform.environment, due=due))
