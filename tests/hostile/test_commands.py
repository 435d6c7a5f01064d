"""Any word in any place of a command: one error line, exit code 2, and no change."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.errors import UserError
from lib.runbooks.catalogue import Runbook, runbooks
from lib.runbooks.parameters import resolve_values
from tests.hostile.hostile import FRAGMENTS, assert_refused, call

# Program arguments cannot contain NUL, and a byte that is not UTF-8 arrives as half a surrogate pair.
WORDS = {name: text.replace("\ud800", "\udcff") for name, text in FRAGMENTS.items() if "\0" not in text}
COMMANDS: dict[str, tuple[str, ...]] = {
    "runbook": ("run", "{}"),
    "parameter": ("run", "day1_monitoring", "-p", "date={}"),
    "name of a parameter": ("run", "day1_monitoring", "-p", "{}=x"),
    "environment of a run": ("run", "day1_monitoring", "--env", "{}"),
    "parameters of": ("params", "{}"),
    "batch staged": ("stage", "--batch", "{}", "--date", "2026-01-17", "rows.csv"),
    "file": ("stage", "--batch", "b", "--date", "2026-01-17", "./{}"),
    "batch": ("consolidate", "--batch", "{}", "--date", "2026-01-17"),
    "game date": ("consolidate", "--batch", "b", "--date", "{}"),
    "wait": ("consolidate", "--batch", "b", "--date", "2026-01-17", "--max-wait-seconds", "{}"),
    "environment": ("consolidate", "--batch", "b", "--date", "2026-01-17", "--env", "{}"),
    "date of duplicates": ("duplicates", "--date", "{}"),
    "lock": ("locks", "show", "{}"),
    "lock to release": ("locks", "release", "{}", "--reason", "x"),
    "reason": ("locks", "release", "2026-01-17", "--reason", "{}"),
    "backup": ("repair", "undo", "--date", "2026-01-17", "--backup", "{}"),
    "export of logs": ("import", "logs", "./{}"),
    "service of an export": ("import", "logs", "missing.json", "--service", "{}"),
    "export of rows": ("import", "rows", "./{}"),
    "export of rows, Parquet": ("import", "rows", "./{}.parquet"),
    "export of rows, JSON lines": ("import", "rows", "./{}.jsonl"),
    "plan": ("repair", "apply", "--date", "2026-01-17", "--reason", "x", "--plan", "{}"),
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS.keys())
def test_a_hostile_word_is_refused(home: Path, words: tuple[str, ...]) -> None:
    for name, fragment in WORDS.items():
        if words[-1] == "date={}" and not fragment:
            continue  # today
        result = call(*(word.replace("{}", fragment) for word in words))
        assert_refused(result)
        assert not (home.parent / "hacked").exists(), name


@pytest.mark.parametrize("number", ["nan", "-nan", "inf", "1e999", "-1"])
@pytest.mark.parametrize(
    "words",
    [
        ("consolidate", "--batch", "b", "--date", "2026-01-17", "--max-wait-seconds"),
        ("run", "day1_monitoring", "--timeout-seconds"),
        ("logs", "prediction-worker", "--hours"),
    ],
)
def test_no_number_is_accepted_as_a_time(home: Path, words: tuple[str, ...], number: str) -> None:
    assert_refused(call(*words, number), number if number != "1e999" else "inf")
    assert not home.exists()


@pytest.mark.parametrize("runbook", runbooks(), ids=lambda runbook: runbook.name)
@pytest.mark.parametrize("fragment", FRAGMENTS.values(), ids=FRAGMENTS.keys())
def test_a_parameter_is_used_as_written_or_refused(runbook: Runbook, fragment: str) -> None:
    for parameter in runbook.parameters:
        try:
            value = resolve_values(runbook.parameters, {parameter.name: fragment})[parameter.name]
        except UserError as error:
            said = str(error)
        else:
            assert value in (None, fragment, [part.strip() for part in fragment.split(",") if part.strip()])
            continue
        assert said.startswith(f"parameter {parameter.name}: ")
        assert said.isprintable()
        assert len(said) < 500
