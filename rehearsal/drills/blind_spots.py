"""Incidents that the checks once missed: failing writes, missing log lines, a validation that counts too much."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from textwrap import dedent

from lib import places
from lib.consolidation.identifiers import TableName
from lib.consolidation.staging_names import staging_table_name
from lib.consolidation.warehouse import Column
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from rehearsal.drills.drill import Look, Scene, incident
from rehearsal.drills.stage import Stage
from rehearsal.service_nights import BATCH, DAY, night, write
from rehearsal.stage import batch_name, deploy_fix, embedded_warehouse

_INACTIVE_KEYS = 5
_INFO_STOPPED_BEFORE, _WRITTEN_BEFORE = timedelta(hours=30), timedelta(minutes=40)
_FAILED_WRITES = 40
_TYPED = Column("shot_zone_trend", "STRING")
_OTHER_ENVIRONMENT = "baseball"
_OTHER_TABLE = TableName("mlb_predictions", "pitcher_strikeouts")
_OTHER_COLUMNS = (
    Column("prediction_id", "STRING"),
    Column("game_pk", "STRING"),
    Column("pitcher_lookup", "STRING"),
    Column("strikeouts_line", "FLOAT64"),
    Column("game_date", "DATE"),
    Column("created_at", "TIMESTAMP"),
)
_OTHER_DUPLICATES = 1_168
_CRON_BEFORE, _BACKFILL_BEFORE = timedelta(hours=9), timedelta(hours=2)


@incident(20, "no picks: the validation failed on duplicates that were inactive")
def inactive_duplicates(stage: Stage) -> Scene:
    """Five keys have an older, inactive row; the services' validation counts it, and everything stops."""
    moment = write(stage.home, [night("a2", "five_duplicates")])
    deploy_fix(stage.platform, moment - timedelta(hours=5))
    stage.past_dates(1, before=DAY)
    stage.insert(stage.slate(DAY).predict("batch", generated_at=moment))
    table = stage.platform.table.table.sql
    older = "SELECT * REPLACE ('older' AS prediction_id, FALSE AS is_active)"
    stage.run_sql(
        f"INSERT INTO {table} {older} FROM {table} "
        f"WHERE game_date = '{DAY}' ORDER BY prediction_id LIMIT {_INACTIVE_KEYS}"
    )
    active = f"0 active on {DAY}: {_INACTIVE_KEYS} duplicate keys of inactive rows are harmless"
    why = f"the validation of {BATCH} failed because it counts inactive rows"
    monitoring = (f"validation found duplicates in 1 consolidation: {BATCH}", active, "No repair is needed")
    of_date = {"date": str(DAY)}
    return Scene(
        [
            Look("day1_monitoring", Verdict.FAIL, monitoring, of_date),
            Look("duplicate_diagnosis", Verdict.PASS, (active, why), of_date),
        ],
        moment,
    )


@incident(21, "LOG_LEVEL=WARNING to save money: no more INFO lines")
def warnings_only(stage: Stage) -> Scene:
    """The night was consolidated, but the services log only warnings."""
    from lib.embedded.logs import log_path

    stage.past_dates(1)
    rows = stage.slate().predict("batch", generated_at=stage.now - _WRITTEN_BEFORE)
    stage.insert(rows)
    for service in (stage.coordinator, stage.worker):
        log_path(stage.home, service).unlink(missing_ok=True)
    last_info = stage.now - _INFO_STOPPED_BEFORE
    stage.log(stage.coordinator, ["Post-consolidation validation PASSED: 0 duplicates"], at=last_info)
    for service in (stage.coordinator, stage.worker):
        stage.log(service, ["2026-03-25 21:43:10,000 - predictions.retry - WARNING - slow answer, trying again"])
    deployment = stage.deploy()
    coordinator = deployment.service(stage.coordinator)
    quiet = replace(coordinator.revisions[0], variables={"LOG_LEVEL": "WARNING"})
    deployment.with_service(stage.coordinator, replace(coordinator, revisions=(quiet,))).save(stage.home)
    zone = stage.platform.environment.timezone
    says = (
        f"rows were written {local_time(max(row['created_at'] for row in rows), zone)} but not logged",
        f"{stage.coordinator} logs only WARNING and above since {local_time(last_info, zone)}",
        "LOG_LEVEL: WARNING",
        "back to INFO",
    )
    return Scene([Look("day1_monitoring", Verdict.UNKNOWN, says, stage.of_today)])


