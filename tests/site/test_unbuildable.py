"""If the site cannot be built, runs keep their results."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.archive.archive import Archive
from lib.runbooks.catalogue import find_runbook
from lib.runbooks.execution import execute
from lib.site.build import build_site
from lib.verdict.verdict import Verdict

NOTEBOOKS = Path(__file__).parents[1] / "runbooks" / "notebooks"


def test_a_run_has_its_verdict_even_if_the_site_cannot_be_built(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "_site").write_text("in the way")
    runbook = find_runbook("healthy", NOTEBOOKS)
    run = execute(runbook, archive=Archive(tmp_path), progress=False, on_change=build_site)
    assert (run.record.verdict, run.exit_code) == (Verdict.PASS, 0)
    output = capsys.readouterr().err
    assert output.startswith("runbook: the site could not be built: ")
    assert output.count("\n") == 1
