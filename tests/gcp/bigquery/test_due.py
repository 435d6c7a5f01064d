"""Due dates from BigQuery: the same results as on DuckDB, with one query per run, behind the cost gate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from lib.environment import DueSettings, GoogleSettings
from lib.gcp.adapters import GoogleAdapters
from lib.gcp.clients import GoogleClients
from lib.operations.due.rows_due import rows_due
from lib.operations.scope import scope_of
from lib.platform import Platform
from lib.verdict.verdict import Verdict
from tests.consolidation.world import DAY, predictions
from tests.environments import local
from tests.gcp.bigquery.double import BigqueryDouble
from tests.gcp.bigquery.schedule import schedule_games
from tests.gcp.bigquery.world import PROJECT, BigqueryWorld
from tests.operations.due.schedule import POSTPONED, PRODUCTION, TABLE

Connected = Callable[[DueSettings, float], Platform]


@pytest.fixture
def connected(world: BigqueryWorld, double: BigqueryDouble, monkeypatch: pytest.MonkeyPatch) -> Connected:
    """Return a function that connects to the platform with given settings and a limit in gigabytes."""
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", double.address)
    world.insert(predictions(5))
    schedule_games(double, {after(-2): [3, 3], after(-1): [POSTPONED], DAY: [2, 1, POSTPONED], after(9): [1]})

    def connect(due: DueSettings, limit_gb: float) -> Platform:
        google = GoogleSettings(query_limit_gb=limit_gb)
        environment = local(name="test", platform="google", project_id=PROJECT, google=google, due=due)
        return Platform(environment, GoogleAdapters(environment, GoogleClients(PROJECT)))

    return connect


def after(days: int) -> date:
    return DAY + timedelta(days=days)


@pytest.mark.parametrize("due", [PRODUCTION, TABLE], ids=["query", "table"])
def test_a_run_asks_once_for_all_its_dates(connected: Connected, due: DueSettings) -> None:
    platform = connected(due, 1)
    dates = scope_of(platform, game_date=str(DAY)).due
    said = [str(dates.on(after(days))) for days in (1, 0)]
    said += [str(found) for found in dates.between(after(-3), after(-1)).values()]
    assert said == [
        f"none due: no games scheduled, the next ones are on {after(9)}",
        "2 games due",
        f"none due: no games scheduled, the next ones are on {after(-2)}",
        "2 games due",
        "none due: the schedule lists the date, but no games that are due",
    ]
    assert dates.rows(after(-3), after(1)) == {DAY: 5}
    assert ["schedule" in cost.statement for cost in platform.query_costs or ()] == [True, False]


def test_a_schedule_that_would_cost_too_much_is_not_read(connected: Connected) -> None:
    (check,) = rows_due(scope_of(connected(PRODUCTION, 45e-9), game_date=str(DAY))).checks
    assert check.verdict is Verdict.UNKNOWN
    assert "could not read the schedule: the query was not run: it would read" in check.summary
