"""Each kind of failure has its own error and advice, and none is mistaken for another."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.exceptions import DefaultCredentialsError

from lib.consolidation.errors import DatasetNotFound, TableNotFound, TransactionConflict, WarehouseUnavailable
from lib.gcp.bigquery_errors import translated
from tests.consolidation.world import predictions
from tests.gcp.bigquery.double import BigqueryDouble, Fault
from tests.gcp.bigquery.world import BigqueryWorld

TROUBLES: dict[str, tuple[str, str, str]] = {
    "no access": (
        "accessDenied",
        "Access Denied: Table test:nba_predictions.t",
        "gcloud projects add-iam-policy-binding",
    ),
    "quota": ("quotaExceeded", "Quota exceeded: Your project exceeded quota", "a quota is exhausted"),
    "busy": ("rateLimitExceeded", "Exceeded rate limits: too many api requests", "wait a minute and try again"),
    "outage": ("backendError", "Error encountered during execution", "https://status.cloud.google.com"),
}
WAYS: dict[str, Callable[[BigqueryWorld], Any]] = {
    "query": lambda world: world.warehouse.query("SELECT 1 AS one"),
    "columns": lambda world: world.warehouse.columns(world.spec.table),
    "load": lambda world: world.stage(predictions(1)),
}


def impatient(world: BigqueryWorld, address: str = "") -> BigqueryWorld:
    return BigqueryWorld(world.folder, address=address or world.address, patience_seconds=0.2)


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("way", ["query", "columns"])
def test_refused_request(world: BigqueryWorld, double: BigqueryDouble, trouble: str, way: str) -> None:
    reason, message, fix = TROUBLES[trouble]
    double.faults.append(Fault(".", reason, message, times=99))
    with pytest.raises(WarehouseUnavailable) as raised:
        WAYS[way](impatient(world))
    said = str(raised.value)
    assert fix in said
    assert message in said
    assert "\n" not in said
    assert raised.value.exit_code == 3


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_failed_job_leaves_no_trace_and_the_next_one_succeeds(
    world: BigqueryWorld, double: BigqueryDouble, trouble: str
) -> None:
    """Nothing is written, staging is kept, the lock is released, and a retry succeeds."""
    reason, message, fix = TROUBLES[trouble]
    staged = world.stage(predictions(3))
    double.jobs.faults.append(Fault("^MERGE", reason, message))
    with pytest.raises(WarehouseUnavailable, match=f"BigQuery of project .*: {reason}: ") as raised:
        world.consolidate()
    assert fix in str(raised.value)
    assert world.table() == []
    assert world.staged() == staged
    assert world.consolidate(max_wait_seconds=0).inserted == 3


def test_requests_are_retried_during_a_short_outage(world: BigqueryWorld, double: BigqueryDouble) -> None:
    double.faults += [Fault("POST .*/queries"), Fault("GET .*/jobs/"), Fault("POST .*/jobs$")]
    world.stage(predictions(3))
    assert world.consolidate().inserted == 3


def test_an_unreachable_server_is_an_outage(world: BigqueryWorld) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    for way in WAYS.values():
        with pytest.raises(WarehouseUnavailable, match=r"check https://status\.cloud\.google\.com"):
            way(impatient(world, f"http://127.0.0.1:{port}"))


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (exceptions.NotFound("Not found: Table p:d.t was not found in location US"), TableNotFound, "no such table"),
        (exceptions.NotFound("Not found: Dataset p:d"), DatasetNotFound, "bq mk --location=REGION --dataset p:"),
        (
            exceptions.NotFound("Not found: Dataset p:d was not found in location EU"),
            DatasetNotFound,
            "location EU of project p",
        ),
        (exceptions.NotFound("Not found: Project p"), WarehouseUnavailable, "Not found: Project p"),
        (
            exceptions.BadRequest("Could not serialize access to table t due to concurrent update"),
            TransactionConflict,
            "",
        ),
        (
            exceptions.BadRequest("Too many DML statements outstanding against table t, limit is 20"),
            TransactionConflict,
            "",
        ),
        (exceptions.BadRequest("Unrecognized name: x\n\nLocation: US\nJob ID: 1"), WarehouseUnavailable, "name: x"),
        (DefaultCredentialsError("none found"), WarehouseUnavailable, "gcloud auth application-default login"),
        (
            exceptions.RetryError("late", exceptions.Forbidden("Access Denied")),
            WarehouseUnavailable,
            "bigquery.jobUser",
        ),
        (exceptions.Unauthorized("Bearer ya29.secret-token"), WarehouseUnavailable, "[secret]"),
    ],
)
def test_words_of_bigquery(error: Exception, kind: type[Exception], said: str) -> None:
    translation = translated(error, "p")
    assert type(translation) is kind
    assert said in str(translation)
    assert "\n" not in str(translation)
    assert "Job ID" not in str(translation)
