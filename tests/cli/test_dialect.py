"""`runbook dialect test`: each line with its parsed values, and an exit code for scripts."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lib.cli import cli
from rehearsal.service_nights import BATCH, NIGHTS


def tried(file: Path) -> Result:
    return CliRunner().invoke(cli, ["dialect", "test", str(file)])


@pytest.mark.parametrize("file", sorted(NIGHTS.glob("*.jsonl")), ids=lambda file: file.stem)
def test_all_lines_of_the_services_are_understood(file: Path) -> None:
    result = tried(file)
    assert result.exit_code == 0, result.output
    assert "NOT UNDERSTOOD" not in result.output
    runs = [line for line in result.output.splitlines() if line.startswith("run  ")]
    assert [BATCH in run for run in runs] == [True]


def test_a_run_shows_its_lock_wait_separately_from_its_merge() -> None:
    result = tried(NIGHTS / "b_waited_120s.jsonl")
    assert "took=129120 ms from the MERGE's start (library) from before the lock (a1, a2, b)" in result.output
    assert "completed, waited 2 min 0 s for the lock, MERGE 8.2 s, dialect a1 or a2 or b" in result.output


def test_a_line_that_is_not_understood_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "pasted.txt"
    file.write_text(
        "MERGE is odd today\nhello\n\x1b[31m🔓 Released consolidation lock: consolidation_2026-01-17 (batch=b)\n"
    )
    result = tried(file)
    assert result.exit_code == 1
    assert "NOT UNDERSTOOD            MERGE is odd today" in result.output
    assert "lock released             [batch=b, date=2026-01-17]" in result.output
    assert "\x1b" not in result.output
    assert result.output.splitlines()[-1] == "1 not understood, 1 about something else, 1 understood"


@pytest.mark.parametrize("content", [None, "", "[]"])
def test_a_file_without_lines_is_bad_input(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "none"
    if content is not None:
        file.write_text(content)
    result = tried(file)
    assert result.exit_code == 2
    assert result.output.startswith("runbook: ")
