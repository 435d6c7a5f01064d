"""`runbook prove` on BigQuery's double: a claim that holds is PASS, and a double that breaks one is detected."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from lib.consolidation.errors import WarehouseUnavailable
from lib.errors import Unavailable, UserError
from lib.gcp.errors import AccessDenied
from lib.operations.proving.claims import CLAIMS
from lib.operations.proving.plan import made_dataset, plan_of
from lib.operations.proving.proof import proof_in
from lib.operations.proving.steps import claims_and_answers, try_claim
from lib.operations.scope import Scope, scope_of
from lib.platform import Platform, connect
from lib.ports.scratch import DatasetExists
from lib.verdict.check import Check
from tests.gcp.bigquery.double import BigqueryDouble, Fault
from tests.gcp.bigquery.double.faults import BREAKS
from tests.gcp.conftest import PROJECT

DATASET = "proof_1"
ABOUT_JOBS = {claim.question.id for claim in CLAIMS if claim.needs_jobs}
# What a double breaks, the resulting verdicts other than PASS, and the summary of the claim.
BROKEN = {
    ("conflicts",): (
        {"fenced_consolidations": "FAIL", "conflict_grain": "UNKNOWN", "conflict_recognised": "UNKNOWN"},
        ("fenced_consolidations", "both were committed: 6 rows of 3 keys, past the fence"),
    ),
    ("conflicts by table",): ({}, ("conflict_grain", "finer than by table")),
    ("early conflicts",): ({}, ("conflict_recognised", "2 of 2 were recognised at COMMIT TRANSACTION")),
    ("early conflicts", "conflict words"): (
        {"conflict_recognised": "FAIL"},
        ("conflict_recognised", "2 of 2 cancelled transactions were not recognised at COMMIT TRANSACTION: Another"),
    ),
    ("inserts",): ({"unfenced_merges": "WARN"}, ("unfenced_merges", "not true here: one was cancelled at MERGE")),
    ("refusals",): ({"stale_token": "FAIL"}, ("stale_token", "older than the fence's was committed")),
    ("free conditions",): ({"row_count_condition": "WARN"}, ("row_count_condition", "not true here: it costs 1 job")),
}


@contextmanager
def on_double(monkeypatch: pytest.MonkeyPatch, *breaks: str) -> Iterator[tuple[BigqueryDouble, Platform]]:
    with BigqueryDouble(PROJECT, location="us-west2", breaks=breaks) as double:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", double.address)
        yield double, connect("production")


def tried(scope: Scope) -> Mapping[str, Check]:
    """The result of each claim's trial, by the claim's id."""
    with made_dataset(scope.platform, DATASET, "digest"):
        proof = proof_in(scope, DATASET)
        for claim in CLAIMS:
            try_claim(proof, claim.question.id)
        [table] = claims_and_answers(proof).exhibits
        assert [row[0] for row in table.rows] == [claim.question.name for claim in CLAIMS]
    return {check.id: check for check in scope.verdict().checks}


def other_than_pass(found: Mapping[str, Check]) -> dict[str, str]:
    return {name: check.verdict for name, check in found.items() if check.verdict != "PASS"}


def readings(double: BigqueryDouble) -> int:
    """How many table reads were billed."""
    queries = [job for job in double.jobs.by_id.values() if "query" in job.configuration]
    alone = [job for job in queries if job.statistics.get("query", {}).get("statementType") != "SCRIPT"]
    return sum(len(set(re.findall(r"`\w+`\.`?[\w.]+`?", job.configuration["query"]["query"]))) for job in alone)


def test_a_warehouse_as_documented_keeps_every_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    with on_double(monkeypatch) as (double, platform):
        planned = plan_of(platform, DATASET)
        found = tried(scope_of(platform))
        assert (len(found), other_than_pass(found)) == (len(CLAIMS), {})
        assert found["unfenced_merges"].summary.startswith("both were committed: 6 rows of 3 keys")
        lost = found["fenced_consolidations"].evidence
        assert {lost["job 1"], lost["job 2"]} <= double.jobs.by_id.keys()
        [words] = [str(value) for label, value in lost.items() if label.startswith("words of job ")]
        assert "concurrent update" in words
        assert "cancelled at UPDATE and then retried" in found["fenced_consolidations"].summary
        assert found["row_count_condition"].summary == "none, and a condition that reads a table costs 1 job"
        [promised] = map(int, re.findall(r"about (\d+) readings", str(planned.facts["cost"])))
        assert promised / 4 < readings(double) <= promised
        assert double.catalogue.datasets == {}
        assert double.catalogue.tables == {}


@pytest.mark.parametrize("breaks", BROKEN, ids=", ".join)
def test_a_broken_promise_is_named(monkeypatch: pytest.MonkeyPatch, breaks: tuple[str, ...]) -> None:
    verdicts, (claim, said) = BROKEN[breaks]
    with on_double(monkeypatch, *breaks) as (_, platform):
        found = tried(scope_of(platform))
    assert other_than_pass(found) == verdicts
    assert said in found[claim].summary


def test_a_statement_that_refuses_itself_is_a_promise_too(monkeypatch: pytest.MonkeyPatch) -> None:
    refuses = "SELECT IF(FALSE, 1, ERROR('requirement:stale_token')) AS token; SELECT 1;"
    with on_double(monkeypatch) as (_, platform), pytest.raises(WarehouseUnavailable, match="requirement:stale_token"):
        platform.scratch.run_script(refuses)
    with on_double(monkeypatch, "refusals") as (_, platform):
        assert len(platform.scratch.run_script(refuses)) == 2


def test_a_consolidation_with_an_unexpected_error_breaks_the_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a warehouse without snapshots, where its own check finds the other consolidation's rows."""
    with on_double(monkeypatch) as (double, platform):
        refusal = "Query error: requirement:new_duplicates at [9:1]"
        double.jobs.faults.append(Fault("^INSERT INTO .*consolidation_runs", "invalidQuery", refusal, times=9))
        found = tried(scope_of(platform))
    assert other_than_pass(found) == {"fenced_consolidations": "FAIL"}
    assert "its transactions ended with an unexpected error" in found["fenced_consolidations"].summary


