"""Incidents of the rows: deleted, deactivated, frozen, in another table, or unreadable."""

from __future__ import annotations

from datetime import timedelta
from textwrap import dedent

from lib import places
from lib.consolidation.identifiers import TableName
from lib.consolidation.warehouse import Column
from lib.verdict.verdict import Verdict
from rehearsal.drills.drill import Look, Scene, incident
from rehearsal.drills.stage import Stage
from rehearsal.stage import embedded_warehouse

_DAYS_OF_HISTORY = 8
_FROZEN_FOR = timedelta(days=150)
_OTHER_ENVIRONMENT = "analytics"
_OTHER_TABLE = TableName("nba_analytics", "player_game_summary")
_OTHER_COLUMNS = (
    Column("game_id", "STRING"),
    Column("player_lookup", "STRING"),
    Column("points", "INT64"),
    Column("game_date", "DATE"),
    Column("processed_at", "TIMESTAMP"),
)
_OTHER_KEYS, _OTHER_DUPLICATES, _OTHER_DATES = 311_317, 190_815, 300


@incident(8, "rows deleted by hand during debugging; restored by time travel")
def deleted_rows(stage: Stage) -> Scene:
    """One system's rows are gone; the ledger records how many were written."""
    stage.past_dates(_DAYS_OF_HISTORY)
    result = stage.clean_night()
    slate = stage.slate()
    gone = result.inserted // len(slate.systems)
    table = stage.platform.table
    stage.run_sql(
        f"DELETE FROM {table.table.sql} "  # noqa: S608 - own names and values
        f"WHERE game_date = '{stage.today}' AND system_id = '{slate.systems[0]}'"
    )
    says = (f"{gone:,} rows are gone", f"{result.inserted:,} were written", "Someone deleted them")
    return Scene([Look("daily_quality", Verdict.FAIL, says, stage.of_today)])


@incident(10, "found 4,689, deactivated 7,865; next day 85% inactive")
def deactivated_too_much(stage: Stage) -> Scene:
    """The key of the cleanup lacked the system: one row of eight systems is left."""
    stage.past_dates(_DAYS_OF_HISTORY)
    result = stage.clean_night()
    slate = stage.slate()
    table = stage.platform.table
    stage.run_sql(
        f"UPDATE {table.table.sql} SET is_active = FALSE "  # noqa: S608 - own names and values
        f"WHERE game_date = '{stage.today}' AND system_id <> '{slate.systems[0]}'"
    )
    inactive = result.inserted - result.inserted // len(slate.systems)
    says = (f"{inactive:,} rows are inactive", "a key without its system")
    return Scene([Look("daily_quality", Verdict.FAIL, says, stage.of_today)])


@incident(14, "the daily check passed for five months: its source table was frozen")
def frozen_table(stage: Stage) -> Scene:
    """Services run and log, but the table has not been written to for five months."""
    stage.past_dates(_DAYS_OF_HISTORY, before=stage.today - _FROZEN_FOR)
    stage.log(stage.coordinator, ["Batch loop is running"])
    stage.log(stage.worker, ["ready"])
    says = ("Freshness of the table", "has no rows for")
    return Scene(
        [
            Look("daily_quality", Verdict.UNKNOWN, says, stage.of_today),
            Look("day1_monitoring", Verdict.UNKNOWN, (f"{stage.platform.table.table} has no rows",), stage.of_today),
        ]
    )


@incident(17, "a check's own query failed with the exit code of a finding")
def failing_query(stage: Stage) -> Scene:
    """The table loses a column that the checks read: the answer is UNKNOWN, not a finding."""
    stage.past_dates(1)
    stage.clean_night()
    stage.run_sql(f"ALTER TABLE {stage.platform.table.table.sql} DROP COLUMN system_id")
    return Scene(
        [
            Look("day1_monitoring", Verdict.UNKNOWN, ("could not check", "system_id"), stage.of_today),
            Look("duplicate_diagnosis", Verdict.UNKNOWN, ("could not check", "system_id"), stage.of_today),
        ]
    )


@incident(11, "190,815 duplicate rows, 38%, in another table")
def another_table(stage: Stage) -> Scene:
    """The same race elsewhere: an environment's file describes that table."""
    stage.platform.warehouse.create_table(_OTHER_TABLE, _OTHER_COLUMNS)
    day = f"DATE '{stage.today}' - (number % {_OTHER_DATES})::INTEGER"
    rows = "SELECT 'game' || number % 1230, 'player' || number, number % 40, {}, now() FROM range({}) AS r(number)"
    with embedded_warehouse(stage.platform).connection() as connection:
        for number in (_OTHER_KEYS, _OTHER_DUPLICATES):
            connection.execute(f'INSERT INTO "nba_analytics"."player_game_summary" {rows.format(day, number)}')
    (places.environments() / f"{_OTHER_ENVIRONMENT}.yaml").write_text(_settings())
    today = len(range(0, _OTHER_DUPLICATES, _OTHER_DATES))
    keys = len(range(0, _OTHER_KEYS, _OTHER_DATES))
    says = (f"{today:,} duplicate keys of {keys:,}", f"--env {_OTHER_ENVIRONMENT}")
    look = Look("duplicate_diagnosis", Verdict.FAIL, says, stage.of_today)
    return Scene([look], environment=_OTHER_ENVIRONMENT)


def _settings() -> str:
    return dedent(f"""\
        platform: embedded
        project_id: local
        timezone: America/New_York
        quality: quality.yaml
        criteria: criteria.yaml
        table:
          name: {_OTHER_TABLE}
          key_columns: [game_id, player_lookup]
          date_column: game_date
          newest_first: [processed_at]
        """)
