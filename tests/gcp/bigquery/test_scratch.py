"""Datasets for trials in BigQuery."""

from __future__ import annotations

from time import time

import pytest

from lib.consolidation.identifiers import TableName
from lib.consolidation.warehouse import Column
from lib.errors import SourceUnavailable
from lib.gcp.bigquery_warehouse import BigqueryWarehouse
from lib.gcp.clients import GoogleClients
from lib.gcp.scratch import BigqueryScratch
from lib.ports.scratch import DatasetExists
from tests.gcp.bigquery.double import BigqueryDouble, Fault
from tests.gcp.bigquery.world import PROJECT
from tests.ports.scratch_suite import ScratchSuite


@pytest.fixture
def scratch(double: BigqueryDouble, monkeypatch: pytest.MonkeyPatch) -> BigqueryScratch:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", double.address)
    clients = GoogleClients(PROJECT, outage_seconds=0.3, quota_seconds=1.0)
    return BigqueryScratch(clients, "US", lambda: BigqueryWarehouse(PROJECT, client=double.client()))


class TestBigqueryScratch(ScratchSuite):
    @pytest.fixture
    def scratch(self, scratch: BigqueryScratch) -> BigqueryScratch:
        return scratch


def test_tables_expire_even_if_nobody_removes_them(double: BigqueryDouble, scratch: BigqueryScratch) -> None:
    scratch.create("trial", note="")
    scratch.new_warehouse().create_table(TableName("trial", "rows"), [Column("number", "INT64")])
    expires_ms = int(double.catalogue.tables["trial", "rows"]["expirationTime"])
    assert 0 < expires_ms / 1000 - time() <= 3600
    assert double.catalogue.datasets["trial"]["location"] == "US"


def test_after_a_lost_response_only_our_own_dataset_is_recognized(
    double: BigqueryDouble, scratch: BigqueryScratch
) -> None:
    """The retried request finds the dataset that it has already created."""
    double.faults.append(Fault("POST .*/datasets$", answer_lost=True))
    scratch.create("trial", note="ours")
    assert scratch.note_of("trial") == "ours"
    double.faults.append(Fault("POST .*/datasets$"))
    with pytest.raises(DatasetExists):
        scratch.create("trial", note="ours")


def test_a_script_returns_its_statements_that_were_jobs(double: BigqueryDouble, scratch: BigqueryScratch) -> None:
    scratch.create("trial", note="")
    scratch.new_warehouse().create_table(TableName("trial", "rows"), [Column("number", "INT64")])
    runs = scratch.run_script(
        "BEGIN TRANSACTION;\nUPDATE `trial`.`rows` SET number = 1 WHERE TRUE;\nCOMMIT TRANSACTION;"
    )
    assert [run.words for run in runs] == ["BEGIN TRANSACTION", "UPDATE", "COMMIT TRANSACTION"]
    assert all(run.started_at <= run.ended_at and not run.error for run in runs)
    with pytest.raises(SourceUnavailable, match="lists no statements for job nothing"):
        scratch.statements("nothing")
