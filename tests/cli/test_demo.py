"""The README's first command: the whole path, with every verdict held against the truth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lib.archive.archive import Archive
from lib.runbooks.catalogue import runbooks
from tests.browser.chromium import Budget, chromium, visit
from tests.cli.conftest import Shell
from tests.site.pages import text_of

_LONGEST_STATUS_PIXELS = 1_200  # at 1,280 pixels of width


@pytest.mark.long
def test_the_demo_tells_the_truth(shell: Shell, tmp_path: Path, home: Path) -> None:
    shell("locks", "list")  # some state of the user's own
    result = shell("demo")
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    assert "SURPRISE" not in result.stderr
    assert [path.name for path in (home / "replaced").iterdir()], "the earlier state is kept"

    records = [json.loads(path.read_text()) for path in (tmp_path / "outputs").glob("local/*/*/run.json")]
    assert {record["status"] for record in records} == {"completed"}
    verdicts = {name: [] for name in ("duplicate_diagnosis", "stuck_lock_release", "week2_performance_review")}
    for record in sorted(records, key=lambda record: record["started_at"]):
        verdicts.setdefault(record["runbook"], []).append(record["verdict"])
    assert verdicts["duplicate_diagnosis"] == ["FAIL", "PASS", "PASS"]
    assert verdicts["stuck_lock_release"] == ["FAIL", "PASS"]
    assert verdicts["week2_performance_review"] == ["PASS"]
    assert {record["runbook"] for record in records} == {runbook.name for runbook in runbooks()}
    assert result.stdout.count("must be ") == len(records)
    page = tmp_path / "outputs" / "index.html"
    assert result.stdout.splitlines()[-1] == page.as_uri()
    listed = (tmp_path / "outputs" / "_site" / "runs.html").read_text(encoding="utf-8")
    assert all(record["run_id"] in listed for record in records)
    changes = text_of(Archive(tmp_path / "outputs"), "_site/changes.html")
    assert "1 lock released" in changes
    assert "24 rows removed" in changes
    assert_pages_are_good(tmp_path / "outputs")


def assert_pages_are_good(outputs: Path) -> None:
    """Reports and status page in a browser; what has been asserted so far holds without one."""
    newest = {path.parent.parent.name: path for path in sorted(outputs.glob("local/*/*/report.html"))}
    with chromium() as browser:
        for page in newest.values():
            with visit(browser) as opened:
                opened.open(page.as_uri())
                for width in (1_280, 400):
                    opened.page.set_viewport_size({"width": width, "height": 800})
                    opened.assert_well_behaved()
                    opened.assert_within(Budget(bytes=500_000, nodes=6_000))
                    opened.assert_accessible()
        with visit(browser, viewport={"width": 1_280, "height": 800}) as opened:
            opened.open((outputs / "index.html").as_uri())
            opened.assert_words_whole()
            opened.assert_within(Budget(bytes=120_000, nodes=2_000))
            assert opened.page.evaluate("document.documentElement.scrollHeight") <= _LONGEST_STATUS_PIXELS
