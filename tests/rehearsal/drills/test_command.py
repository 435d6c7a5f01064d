"""`runbook drill` exits with 0 only if the runbooks are right, and leaves the user's own state alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

from click.testing import CliRunner

from lib.cli import cli
from lib.verdict.verdict import Verdict
from rehearsal.drills.drill import Drill, Look, Scene
from rehearsal.drills.rehearsal import rehearse
from rehearsal.drills.stage import Stage


def test_a_drill_prints_its_findings_and_leaves_the_users_state_alone(tmp_path: Path) -> None:
    own = tmp_path / "own"
    surroundings = {"RUNBOOK_HOME": str(own / "home"), "RUNBOOK_OUTPUTS": str(own / "outputs")}
    kept = tmp_path / "kept"

    result = CliRunner().invoke(cli, ["drill", "stale_locks", "--keep", str(kept)], env=surroundings)

    assert result.exit_code == 0, result.output
    assert "right  incident 6" in result.output
    assert "12 stuck" in result.output
    assert re.search(r"stuck_lock_release +[1-9]\d* queries ", result.output)
    assert "1 of 1 are right" in result.output
    assert not own.exists()
    assert list(kept.glob("stale_locks/outputs/local/stuck_lock_release/*/report.html"))
    exported = dict(line.removeprefix("export ").split("=") for line in result.output.splitlines()[-3:])
    locks = CliRunner().invoke(cli, ["locks", "list", "--json"], env=exported)
    assert len(json.loads(locks.output.splitlines()[-1])["locks"]) == 13
    again = CliRunner().invoke(cli, ["drill", "stale_locks", "--keep", str(kept)], env=surroundings)
    assert (again.exit_code, "already exists" in again.output) == (2, True)


def test_all_drills_are_listed_and_a_mistyped_name_gets_a_suggestion() -> None:
    listed = CliRunner().invoke(cli, ["drill", "--list"])
    assert (listed.exit_code, "race" in listed.output) == (0, True)
    wrong = CliRunner().invoke(cli, ["drill", "stale_lock"])
    assert wrong.exit_code == 2
    assert "did you mean stale_locks?" in wrong.output
    neither = CliRunner().invoke(cli, ["drill"])
    assert (neither.exit_code, "--all" in neither.output) == (2, True)


def test_a_wrong_runbook_is_reported_with_what_it_does_not_mention(tmp_path: Path) -> None:
    def nothing(stage: Stage) -> Scene:
        assert stage.platform.locks.locks() == []
        return Scene([Look("stuck_lock_release", Verdict.FAIL, ("12 stuck",))])

    (finding,) = rehearse(Drill("nothing", "no lock at all", nothing, 6), tmp_path)

    assert not finding.is_right
    assert finding.surprises == ("verdict PASS instead of FAIL", "the first screen does not mention '12 stuck'")
