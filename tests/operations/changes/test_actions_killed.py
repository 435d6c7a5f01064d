"""``kill -9`` during a repair or its undo: the rows are as before or as after, and the record says which."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from lib.consolidation.upkeep.audit import ActionStatus
from lib.operations.changes.audit import audit_trail, changes
from lib.operations.changes.repair import UndoRepair
from lib.operations.scope import scope_of
from lib.platform import Platform
from lib.verdict.verdict import Verdict
from tests import warm
from tests.operations.changes.actions import CASES, DAY, approved, main_rows

_APPLY = """
import os, signal, sys
from pathlib import Path
from lib.embedded.adapters import EmbeddedAdapters
from lib.platform import Platform
from tests.consolidation.world import HookedWarehouse
from tests.environments import local
from tests.operations.changes.actions import DAY, CASES, approved
from lib.operations.changes.repair import Repair, UndoRepair

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

class Adapters(EmbeddedAdapters):
    @property
    def warehouse(self):
        return hooked

home, kind, moment, backup = Path(sys.argv[1]), *sys.argv[2:]
hooked = HookedWarehouse(home / "warehouse.duckdb")
setattr(hooked, moment, die)
environment = local()
platform = Platform(environment, Adapters(home, environment))
action = Repair(platform, DAY) if kind == "repair" else UndoRepair(platform, DAY, backup)
approved(platform, action)
"""


@pytest.mark.parametrize("moment", ["before_merge", "before_commit", "after_commit"])
@pytest.mark.parametrize("kind", ["repair", "undo"])
def test_killed_half_way_the_rows_are_as_before_or_as_after_and_the_record_agrees(
    platform: Platform, home: Path, kind: str, moment: str
) -> None:
    action = CASES[kind].set_up(platform)
    backup = action.backup if isinstance(action, UndoRepair) else ""
    before = main_rows(platform)
    ended = warm.run([sys.executable, "-c", _APPLY, str(home), kind, moment, backup], env=os.environ)
    assert ended.returncode == -9
    (record,) = changes(platform)
    took_effect = moment == "after_commit"
    assert (main_rows(platform) != before) is took_effect
    assert record.status == (ActionStatus.DONE if took_effect else ActionStatus.BEGUN)
    unfinished = audit_trail(scope_of(platform)).checks
    assert [check.verdict for check in unfinished] == ([] if took_effect else [Verdict.WARN])
    # Its lock is left behind until its lease expires.
    platform.locks.force_release(DAY, "killed in a test", steal=True)
    if took_effect and kind == "repair":
        approved(platform, UndoRepair(platform, DAY, json.loads(record.after)["backup"]))
        assert main_rows(platform) == before
    elif not took_effect:
        approved(platform, action)
        assert main_rows(platform) != before
