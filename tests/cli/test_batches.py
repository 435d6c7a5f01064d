"""A user's own file, staged, consolidated and counted from the shell."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Shell
from tests.environments import NEEDED

HEADER = "prediction_id,game_id,player_lookup,system_id,current_points_line,predicted_points"
DATE = "2026-01-17"


def write_csv(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def last_json(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_every_row_of_a_file_is_accounted_for_and_a_second_call_changes_nothing(tmp_path: Path, shell: Shell) -> None:
    rows = [f"p{i},g1,player{i},xgb,{'' if i % 5 == 0 else 20.5},21" for i in range(40)]
    rows += ["a,g1,player1,xgb,24.5,21", "b,g1,player1,xgb,25.0,21"]  # two lines half a point apart
    rows += ["c,g1,player0,xgb,,22", "d,g1,player0,xgb,,23"]  # a missing line equals a missing line
    file = write_csv(tmp_path / "own.csv", rows)

    staged = last_json(shell("stage", "--batch", "own-1", "--date", DATE, file, "--workers", 7, "--json"))
    assert (staged["staged"], len(staged["staging_tables"])) == (44, 7)

    consolidate = ("consolidate", "--batch", "own-1", "--date", DATE, "--json")
    first = last_json(shell(*consolidate))
    assert {name: first[name] for name in ("status", "staged", "inserted", "updated", "deduplicated")} == {
        "status": "consolidated",
        "staged": 44,
        "inserted": 42,
        "updated": 0,
        "deduplicated": 2,
    }
    again = last_json(shell(*consolidate))
    assert (again["status"], again["inserted"], again["updated"]) == ("already_consolidated", 0, 0)

    counted = last_json(shell("duplicates", "--date", DATE, "--json"))
    assert (counted["rows"], counted["duplicate_keys"], counted["rounded_keys"]) == (42, 0, 1)


def test_another_table_uses_its_own_date_columns_name(
    tmp_path: Path, home: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.yaml").write_text(NEEDED.replace("date_column: day", "date_column: order_date"))
    monkeypatch.setenv("RUNBOOK_ENVIRONMENTS", str(tmp_path))
    rows = tmp_path / "orders.jsonl"
    rows.write_text('{"id": 1, "order_date": "2026-01-16"}\n')
    assert shell("import", "rows", rows).returncode == 0
    rows.write_text(f'{{"id": 1, "order_date": "{DATE}"}}\n{{"id": 2, "order_date": "{DATE}"}}\n')
    of_date = ("--game-date", DATE, "--json")  # the older name of --date
    for command in (("stage", "--batch", "b", rows), ("consolidate", "--batch", "b"), ("duplicates",)):
        answer = last_json(shell(*command, *of_date))
        assert (answer["order_date"], "game_date" in answer) == (DATE, False)
    logged = (home / "logs" / "coordinator.jsonl").read_text(encoding="utf-8")
    assert f"Acquiring consolidation lock for order_date={DATE}, batch=b" in logged
    run = shell("run", "day1_monitoring", "-p", f"game_date={DATE}", "--json")
    checks = json.loads(run.stdout.splitlines()[-1])["checks"]
    assert [check["summary"] for check in checks if check["id"] == "consolidations"] == ["1 completed"]
    assert "game" not in json.dumps(checks)


def test_a_date_may_be_a_word_for_a_day_of_the_environments_zone(
    tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNBOOK_NOW", "2026-01-18T03:00:00+00:00")  # still the 17th in New York
    file = write_csv(tmp_path / "own.csv", ["p1,g1,player1,xgb,20.5,21"])
    for command in (("stage", "--batch", "b", file), ("consolidate", "--batch", "b"), ("duplicates",)):
        answer = last_json(shell(*command, "--date", "today", "--env", "local", "--json"))
        assert answer["game_date"] == DATE
    shown = shell("locks", "show", "yesterday")
    assert "2026-01-16" in shown.stdout + shown.stderr


def test_two_shells_at_once_lose_and_duplicate_nothing(tmp_path: Path, shell: Shell) -> None:
    file = write_csv(tmp_path / "own.csv", [f"p{i},g1,player{i},xgb,20.5,21" for i in range(60)])
    for batch, flags in (("locked", []), ("unlocked", ["--no-lock"])):
        last_json(shell("stage", "--batch", batch, "--date", DATE, file, "--workers", 5, "--json"))
        command = ("consolidate", "--batch", batch, "--date", DATE, "--json", *flags)
        with ThreadPoolExecutor(2) as pool:
            results = [last_json(result) for result in pool.map(lambda _, c=command: shell(*c), range(2))]
        assert sorted(result["status"] for result in results) == ["already_consolidated", "consolidated"]
        assert sum(result["staged"] for result in results) == 60
    counted = last_json(shell("duplicates", "--date", DATE, "--json"))
    assert (counted["rows"], counted["keys"], counted["duplicate_keys"]) == (60, 60, 0)


def test_all_pending_batches_of_dates_are_consolidated_one_by_one(tmp_path: Path, shell: Shell, home: Path) -> None:
    """A refused batch is reported and does not stop the others; a second call finds only that one."""
    file = write_csv(tmp_path / "own.csv", [f"p{i},g1,player{i},xgb,20.5,21" for i in range(4)])
    for day in range(14, 18):
        last_json(shell("stage", "--batch", f"night-{day}", "--date", f"2026-01-{day}", file, "--json"))
    alter = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); "
        "[name] = [n for (n,) in c.execute('SELECT table_name FROM duckdb_tables()').fetchall() if 'night_16' in n]; "
        "c.execute(f'ALTER TABLE nba_predictions.{name} ADD COLUMN surprise INTEGER')"
    )
    subprocess.run([sys.executable, "-c", alter, str(home / "warehouse.duckdb")], check=True)
    over = ("consolidate", "--over", "2026-01-15..2026-01-20")
    planned = shell(*over, "--dry-run")
    assert planned.stdout.splitlines()[0].startswith("2026-01-15 night-15: dry_run: 4 staged = 4 inserted")
    done = shell(*over, "--json")
    results = json.loads(done.stdout.splitlines()[-1])["results"]
    assert [(one["batch_id"], one["status"]) for one in results] == [
        ("night-15", "consolidated"),
        ("night-16", "refused"),
        ("night-17", "consolidated"),
    ]
    assert (done.returncode, "lacks: surprise" in done.stderr) == (2, True)
    again = shell(*over)
    assert again.stdout == "0 of 1 batch done; 1 was refused\n"
    nothing = shell("consolidate", "--over", "2026-02-01,2026-02-03")
    assert (nothing.returncode, nothing.stdout) == (0, "No pending batches in staging for 2026-02-01,2026-02-03.\n")
    for words in (["--over", DATE, "--batch", "b"], ["--batch", "b"], ["--over", "2026-01-02..2026-01-01"], []):
        refused = shell("consolidate", *words)
        assert (refused.returncode, refused.stdout) == (2, "")


def test_a_batch_of_several_dates_is_consolidated_date_by_date(shell: Shell, tmp_path: Path) -> None:
    dates = ["2026-01-16", "2026-01-17", "2026-01-18"]
    rows = [f"p{number},g1,player{number},xgb,20.5,21,{day}" for number, day in enumerate([*dates, dates[1]])]
    header = "prediction_id,game_id,player_lookup,system_id,current_points_line,predicted_points,game_date"
    file = tmp_path / "dates.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    staged = shell("stage", "--batch", "several", file)
    assert staged.stdout.splitlines()[-1].startswith("Next: runbook consolidate --batch several")
    assert "--game-date" not in staged.stdout
    refused = shell("consolidate", "--batch", "several", "--game-date", dates[0])
    assert (refused.returncode, "omit the date to consolidate each of its dates" in refused.stderr) == (2, True)
    over = shell("consolidate", "--over", dates[1])
    assert over.stdout.splitlines()[0].startswith(f"{dates[1]} several: consolidated: 2 staged = 2 inserted")
    planned = shell("consolidate", "--batch", "several", "--dry-run")
    assert planned.stdout.splitlines()[-1].startswith("3 dates, dry_run: 2 staged = 2 inserted")
    done = last_json(shell("consolidate", "--batch", "several", "--json"))
    assert [(one["game_date"], one["status"], one["staged"]) for one in done["dates"]] == [
        (dates[0], "consolidated", 1),
        (dates[1], "already_consolidated", 0),
        (dates[2], "consolidated", 1),
    ]
    assert (done["status"], done["staged"], done["staging_dropped"]) == ("consolidated", 2, 1)


def test_a_repair_is_planned_applied_and_undone(shell: Shell, home: Path) -> None:
    assert last_json(shell("locks", "list", "--json"))["locks"] == []
    nothing_there = shell("duplicates", "--date", DATE)
    assert (nothing_there.returncode, "duplicates are unknown" in nothing_there.stdout) == (3, True)
    insert = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); "
        'c.execute("INSERT INTO nba_predictions.player_prop_predictions (prediction_id, game_id, player_lookup, '
        "system_id, game_date, is_active) SELECT 'p', 'g', 'x', 's', DATE '2026-01-17', TRUE FROM range(3)\")"
    )
    subprocess.run([sys.executable, "-c", insert, str(home / "warehouse.duckdb")], check=True)

    found = shell("duplicates", "--date", DATE)
    assert found.returncode == 1
    assert "1 duplicate key (2 surplus rows) among 3 rows" in found.stdout
    apply = words_of(shell("repair", "plan", "--date", DATE), "Next: ")
    assert shell("duplicates", "--date", DATE).returncode == 1

    applied = shell(*apply)
    assert applied.returncode == 0, applied.stderr
    assert shell("duplicates", "--date", DATE).returncode == 0
    refused = shell(*apply)
    assert (refused.returncode, "has changed" in refused.stderr) == (1, True)

    undo = words_of(applied, "To undo it: ")
    assert shell(*words_of(shell(*undo), "Next: ")).returncode == 0
    assert "2 surplus rows" in shell("duplicates", "--date", DATE).stdout
    actions = last_json(shell("audit", "--json"))["actions"]
    assert [(action["action"], action["status"]) for action in actions] == [
        ("undo of a repair", "done"),
        ("repair", "done"),
    ]


def words_of(result: subprocess.CompletedProcess[str], label: str) -> list[str]:
    """Return the command printed after a label, without its first word, and with another reason."""
    line = next(line for line in result.stdout.splitlines() if label in line)
    return [word.replace("why it is safe", "a test") for word in shlex.split(line.partition(label)[2])[1:]]
