"""Each example of docs/how-to/investigate.md runs on the demo's incident as printed."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from lib.operations.scope import scope_of
from lib.places import ROOT
from lib.platform import connect
from rehearsal.race import plan_race, run_race, stage_race

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path))
    platform = connect("local")
    plan = plan_race(scope_of(platform).day)
    stage_race(platform, plan)
    run_race(platform, plan)
    page = (ROOT / "docs/how-to/investigate.md").read_text(encoding="utf-8").replace('"today"', f'"{plan.game_date}"')
    typed: dict[str, Any] = {}
    shown = []
    with platform.warehouse.session():
        for block in _BLOCK.findall(page):
            for statement in ast.parse(block).body:
                if isinstance(statement, ast.Expr):
                    shown.append(eval(ast.unparse(statement.value), typed))  # noqa: S307 - the page is ours
                else:
                    exec(ast.unparse(statement), typed)  # noqa: S102
    by_fate, note, evidence, story, rows, lines = shown
    assert by_fate.to_dict() == {"kept": plan.duplicate_keys, "removed": plan.duplicate_keys}
    assert note.startswith("A repair backs up")
    assert evidence["batches still in staging"] == sorted(plan.batch_ids)
    assert len(typed["late"]) > plan.duplicate_keys
    assert "without the lock; the ledger has no such consolidation" in story.exhibits[-1].rows[0][1]
    assert len(rows) == 2
    assert len(lines) >= 4
