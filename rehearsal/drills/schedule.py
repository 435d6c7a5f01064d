"""The schedule of games, which shows for which dates rows are due."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

from lib import places
from lib.consolidation.identifiers import TableName
from lib.consolidation.warehouse import Column
from lib.settings_file import read_yaml
from rehearsal.drills.stage import Stage

SCHEDULE = TableName("nba_raw", "v_nbac_schedule_latest")
FINAL, POSTPONED = 3, 4
_COLUMNS = (Column("game_id", "STRING"), Column("game_date", "DATE"), Column("game_status", "INT64"))


def games_on(stage: Stage, day: date) -> list[str]:
    """Return the games of the date's slate."""
    return sorted({player.game_id for player in stage.slate(day).players})


def write_schedule(stage: Stage, days: Collection[date], *, postponed: Collection[date] = (), **due: Any) -> None:
    """List the games of these days, and let the drill's environment read the schedule as production does.

    Args:
        stage: Where.
        days: The days in the schedule.
        postponed: Days in it whose games are all postponed.
        **due: Further settings below ``due:``.
    """
    stage.platform.warehouse.create_table(SCHEDULE, _COLUMNS)
    rows = [
        f"('{game}', DATE '{day}', {POSTPONED if day in postponed else FINAL})"
        for day in days
        for game in games_on(stage, day)
    ]
    stage.run_sql(f"INSERT INTO {SCHEDULE.sql} (game_id, game_date, game_status) VALUES {', '.join(rows)}")  # noqa: S608 - own names and values
    query = read_yaml(places.shipped() / "params" / "environments" / "production.yaml")["due"]["query"]
    stage.change_environment(due={"query": query, **due})
