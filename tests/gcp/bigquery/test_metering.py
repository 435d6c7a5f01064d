"""The cost gate: queries are estimated first, refused over the limit, and recorded afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lib.consolidation.errors import QueryOverLimit
from lib.embedded.adapters import MAIN_TABLE
from lib.environment import GoogleSettings
from lib.errors import UserError
from lib.gcp.adapters import GoogleAdapters
from lib.gcp.clients import GoogleClients
from lib.operations.duplicates.duplicates import duplicates
from lib.operations.scope import scope_of, what_was_read
from lib.platform import Platform
from lib.verdict.verdict import Verdict
from lib.words.quantities import spoken_bytes
from tests.consolidation.world import DAY, PREDICTIONS, predictions
from tests.environments import local
from tests.gcp.bigquery.double import BigqueryDouble
from tests.gcp.bigquery.world import PROJECT, BigqueryWorld

ROWS = 50
# A count of duplicates reads three texts of the key, its line, the date and the active flag.
BYTES = sum(
    sum(2 + len(row[name]) for name in ("game_id", "player_lookup", "system_id")) + 8 + 8 + 1
    for row in predictions(ROWS)
)
MAIN = PREDICTIONS.table
DAYS, ROWS_A_DAY = 667, 10_000_000
EVERY_COLUMN = 5 * 18 + 3 * 8 + 8 + 1 + 2 * 8
METADATA = 10 * 2**20


def platform_with(limit_bytes: int) -> Platform:
    google = GoogleSettings(query_limit_gb=limit_bytes / 1e9)
    environment = local(name="test", platform="google", project_id=PROJECT, google=google)
    return Platform(environment, GoogleAdapters(environment, GoogleClients(PROJECT)))


@pytest.fixture
def full(world: BigqueryWorld, double: BigqueryDouble, monkeypatch: pytest.MonkeyPatch) -> BigqueryWorld:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", double.address)
    world.insert(predictions(ROWS))
    return world


def queries_run(double: BigqueryDouble) -> int:
    return sum("query" in job.configuration for job in double.jobs.by_id.values())


def test_a_query_over_the_limit_is_not_run_and_its_check_is_unknown(
    full: BigqueryWorld, double: BigqueryDouble
) -> None:
    platform = platform_with(BYTES - 1)
    (check,) = duplicates(scope_of(platform), DAY, DAY).checks
    assert check.verdict is Verdict.UNKNOWN
    assert f"would read {spoken_bytes(BYTES)}" in check.summary
    assert "query_limit_gb" in check.summary
    assert queries_run(double) == 0
    [cost] = platform.query_costs or ()
    assert (cost.estimated_bytes, cost.read_bytes) == (BYTES, None)
    (table,) = what_was_read(scope_of(platform)).exhibits
    assert "1 refused or failed" in table.note


def test_estimate_and_actual_are_recorded_and_billed_bytes_are_limited(
    full: BigqueryWorld, double: BigqueryDouble
) -> None:
    platform = platform_with(BYTES)
    (check,) = duplicates(scope_of(platform), DAY, DAY).checks
    assert check.verdict is Verdict.PASS
    assert {(cost.estimated_bytes, cost.read_bytes) for cost in platform.query_costs or ()} == {(BYTES, BYTES)}
    limits = [
        job.configuration["query"].get("maximumBytesBilled")
        for job in double.jobs.by_id.values()
        if "query" in job.configuration
    ]
    assert set(limits) == {str(BYTES)}


@pytest.mark.parametrize(
    ("statement", "days", "bytes_a_row"),
    [
        ("SELECT * FROM main WHERE game_date = @day LIMIT 1", 1, EVERY_COLUMN),
        ("SELECT COUNT(*) FROM main WHERE game_date = @day", 1, 8),
        ("SELECT is_active FROM (SELECT * FROM main WHERE game_date BETWEEN @eve AND @day) AS T", 2, 8 + 1),
        ("SELECT 1 FROM main WHERE game_date = @day AND game_id = 'g'", 1, 8 + 18),
        ("SELECT game_id FROM main WHERE game_date > DATE '2026-01-14' AND game_date <= @eve", 2, 8 + 18),
        ("SELECT game_id FROM main WHERE @day < game_date", 0, 0),
        ("SELECT 1 FROM main WHERE game_date >= '0001-01-01'", DAYS, 8),
        ("SELECT S.game_id FROM other AS S JOIN main AS T ON S.game_date = T.game_date AND T.game_date < @day", 666, 8),
        ("SELECT 1 FROM main AS T WHERE T.game_date = @day AND T.game_id IN "
         "(SELECT game_id FROM main WHERE game_date = @day)", 1, 2 * (8 + 18)),
        ("DELETE FROM main WHERE game_date = @day AND is_active", 1, EVERY_COLUMN),
        ("INSERT INTO main (game_id) SELECT game_id FROM main WHERE game_date = @eve", 1, 8 + 18),
    ],
)  # fmt: skip
def test_an_estimate_covers_the_columns_and_partitions_read(
    world: BigqueryWorld, double: BigqueryDouble, statement: str, days: int, bytes_a_row: int
) -> None:
    other = MAIN.sibling("other")
    world.warehouse.create_table(other, MAIN_TABLE)
    double.catalogue.sized(MAIN.dataset, MAIN.table, rows_a_day=ROWS_A_DAY, days=DAYS, last_day=DAY)
    whole = statement.replace(" main", f" {MAIN.sql}").replace(" other", f" {other.sql}")
    eve = DAY - timedelta(days=1)
    bound = {name: day for name, day in {"day": DAY, "eve": eve}.items() if f"@{name}" in statement}
    assert world.warehouse.estimate(whole, bound) == days * ROWS_A_DAY * bytes_a_row


def test_metadata_costs_ten_megabytes_per_view(world: BigqueryWorld) -> None:
    views = f"`{MAIN.dataset}`.__TABLES__ AS T JOIN `{MAIN.dataset}`.INFORMATION_SCHEMA.COLUMNS AS C"
    assert world.warehouse.estimate(f"SELECT 1 FROM {views} ON C.table_name = T.table_id") == 2 * METADATA


def test_a_consolidation_bypasses_the_gate_and_reports_its_bytes(full: BigqueryWorld) -> None:
    platform = platform_with(1)
    full.stage(predictions(3))
    with pytest.raises(QueryOverLimit):
        platform.warehouse.query(f"SELECT * FROM {full.spec.table.sql} WHERE game_date = @day", {"day": DAY})
    consolidated = full.consolidate(use_lock=False)
    figures = consolidated.statistics
    assert consolidated.updated == 3
    assert figures["bytes_processed"] > 0


@pytest.mark.parametrize("gigabytes", [0, -1, float("nan"), float("inf")])
def test_an_invalid_limit_is_refused(gigabytes: float) -> None:
    with pytest.raises(UserError, match="query_limit_gb"):
        GoogleSettings(query_limit_gb=gigabytes)
