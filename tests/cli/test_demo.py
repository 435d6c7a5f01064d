"""The README's first command: the whole demo, with every verdict compared with the truth."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from lib.archive.archive import Archive
from lib.runbooks.catalogue import runbooks
from tests.browser.chromium import Budget, chromium, visit
from tests.browser.reports import assert_is_a_good_report
from tests.cli.conftest import Shell
from tests.site.pages import text_of

_LONGEST_STATUS_PIXELS = 1_200  # at a width of 1,280 pixels


@pytest.mark.long
def test_the_demos_verdicts_are_correct(shell: Shell, tmp_path: Path, home: Path) -> None:
    shell("locks", "list")  # the user's own state
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
    assert_each_row_of_a_duplicate_key_is_in_a_file(tmp_path / "outputs")


def assert_each_row_of_a_duplicate_key_is_in_a_file(outputs: Path) -> None:
    """Check the repair's plan: as many rows as announced, and one kept per key."""
    first = min(outputs.glob("local/duplicate_diagnosis/*/run.json"))
    (plan,) = (check["evidence"] for check in json.loads(first.read_text())["checks"] if check["id"] == "repair")
    (file,) = first.parent.glob("tables/rows-of-duplicate-keys-of-*.csv")
    rows = list(csv.DictReader(file.read_text("utf-8-sig").splitlines()))
    kept = [row for row in rows if row["A repair has it"] == "kept"]
    key = ("game_id", "player_lookup", "system_id", "current_points_line")
    assert (len(rows), len(kept)) == (plan["rows of those keys"], plan["duplicate keys"])
    assert len({tuple(row[name] for name in key) for row in kept}) == len(kept)
    assert f"tables/{file.name}" in (first.parent / "report.html").read_text("utf-8")


def assert_pages_are_good(outputs: Path) -> None:
    """Check the reports and the status page in a browser, if there is one."""
    with chromium() as browser:
        for page in sorted(outputs.glob("local/*/*/report.html")):
            assert_is_a_good_report(browser, page.as_uri())
        with visit(browser, viewport={"width": 1_280, "height": 800}) as opened:
            opened.open((outputs / "index.html").as_uri())
            opened.assert_words_whole()
            opened.assert_within(Budget(bytes=120_000, nodes=2_000))
            assert opened.page.evaluate("document.documentElement.scrollHeight") <= _LONGEST_STATUS_PIXELS
