"""The command's basics: help, lists, JSON, and start-up cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from lib.places import ROOT
from tests.cli.conftest import Shell


def environ(home: Path) -> dict[str, str]:
    return {**os.environ, "RUNBOOK_HOME": str(home)}


def test_a_run_reports_what_it_found_as_json_on_the_last_line(shell: Shell) -> None:
    notebooks = {"RUNBOOK_NOTEBOOKS": str(ROOT / "tests/runbooks/notebooks")}
    result = shell("run", "broken_rule", "-p", "reason=a race", "--json", environ=notebooks)
    assert result.returncode == 1, result.stderr
    answer = json.loads(result.stdout.splitlines()[-1])
    expected = {
        "runbook": "broken_rule",
        "status": "completed",
        "verdict": "FAIL",
        "headline": "Duplicates: 5 keys of 587",
        "exit_code": 1,
        "refused": False,
        "plan": "3f9a1c2b4d5e-20260117T2315Z-a109c7",
    }
    assert {name: answer[name] for name in expected} == expected
    assert {"run_id", "report", "notebook", "seconds"} <= set(answer)
    assert [(check["id"], check["verdict"]) for check in answer["checks"]] == [
        ("duplicates", "FAIL"),
        ("locks", "PASS"),
    ]
    worst = answer["checks"][0]
    assert worst["evidence"] == {
        "keys": 5,
        "rows": 123_456,
        "longest": {"value": 200.0, "unit": "s"},
        "reason": "a race",
        "plan": expected["plan"],
    }
    texts = ("Duplicates", "5 keys of 587", "Repair them")
    assert (worst["title"], worst["summary"], worst["next_step"]) == texts
    shown = json.loads(shell("runs", "show", answer["run_id"], "--json").stdout.splitlines()[-1])
    assert {name: shown[name] for name in answer} == answer


def test_a_run_without_an_answer_is_not_healthy(shell: Shell) -> None:
    result = shell("run", "day1_monitoring")
    assert result.returncode == 3
    assert result.stdout.startswith("UNKNOWN")


def test_runbooks_and_their_parameters_are_listed(shell: Shell) -> None:
    listed = shell("list").stdout
    for name in ("deploy_verify", "day1_monitoring", "duplicate_diagnosis", "stuck_lock_release"):
        assert name in listed
    assert "release: str = ''" in shell("params", "stuck_lock_release").stdout


def test_a_bad_or_stray_file_does_not_hide_other_runbooks(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "good.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    (folder / "torn.ipynb").write_text("{")
    (folder / "v5.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 5, "nbformat_minor": 5}')
    (folder / "._good.ipynb").write_bytes(b"\0\5\x16\7")
    (folder / ".#good.ipynb").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.ipynb")
    listed = shell("list", environ={"RUNBOOK_NOTEBOOKS": str(folder)})
    assert (listed.returncode, listed.stdout) == (0, "good  good\n")
    named = [line.split(" is ")[0] for line in listed.stderr.splitlines()]
    assert sorted(named) == sorted(f"runbook: {path}" for path in folder.iterdir() if path.name != "good.ipynb")


def test_an_answer_that_cannot_be_printed_is_not_a_finding(home: Path) -> None:
    command = f"{sys.executable} -m lib.cli locks list > /dev/full"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=environ(home), check=False)
    assert (result.returncode, len(result.stderr.splitlines())) == (3, 1), result.stderr


def test_help_loads_nothing_heavy() -> None:
    probe = (
        "import sys, lib.cli, lib.platform; lib.platform.connect; "
        "print(sorted({'duckdb', 'pandas', 'papermill', 'pyarrow', 'google.cloud', 'matplotlib', 'sqlglot'} "
        "& set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
