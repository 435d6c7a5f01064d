"""In every runbook a source that cannot be read is UNKNOWN with the reason: never PASS, and no crash."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from lib.locking.store import Claim
from lib.runbooks.catalogue import runbooks
from lib.verdict.verdict import Verdict
from rehearsal.drills.drill import Drill, Look, Scene
from rehearsal.drills.rehearsal import rehearse
from rehearsal.drills.stage import BATCH_FILE, Stage

WAREHOUSE, LOCKS, DEPLOYMENT = "warehouse.duckdb", "locks.sqlite", "deployment.json"
LOGS = "logs/prediction-coordinator.jsonl"
SOURCES = {
    "deploy_verify": {WAREHOUSE, LOCKS, LOGS, DEPLOYMENT},
    "day1_monitoring": {WAREHOUSE, LOGS, BATCH_FILE},
    "duplicate_diagnosis": {WAREHOUSE, LOGS, BATCH_FILE},
    "stuck_lock_release": {WAREHOUSE, LOCKS, LOGS},
    "week2_performance_review": {LOGS},
    "daily_quality": {WAREHOUSE, LOGS},
    # It looks at the locks only after a rollback.
    "rollback": {WAREHOUSE, LOGS, DEPLOYMENT},
    "consolidation_timeout": {WAREHOUSE, LOCKS, LOGS, BATCH_FILE},
}
CASES = sorted((runbook, source) for runbook, sources in SOURCES.items() for source in sources)
ASKS_FOR_THE_DATE = {"deploy_verify", "day1_monitoring", "duplicate_diagnosis", "daily_quality"}


def damage(path: Path, how: str) -> None:
    """Replace a file with other content, or with a folder."""
    for part in path.parent.glob(f"{path.name}*"):
        part.unlink()
    if how == "garbage":
        path.write_bytes(b"not what it should be " * 500)
    else:
        path.mkdir()


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The states before and after an ordinary night."""
    folder = tmp_path_factory.mktemp("states")

    def played(stage: Stage) -> Scene:
        stage.deploy().save(stage.home)
        stage.past_dates(8)
        shutil.copytree(stage.home, folder / "before")
        stage.clean_night()
        shutil.copytree(stage.home, folder / "after")
        return Scene([])

    rehearse(Drill("night", "an ordinary night", played), folder / "night")
    return folder


def scene(stage: Stage, states: Path, runbook: str, source: str, how: str) -> Scene:
    # It asks the log only when there are no rows.
    asks_the_log = (runbook, source) == ("daily_quality", LOGS)
    shutil.copytree(states / ("before" if asks_the_log else "after"), stage.home)
    if asks_the_log:
        stage.log(stage.coordinator, ["ready"])
    if runbook == "stuck_lock_release":
        claim = Claim(stage.platform.table.lock_key(stage.today - timedelta(days=1)), "h", "gone", 0.01, "host:1")
        assert stage.platform.locks.store.create(claim)
    stage.record_batches()
    damage(stage.home / source, how)
    parameters = {"date": str(stage.today)} if runbook in ASKS_FOR_THE_DATE else {}
    return Scene([Look(runbook, Verdict.UNKNOWN, (), parameters)])


@pytest.mark.parametrize(("runbook", "source"), CASES)
def test_an_unreadable_source_is_unknown_with_the_reason(
    runbook: str, source: str, states: Path, tmp_path: Path
) -> None:
    # Any text is a readable log; only a folder is not.
    how = "folder" if source == LOGS else "garbage"
    drill = Drill("unreadable", source, lambda stage: scene(stage, states, runbook, source, how))

    (finding,) = rehearse(drill, tmp_path)

    assert finding.surprises == (), finding.headline
    record = Path(finding.report).with_name("run.json").read_text(encoding="utf-8")
    assert Path(source).name in record
    shutil.rmtree(tmp_path)


def test_every_runbook_is_tested() -> None:
    assert {runbook.name for runbook in runbooks()} == SOURCES.keys()