def test_every_breakable_promise_is_tried() -> None:
    assert {broken for breaks in BROKEN for broken in breaks} == BREAKS.keys()


def test_without_permission_to_list_jobs_only_their_cost_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    with on_double(monkeypatch) as (double, platform):
        double.faults.append(Fault("GET .*/jobs$", "accessDenied", "Access Denied: bigquery.jobs.list", times=999))
        found = tried(scope_of(platform))
    assert other_than_pass(found) == dict.fromkeys(ABOUT_JOBS, "UNKNOWN")


def test_an_existing_dataset_is_left_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    with on_double(monkeypatch) as (double, platform):
        double.client().create_dataset(DATASET)
        with pytest.raises(DatasetExists, match=r"name one that does not exist$"):
            plan_of(platform, DATASET)
        with pytest.raises(DatasetExists), made_dataset(platform, DATASET, "digest"):
            pass
        with pytest.raises(UserError, match="not a dataset that was made for a proof"):
            proof_in(scope_of(platform), DATASET)
        assert DATASET in double.catalogue.datasets


def test_leftovers_of_a_killed_proof_are_named_with_their_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with on_double(monkeypatch) as (double, platform):
        platform.scratch.create(DATASET, note="made by runbook prove, plan 1")
        with pytest.raises(DatasetExists, match=rf"bq rm -r -f --dataset {PROJECT}:{DATASET}$"):
            plan_of(platform, DATASET)
        double.faults.append(Fault("POST .*/datasets$", "accessDenied", "Access Denied: bigquery.datasets.create"))
        with pytest.raises(AccessDenied, match=r"--role=roles/bigquery\.user"):
            platform.scratch.create("another", note="")


def test_a_dataset_that_cannot_be_removed_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with on_double(monkeypatch) as (double, platform):
        double.faults.append(Fault("DELETE", "accessDenied", "Access Denied"))
        left = rf"{DATASET} could not be removed: .*its tables expire within 1 h 0 min; remove it with: bq rm"
        with pytest.raises(Unavailable, match=left), made_dataset(platform, DATASET, "1"):
            pass
        platform.scratch.remove(DATASET)
        double.faults.append(Fault("DELETE", "accessDenied", "Access Denied"))
        with pytest.raises(ZeroDivisionError), made_dataset(platform, DATASET, "2"):
            raise ZeroDivisionError
        assert re.search(left, caplog.text)
