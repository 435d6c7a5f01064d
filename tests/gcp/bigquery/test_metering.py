"""The cost gate: estimated before it is run, refused over the limit, counted after."""

from __future__ import annotations

import pytest

from lib.environment import Environment, GoogleSettings
from lib.errors import UserError
from lib.gcp.adapters import GoogleAdapters
from lib.gcp.bigquery_metering import QueryOverLimit
from lib.gcp.clients import GoogleClients
from lib.operations.quality.duplicates import duplicates
from lib.operations.scope import scope_of, what_was_read
from lib.platform import Platform
from lib.verdict.verdict import Verdict
from tests.consolidation.world import DAY, predictions
from tests.gcp.bigquery.double import BigqueryDouble
from tests.gcp.bigquery.world import PROJECT, BigqueryWorld

ROWS = 50
BYTES = ROWS * 12 * 8


def platform_with(limit_bytes: int) -> Platform:
    google = GoogleSettings(query_limit_gb=limit_bytes / 1e9)
    environment = Environment(name="test", platform="google", project_id=PROJECT, google=google)
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
    assert "would read 4.8 kB" in check.summary
    assert "query_limit_gb" in check.summary
    assert queries_run(double) == 0
    [cost] = platform.query_costs or ()
    assert (cost.estimated_bytes, cost.read_bytes) == (BYTES, None)
    (table,) = what_was_read(scope_of(platform)).exhibits
    assert "1 refused or failed" in table.note


def test_estimate_and_actual_are_counted_and_the_belt_is_worn(full: BigqueryWorld, double: BigqueryDouble) -> None:
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


def test_a_consolidation_passes_the_gate_and_tells_what_it_read(full: BigqueryWorld) -> None:
    platform = platform_with(1)
    full.stage(predictions(3))
    with pytest.raises(QueryOverLimit):
        platform.warehouse.query(f"SELECT * FROM {full.spec.table.sql} WHERE game_date = @day", {"day": DAY})
    consolidated = full.consolidate(use_lock=False)
    figures = consolidated.statistics
    assert consolidated.updated == 3
    assert figures["bytes_processed"] > 0


@pytest.mark.parametrize("gigabytes", [0, -1, float("nan"), float("inf")])
def test_a_limit_that_is_none_is_refused(gigabytes: float) -> None:
    with pytest.raises(UserError, match="query_limit_gb"):
        GoogleSettings(query_limit_gb=gigabytes)
