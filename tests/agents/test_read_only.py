"""No tool, and no run started by one, can write: every call of a port that does not read is refused by name."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib import read_only
from lib.agents.desk import Desk
from lib.agents.looking import ensure_only_looks, look
from lib.archive.archive import Archive, Run
from lib.archive.record import Origin
from lib.consolidation.warehouse import Warehouse
from lib.environment import load_environment
from lib.errors import UserError
from lib.locking.store import LockStore
from lib.platform import Adapters, Platform, connect, platform_of
from lib.ports.approvals import PLAN, ApprovalStore, Entry
from lib.ports.batch_states import BatchStates
from lib.ports.jobs import ReadBudget, WarehouseActivity
from lib.ports.logs import LogReader
from lib.ports.permissions import Permissions
from lib.ports.scratch import ScratchDatasets
from lib.ports.services import Services
from lib.runbooks.catalogue import Runbook, find_runbook, runbooks
from lib.runbooks.execution import execute
from lib.site.index import row_of
from tests.operations.changes.actions import everything, row
from tests.runbooks.conftest import inbox  # noqa: F401
from tests.runbooks.inbox import Inbox
from tests.runbooks.test_notification import archive  # noqa: F401
from tests.warm import warm_kernels

WRITES = {
    "warehouse": (Warehouse, {"create_table", "copy_structure", "load", "transact", "drop"}),
    "lock_store": (LockStore, {"create", "take_over", "renew", "delete", "delete_audited"}),
    "approvals": (ApprovalStore, set[str]()),
    "services": (Services, {"set_variable", "route_traffic"}),
    "permissions": (Permissions, {"grant", "revoke"}),
    "scratch": (ScratchDatasets, {"create", "remove", "new_warehouse", "delay", "run_script"}),
}
# Ports passed on unchanged because all their calls read; `commands` only returns command lines.
READERS = {
    WarehouseActivity: {"has_queue", "jobs", "layout"},
    BatchStates: {"place", "of_date", "since", "batch"},
    LogReader: {"entries", "newest"},
}


def calls_of(port: type) -> set[str]:
    return {name for name in vars(port) if not name.startswith("_")}


def test_every_call_of_a_port_that_does_not_read_is_refused(table: Platform) -> None:
    """A new call or port is in neither list, so its author must decide which it belongs to."""
    reading = platform_of(table.environment, ReadBudget(0))
    assert {*read_only.READS, "metered_warehouse", "other_lock_stores"} == calls_of(Adapters)
    for name, (port, writes) in WRITES.items():
        assert {*read_only.READS[name]} | writes | ({"add"} if name == "approvals" else set()) == calls_of(port)
        for call in writes:
            with pytest.raises(read_only.LooksOnly, match="nothing was changed"):
                getattr(getattr(reading.adapters, name), call)
    assert reading.approvals.add(Entry("x", PLAN, "{}"))
    for kind in ("use", "by_0123456789abcdef"):
        with pytest.raises(read_only.LooksOnly):
            reading.approvals.add(Entry("x", kind, "{}"))
    for reader, only in READERS.items():
        assert calls_of(reader) == only


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t WHERE TRUE",
        "SELECT 1; DROP TABLE t",
        "MERGE t USING s ON FALSE WHEN NOT MATCHED THEN INSERT ROW",
        "CREATE TABLE t AS SELECT 1",
        "CALL p()",
        "-- SELECT\nTRUNCATE TABLE t",
    ],
)
def test_a_query_that_is_not_one_select_is_refused(table: Platform, sql: str) -> None:
    with pytest.raises(read_only.LooksOnly):
        platform_of(table.environment, ReadBudget(0)).warehouse.query(sql)


def test_a_read_only_process_has_no_other_platform(table: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything(table)
    monkeypatch.setenv(read_only.VARIABLE, "0")
    reading = connect("local")
    with pytest.raises(read_only.LooksOnly), reading.locks.acquire(game_date="2026-01-18", batch_id="b"):
        pass
    with pytest.raises(read_only.LooksOnly):
        reading.staging_writer().write([row(9)], batch_id="b", worker_id="w")
    assert everything(table) == before
    monkeypatch.setenv(read_only.VARIABLE, "much")
    with pytest.raises(UserError, match="must be a number of bytes"):
        connect("local")


def test_a_notebook_that_writes_is_refused_in_an_agents_run(
    table: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cell(kind: str, name: str, source: str) -> dict[str, Any]:
        code = {"outputs": [], "execution_count": None} if kind == "code" else {}
        return {"cell_type": kind, "id": name, "metadata": {}, "source": source, **code}

    code = "from lib.platform import connect\nwith connect().locks.acquire(game_date='2026-01-18', batch_id='b'): pass"
    cells = [cell("markdown", "title", "# Writes"), cell("code", "write", code)]
    (tmp_path / "notebooks").mkdir()
    notebook = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    (tmp_path / "notebooks/writes.ipynb").write_text(notebook)
    monkeypatch.setenv("RUNBOOK_NOTEBOOKS", str(tmp_path / "notebooks"))
    before = everything(table)
    desk = Desk(load_environment("local"), ReadBudget(10**10), client="a\ntest" * 50)
    with warm_kernels():
        found = look(desk, runbook="writes")
    [run] = Archive().runs()
    assert isinstance(run, Run)
    assert run.record.error is not None
    assert (run.record.error.name, run.exit_code) == ("LooksOnly", 2)
    assert (run.record.origin.agent, found.answer.bytes_left) == (("a test" * 50)[:60], None)
    assert "agent a testa test" in row_of(run, with_figures=False).by  # as shown on the site
    assert everything(table) == before


def test_an_agents_run_notifies_nobody_and_does_not_suppress_the_next_notification(
    archive: Archive,  # noqa: F811
    inbox: Inbox,  # noqa: F811
) -> None:
    runbook = find_runbook("broken_rule", Path(__file__).parents[1] / "runbooks/notebooks")
    with warm_kernels():
        run = execute(runbook, environment="noisy", archive=archive, origin=Origin(agent="a test"))
        assert (run.record.verdict, run.record.notifications, inbox.posted) == ("FAIL", (), [])
        again = execute(runbook, environment="noisy", archive=archive)
    assert again.record.notifications[0] == "notified INBOX_URL"


@given(runbook=st.sampled_from(runbooks()), text=st.text(max_size=5), data=st.data())
def test_parameters_that_approve_or_apply_are_refused_for_each_runbook(
    runbook: Runbook, text: str, data: st.DataObject
) -> None:
    names = [parameter.name for parameter in runbook.parameters]
    others = data.draw(st.dictionaries(st.sampled_from(names), st.just("x"), max_size=3))
    approving = data.draw(st.sampled_from(["plan", "reason"]))
    applied = data.draw(st.sampled_from(names))
    spelled = data.draw(st.sampled_from(["apply", " Apply ", "APPLY"]))
    for asked in ({**others, approving: text}, {**others, applied: spelled}):
        with pytest.raises(UserError, match="a person applies"):
            ensure_only_looks(runbook, asked)


def test_every_choice_that_applies_a_change_has_the_same_name() -> None:
    """`apply` is refused, so a new choice that applies a change must have this name too."""
    choices = {
        word
        for runbook in runbooks()
        for parameter in runbook.parameters
        if parameter.help.startswith("one of ")
        for word in inspect.cleandoc(parameter.help).partition(":")[0].removeprefix("one of ").split(", ")
    }
    assert choices == {"no", "preview", "apply", "undo", "add", "remove or empty", "off", "on or empty"}
