"""The limit on billed reads of a session: shared by its runs and other tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.agents.desk import Desk
from lib.agents.looking import look
from lib.agents.table import explain
from lib.environment import load_environment
from lib.errors import CouldNotLook, UserError
from lib.ports.jobs import ReadBudget
from tests.consolidation.world import DAY
from tests.gcp.project import google_project
from tests.operations.changes.actions import row

PLENTY = 10**10


@pytest.mark.long
def test_reads_count_towards_the_session_and_a_query_beyond_its_limit_is_not_run(tmp_path: Path) -> None:
    with google_project(tmp_path) as acts:
        acts.platform.staging_writer().write([row(number) for number in range(4)], batch_id="b", worker_id="w")
        acts.platform.consolidator().consolidate_batch(batch_id="b", game_date=DAY)
        desk = Desk(load_environment("production"), ReadBudget(PLENTY))
        found = look(desk, runbook="duplicate_diagnosis", parameters={"date": str(DAY)})
        cost = desk.run(found.answer.run_id).record.cost
        assert cost is not None
        assert cost.read_bytes
        assert found.answer.bytes_left == desk.budget.left_bytes == PLENTY - cost.read_bytes
        explain(desk, date=str(DAY))
        assert desk.budget.left_bytes < PLENTY - cost.read_bytes

        little = Desk(desk.environment, ReadBudget(4))
        blind = look(little, runbook="duplicate_diagnosis", parameters={"date": str(DAY)})
        assert blind.answer.verdict == "UNKNOWN"
        assert "left of this session's budget" in str(blind.items)
        with pytest.raises(CouldNotLook, match="--max-bytes"):
            explain(little, date=str(DAY))
        little.budget.take(4)
        with pytest.raises(UserError, match="start a new one"):
            look(little, runbook="duplicate_diagnosis")
