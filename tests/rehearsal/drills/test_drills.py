"""Every incident is caught by the right runbook, and every ordinary night passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.archive.record import from_json
from rehearsal.drills.drill import Drill
from rehearsal.drills.rehearsal import drills, find_drill, rehearse
from tests.verdict.command_kinds import misplaced

DRILLS = drills()
INCIDENTS = {*range(1, 34)}
FEWEST_NIGHTS = 6


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
def test_the_runbooks_report_the_truth(drill: Drill, tmp_path: Path) -> None:
    findings = rehearse(drill, tmp_path)

    assert findings
    records = [from_json(Path(finding.report).with_name("run.json").read_bytes()) for finding in findings]
    for record in records:
        ids = [check.id for check in record.checks]
        assert sorted(set(ids)) == sorted(ids), record.runbook
    assert [text for record in records for check in record.checks for text in misplaced(check)] == []
    assert {(finding.runbook, finding.headline): finding.surprises for finding in findings if finding.surprises} == {}


def test_every_incident_has_a_drill_and_there_are_enough_nights() -> None:
    assert {drill.incident for drill in DRILLS if drill.incident} == INCIDENTS
    assert sum(drill.kind == "ordinary night" for drill in DRILLS) >= FEWEST_NIGHTS
    assert [find_drill(drill.name) for drill in DRILLS] == DRILLS
