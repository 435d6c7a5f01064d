"""A rollback as an operator types it: review, approve the plan shown, and undo it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from tests.cli.conftest import Shell

ROWS = "game_id,player_lookup,system_id,current_points_line\ng1,p1,s1,24.5\n"
DAY = "2026-01-17"


def test_the_lock_is_switched_off_as_planned_and_on_again(shell: Shell, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text(ROWS)

    def run(*words: str) -> tuple[int, dict[str, Any]]:
        """Return the exit code and the run's record."""
        done = shell(*words, "--json")
        answer = json.loads(done.stdout.splitlines()[-1])
        return done.returncode, json.loads(Path(answer["notebook"]).with_name("run.json").read_text())

    def command_of(lock: str) -> list[str]:
        """Return the command that the plan shows, with the operator's own reason."""
        _, record = run("run", "rollback", "-p", f"lock={lock}")
        planned = next(check for check in record["checks"] if "nothing was changed" in check["summary"])
        typed = planned["changes"][0].replace("why it is safe", "waiting for a store that is down")
        return shlex.split(typed)[1:]

    off = command_of("off")
    code, record = run(*off)
    assert (code, record["verdict"]) == (0, "PASS"), record
    shell("stage", "--batch", "b1", "--date", DAY, rows)
    consolidated = shell("consolidate", "--batch", "b1", "--date", DAY)
    assert consolidated.stdout.startswith("consolidated (without the lock): ")
    assert "without the lock, it is switched off" in consolidated.stderr
    code, record = run(*off)
    assert code == 1, record
    assert "lock (now off)" in record["error"]["message"]
    code, record = run(*command_of("on"))
    assert (code, record["verdict"]) == (0, "PASS"), record