@incident(25, "schema mismatch: every write fails, and nothing is staged")
def failing_writes(stage: Stage) -> Scene:
    """The type of one of two new fields is known, from a table that the same revision staged before."""
    stage.past_dates(1)
    stage.clean_night(kind="linecheck")
    warehouse, spec = stage.platform.warehouse, stage.platform.table
    kept = staging_table_name(spec.table, batch_name("trial", stage.today), "worker-1")
    warehouse.create_table(kept, [*warehouse.columns(spec.table), _TYPED])
    mismatch = f"SCHEMA MISMATCH: Worker output has 2 fields not in BQ table: ['{_TYPED.name}', 'usage_rank']"
    failed_at = stage.now + timedelta(minutes=5)
    for number in range(_FAILED_WRITES):
        lines = [mismatch, f"STAGING WRITE FAILED for player{number}: 400 Provided Schema does not match"]
        stage.log(stage.worker, lines, at=failed_at + timedelta(seconds=number), instance=f"w-{number}")
    says = (
        "Staging writes: SCHEMA MISMATCH from",
        f"2 fields are not in {spec.table}: {_TYPED.name}, usage_rank",
        "no successful write was logged since",
        f"ALTER TABLE {spec.table} ADD COLUMN {_TYPED.name} {_TYPED.type}.",
        "The type of usage_rank is unknown",
        f"lines of failed writes: {2 * _FAILED_WRITES}",
    )
    return Scene([Look("day1_monitoring", Verdict.FAIL, says, stage.of_today)], now=stage.now + timedelta(minutes=10))


@incident(33, "another sport, another table: 1,168 duplicate rows from a cron and a backfill")
def two_writers(stage: Stage) -> Scene:
    """Both wrote every key of the date, hours apart; only the time distinguishes them."""
    stage.platform.warehouse.create_table(_OTHER_TABLE, _OTHER_COLUMNS)
    values = "'{}-' || number, 'game' || number % 15, 'pitcher' || number, number % 9 + 0.5, DATE '{}'"
    with embedded_warehouse(stage.platform).connection() as connection:
        for name, before in (("cron", _CRON_BEFORE), ("backfill", _BACKFILL_BEFORE)):
            moment = f"TIMESTAMPTZ '{(stage.now - before).isoformat()}' + to_milliseconds(number * 40)"
            rows = f"{values.format(name, stage.today)}, {moment} FROM range({_OTHER_DUPLICATES}) AS r(number)"
            connection.execute(f'INSERT INTO "{_OTHER_TABLE.dataset}"."{_OTHER_TABLE.table}" SELECT {rows}')
    (places.environments() / f"{_OTHER_ENVIRONMENT}.yaml").write_text(_settings(), encoding="utf-8")
    zone = stage.platform.environment.timezone
    cron, backfill = (local_time(stage.now - before, zone) for before in (_CRON_BEFORE, _BACKFILL_BEFORE))
    says = (
        f"{_OTHER_DUPLICATES:,} duplicate keys of {_OTHER_DUPLICATES:,} on {stage.today}",
        f"written at 2 times: {_OTHER_DUPLICATES:,} rows from {cron} and {_OTHER_DUPLICATES:,} rows from {backfill}",
        "7 h 0 min apart",
        "such as a schedule and a backfill",
        f"--env {_OTHER_ENVIRONMENT}",
    )
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
          key_columns: [game_pk, pitcher_lookup, strikeouts_line]
          nullable_keys: [strikeouts_line]
          date_column: game_date
          row_id_column: prediction_id
          newest_first: [created_at]
          never_update: [created_at]
        """)
