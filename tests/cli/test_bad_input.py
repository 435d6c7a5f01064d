"""Every user mistake is one clear line and exit 2, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Shell

DATE = ("--date", "2026-01-17")
HEADER = "game_id,player_lookup,system_id,current_points_line,predicted_points"


def assert_one_line(result: object, *expected: str) -> None:
    assert result.returncode == 2, result  # type: ignore[attr-defined]
    error = result.stderr.strip()  # type: ignore[attr-defined]
    assert "Traceback" not in error
    assert len(error.splitlines()) == 1, error
    for text in expected:
        assert text in error


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("run", "deploy_verfy"), ["deploy_verfy", "did you mean deploy_verify"]),
        (("run", "deploy_verify", "-p", "dat=today"), ["dat", "did you mean date"]),
        (("run", "deploy_verify", "-p", "hours=soon"), ["hours", "soon", "a number"]),
        (("run", "deploy_verify", "-p", "date=2026-02-30"), ["date", "2026-02-30"]),
        (("run", "deploy_verify", "-p", "date=0001-01-01"), ["date", "0001-01-01"]),
        (("run", "deploy_verify", "-p", "hours"), ["hours", "KEY=VALUE"]),
        (("run", "deploy_verify", "--env", "prodction"), ["prodction", "did you mean production"]),
        (("consolidate", "--batch", "b'; DROP TABLE x; --", *DATE), ["DROP TABLE", "not valid"]),
        (("duplicates", *DATE, "--game-date", "2026-01-18"), ["--date", "2026-01-17", "2026-01-18", "give one"]),
        (("run", "deploy_verify", "-p", "date=2026-01-17", "-p", "game_date=2026-01-18"), ["date", "old name"]),
        (("consolidate", "--batch", "b", "--date", "2026-13-01"), ["2026-13-01", "YYYY-MM-DD"]),
        (("consolidate", "--batch", "never_seen", *DATE), ["never_seen", "never consolidated"]),
        (("locks", "release", "2026-01-17"), ["consolidation_2026-01-17", "nothing was released"]),
        (("locks", "release", "2026-01-17", "--reason", "stuck"), ["needs plan=DIGEST", "nothing was changed"]),
        (("locks", "show", "tomorrow"), ["tomorrow", "YYYY-MM-DD"]),
        (("repair", "undo", *DATE, "--backup", "x y"), ["x y"]),
        (("repair", "apply", *DATE, "--plan", "a guess", "--reason", "because"), ["a guess", "not a digest of a plan"]),
    ],
)
def test_a_wrong_argument_is_named(shell: Shell, words: tuple[str, ...], expected: list[str]) -> None:
    assert_one_line(shell(*words), *expected)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("lacks_key.csv", "game_id,player_lookup,system_id\ng,p,s\n", ["lacks_key.csv", "current_points_line"]),
        ("unknown.csv", f"{HEADER},colour\ng,p,s,1,2,red\n", ["unknown.csv", "colour"]),
        ("text.csv", f"{HEADER}\ng,p,s,1.5,2\ng,p,s,1.5,many\n", ["line 3", "predicted_points", "many", "FLOAT64"]),
        ("blank.csv", f"{HEADER}\ng,p,s,,2\n,,,,\n", ["line 3", "game_id", "empty"]),
        ("header_only.csv", f"{HEADER}\n", ["no rows"]),
        ("empty.csv", "", ["no rows"]),
        ("ragged.csv", f"{HEADER}\ng,p,s,1,2\ng,p,s,1,2,3,4\n", ["ragged.csv: line 3: 7 values, but the header has 5"]),
        ("broken.jsonl", '{"game_id": "g"}\n{"game_id": \n', ["line 2"]),
        ("no.parquet", "text", ["no.parquet", "not a Parquet file"]),
        ("table.xlsx", "text", ["table.xlsx", ".csv"]),
    ],
)
def test_a_bad_file_is_named_and_nothing_is_staged(
    tmp_path: Path, shell: Shell, name: str, content: str, expected: list[str]
) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    assert_one_line(shell("stage", "--batch", "b", *DATE, file, "--workers", 3), *expected)
    assert_one_line(shell("consolidate", "--batch", "b", *DATE), "no staging tables")


def test_a_missing_file_is_named(tmp_path: Path, shell: Shell) -> None:
    assert_one_line(shell("stage", "--batch", "b", *DATE, tmp_path / "absent.csv"), "absent.csv")


@pytest.mark.parametrize(
    ("damaged", "words"),
    [
        ("warehouse.duckdb", ("consolidate", "--batch", "b", *DATE)),
        ("warehouse.duckdb", ("duplicates", *DATE)),
        ("locks.sqlite", ("locks", "list")),
    ],
)
def test_a_corrupt_state_folder_is_named_and_left_unchanged(
    shell: Shell, home: Path, damaged: str, words: tuple[str, ...]
) -> None:
    home.mkdir()
    (home / damaged).write_bytes(b"not a database" * 1000)
    assert_one_line(shell(*words), damaged)
    assert (home / damaged).read_bytes() == b"not a database" * 1000


@pytest.mark.parametrize("runbook", ["duplicate_diagnosis", "day1_monitoring"])
def test_with_a_corrupt_warehouse_a_runbook_is_unknown(shell: Shell, home: Path, runbook: str) -> None:
    home.mkdir()
    (home / "warehouse.duckdb").write_bytes(b"not a database" * 1000)
    result = shell("run", runbook)
    assert result.returncode == 3, result
    assert "UNKNOWN" in result.stdout
    assert "warehouse.duckdb is not a warehouse file" in result.stdout


def test_a_state_folder_that_is_a_file_is_named(shell: Shell, home: Path) -> None:
    home.write_text("a file")
    assert_one_line(shell("locks", "list"), str(home))
    assert_one_line(shell("duplicates", *DATE), str(home))


def test_an_unwritable_outputs_folder_is_named_before_anything_runs(tmp_path: Path, shell: Shell) -> None:
    (tmp_path / "outputs").write_text("a file")
    assert_one_line(shell("run", "stuck_lock_release"), str(tmp_path / "outputs"))


def test_a_release_without_a_reason_is_bad_input(shell: Shell) -> None:
    digest = "plan=3f9a1c2b4d5e-20260117T2315Z-a109c7"
    result = shell("run", "stuck_lock_release", "-p", "release=2026-01-17", "-p", digest)
    assert result.returncode == 2
    assert "reason" in result.stdout
