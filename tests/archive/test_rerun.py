"""`runbook runs rerun`: the same question again, and never a change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from click.testing import CliRunner, Result
from nbformat.v4 import new_code_cell, new_notebook

from lib.archive.archive import Archive, Run
from lib.archive.record import Origin, RunStatus
from lib.archive.verification import verify
from lib.cli import cli
from lib.verdict.verdict import Verdict
from tests.site.runs import HOSTILE, START, record

DECLARED = """
from typing import Literal
environment: str = ""
game_date: str = "today"
note: str | None = ""
limit: int | None = 5
hours: float = 24
mode: Literal["preview", "apply"] = "preview"
dry: bool = True
players: list[str] = []
plan: str = ""
reason: str = ""
"""
ECHO = """
import json
from lib.verdict.check import Question
from lib.verdict.conclusion import conclude
from lib.places import now
values = dict(game_date=game_date, note=note, limit=limit, hours=hours, mode=mode, dry=dry, players=players)
evidence = {"environment": environment, "values": json.dumps(values), "now": now().isoformat()}
conclude([Question("echo", "Echo", evidence).passes("as asked")])
"""
VALUES: dict[str, Any] = {
    "environment": "local",
    "game_date": "today",
    "note": "",
    "limit": 5,
    "hours": 24,
    "mode": "preview",
    "dry": True,
    "players": [],
    "plan": "",
    "reason": "",
}
PLANNED = START - timedelta(days=3)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """An empty archive, with a catalogue of one runbook that shows its parameters."""
    cells = [new_code_cell(DECLARED, metadata={"tags": ["parameters"]}), new_code_cell(ECHO)]
    language = {"language_info": {"name": "python"}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}
    (tmp_path / "notebooks").mkdir()
    nbformat.write(new_notebook(cells=cells, metadata=language), tmp_path / "notebooks/echo.ipynb")
    monkeypatch.setenv("RUNBOOK_NOTEBOOKS", str(tmp_path / "notebooks"))
    monkeypatch.setenv("RUNBOOK_OUTPUTS", str(tmp_path / "outputs"))
    return Archive(tmp_path / "outputs")


def first(archive: Archive, parameters: Mapping[str, Any], **changes: Any) -> Run:
    """A run that ended some time ago."""
    return archive.begin(replace(record(runbook="echo", parameters={**VALUES, **parameters}), **changes))


def rerun(*words: str) -> Result:
    return CliRunner().invoke(cli, ["runs", "rerun", *words])


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ({}, Origin()),
        (
            {"game_date": "yesterday", "note": None, "limit": None, "hours": 0.5, "mode": "apply", "dry": False},
            Origin("hourly", PLANNED, retry_of="20261121T190000Z-3fa2", attempt=2),
        ),
        ({"note": HOSTILE[-1], "players": ["a, b", " c ", "None"], "limit": -(2**70)}, Origin("", PLANNED)),
    ],
    ids=["as it is by default", "planned", "hostile"],
)
def test_a_rerun_asks_exactly_the_same(given: dict[str, Any], origin: Origin, archive: Archive) -> None:
    before = first(archive, given, origin=origin)
    untouched = archive.store.read(f"{before.place}/run.json")
    result = rerun(before.run_id, "--json")
    assert result.exit_code == 0, result.output
    again = archive.run(json.loads(result.stdout.splitlines()[-1])["run_id"])
    assert again.record.parameters == before.record.parameters
    assert (again.record.environment, again.record.runbook) == ("local", "echo")
    looked_from = origin.planned_at or before.record.started_at
    assert again.record.origin == Origin(origin.schedule, looked_from, rerun_of=before.run_id)
    [echo] = again.record.checks
    expected = {
        name: value for name, value in before.record.parameters.items() if name in json.loads(echo.evidence["values"])
    }
    assert json.loads(echo.evidence["values"]) == expected
    assert (echo.evidence["environment"], echo.evidence["now"]) == ("local", looked_from.isoformat())
    assert archive.store.read(f"{before.place}/run.json") == untouched


@pytest.mark.parametrize(
    ("given", "changes", "expected"),
    [
        ({"plan": "3fa2b1c4", "reason": "asked", "mode": "apply"}, {}, "{id} approved a change (plan, reason; its "),
        ({"plan": "3fa2b1c4"}, {}, "{id} approved a change (plan; its "),
        ({"reason": "asked"}, {"status": RunStatus.ABANDONED}, "{id} approved a change (reason; its "),
        ({"note": "password=[masked]"}, {}, "{id} cannot be rerun: parameter note held a secret"),
        ({"players": ["a", "[masked]"]}, {}, "{id} cannot be rerun: parameter players held a secret"),
        ({"gone": 1}, {}, "there is no parameter 'gone'"),
        ({"mode": "erase"}, {}, "parameter mode: 'erase' is not one of preview, apply"),
        ({}, {"runbook": "rollback"}, "there is no runbook 'rollback'"),
        ({}, {"runbook": "../echo"}, "there is no runbook '../echo'"),
        ({}, {"environment": "nowhere"}, "there is no environment 'nowhere'"),
    ],
)
def test_a_run_that_cannot_be_repeated_is_refused(
    given: dict[str, Any], changes: dict[str, Any], expected: str, archive: Archive
) -> None:
    run = first(archive, given)
    archive.write_record(Run(run.place, replace(run.record, **changes)))
    assert_refused(archive, run.run_id, expected.format(id=run.run_id))


def test_an_id_without_a_run_is_refused(archive: Archive) -> None:
    assert_refused(archive, "20261124T190000Z-3fa2", "there is no run '20261124T190000Z-3fa2'")
    run = first(archive, {})
    first(archive, {}, verdict=Verdict.FAIL)
    assert_refused(archive, run.run_id[:8], f"2 runs match '{run.run_id[:8]}'")
    assert_refused(archive, "", "2 runs match ''")
    archive.store.write(f"{run.place}/run.json", b"{")
    assert_refused(archive, run.run_id, f"run {run.place} is damaged: run.json cannot be read")
    archive.store.delete(f"{run.place}/run.json")
    archive.store.write(run.report, b"")
    assert_refused(archive, run.run_id, f"run {run.place} is damaged: run.json is missing")


def assert_refused(archive: Archive, reference: str, expected: str) -> None:
    before = archive.places()
    result = rerun(reference)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith(f"runbook: {expected}")
    assert archive.places() == before
    assert verify(archive).head.sequence == 0
