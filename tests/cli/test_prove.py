"""`runbook prove`: first the plan, then the trials in their own dataset, which is always removed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest

from lib.embedded.duckdb_warehouse import DuckdbWarehouse
from tests import warm
from tests.cli.conftest import Shell
from tests.gcp.bigquery.double import BigqueryDouble, Gate
from tests.gcp.conftest import PROJECT

PROVE = ("prove", "--dataset", "proof_1")
GOOGLE = ("--env", "production")


def json_of(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return data


def schemas(home: Path) -> set[str]:
    with DuckdbWarehouse(home / "warehouse.duckdb").connection() as connection:
        return {name for (name,) in connection.execute("SELECT DISTINCT schema_name FROM duckdb_schemas()").fetchall()}


def test_on_the_embedded_platform(shell: Shell, home: Path) -> None:
    planned = shell(*PROVE)
    assert (planned.returncode, planned.stderr) == (0, "")
    assert "Nothing was changed." in planned.stdout
    before = schemas(home)
    assert "proof_1" not in before
    done = shell(*planned.stdout.splitlines()[-1].removeprefix("Next: runbook ").split(), "--json")
    assert done.returncode == 0, done.stderr
    assert {check["id"]: check["verdict"] for check in json_of(done)["checks"]} == dict.fromkeys(
        ("unfenced_merges", "fenced_consolidations", "stale_token", "conflict_grain", "conflict_recognised"), "PASS"
    )
    assert "finer than by table" in done.stdout
    assert schemas(home) == before
    report = Path(json_of(done)["report"]).read_text(encoding="utf-8")
    assert "not tried: this warehouse has no jobs" in report
    assert json_of(shell("runs", "show", json_of(done)["run_id"], "--json"))["parameters"]["dataset"] == "proof_1"


def test_on_bigquery(shell: Shell) -> None:
    with BigqueryDouble(PROJECT, location="us-west2") as double:
        environ = {"BIGQUERY_EMULATOR_HOST": double.address}
        planned = json_of(shell(*PROVE, *GOOGLE, "--json", environ=environ))
        assert "MB: 1.1 GB in all, a few cents at list price" in planned["state"]["cost"]
        assert not [request for request in double.requests if not request.startswith("GET")]
        done = shell(*PROVE, *GOOGLE, "--plan", planned["plan"], "--json", environ=environ)
        assert (done.returncode, json_of(done)["headline"]) == (0, "All 7 checks passed"), done.stderr
        assert double.catalogue.datasets == {}
        used = {request.split("/datasets/")[1].split("/")[0] for request in double.requests if "/datasets/" in request}
        assert used == {"proof_1"}


def test_a_broken_promise_is_the_verdict(shell: Shell) -> None:
    with BigqueryDouble(PROJECT, location="us-west2", breaks=["conflicts"]) as double:
        environ = {"BIGQUERY_EMULATOR_HOST": double.address}
        plan = json_of(shell(*PROVE, *GOOGLE, "--json", environ=environ))["plan"]
        done = shell(*PROVE, *GOOGLE, "--plan", plan, environ=environ)
        assert done.returncode == 1
        assert "write each key once: both were committed: 6 rows of 3 keys, past the fence" in done.stdout
        assert double.catalogue.datasets == {}


def test_the_dataset_is_removed_when_the_run_is_stopped(tmp_path: Path, home: Path, shell: Shell) -> None:
    """Stopped in the middle of two transactions that ignore it."""
    with BigqueryDouble(PROJECT, location="us-west2") as double:
        environ = {"BIGQUERY_EMULATOR_HOST": double.address}
        plan = json_of(shell(*PROVE, *GOOGLE, "--json", environ=environ))["plan"]
        gate = Gate("^MERGE", heeds_cancel=False)
        double.jobs.gates.append(gate)
        places = {"RUNBOOK_HOME": str(home), "RUNBOOK_OUTPUTS": str(tmp_path / "outputs")}
        command = [sys.executable, "-m", "lib.cli", *PROVE, *GOOGLE, "--plan", plan]
        with TemporaryFile("w+") as output:
            process = warm.WarmProcess(
                command, env={**os.environ, **places, **environ}, cwd=".", output=output, errors=output
            )
            assert gate.reached.wait(60)
            assert double.catalogue.datasets.keys() == {"proof_1"}
            process.terminate()
            assert process.wait(60) == 3
            output.seek(0)
            assert "Interrupted" in output.read()
        assert double.catalogue.datasets == {}
        gate.open()
        # They end by themselves because their tables are gone; the double would interrupt them while they do.
        assert all(job.done.wait(60) for job in list(double.jobs.by_id.values()))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("prove", "--dataset", "nba_predictions"), "nba_predictions already exists"),
        (("prove", "--dataset", 'x"; DROP SCHEMA main'), "is not a plain identifier"),
        (("prove", "--dataset", "a.b\n\x1b[31m"), "is not a plain identifier"),
        ((*PROVE, "--plan", "yes"), "is not a digest of a plan"),
        ((*PROVE, "--plan", "3f9a1c2b4d5e-20260117T2315Z-a109c7"), "has expired"),
    ],
)
def test_a_refusal_changes_nothing(shell: Shell, home: Path, words: tuple[str, ...], expected: str) -> None:
    result = shell(*words)
    assert result.returncode in (1, 2)
    assert expected in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (home.parent / "outputs").exists()


def test_it_is_not_listed_as_a_runbook(shell: Shell) -> None:
    """It writes, so no schedule or rerun may start it."""
    assert "prove" not in shell("list").stdout
    assert shell("run", "prove", "-p", "dataset=nba_predictions").returncode == 2
