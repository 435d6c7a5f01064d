"""`runbook schedule` as an operator sees it; its runs are tested in test_processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lib.archive.archive import Archive
from lib.cli import cli
from lib.schedule.firing_record import Attempt, Occurrence, State
from lib.schedule.firings import Ledger
from lib.schedule.settings import Schedule
from lib.verdict.verdict import Verdict

WriteSchedule = Callable[..., Schedule]
NOON = datetime(2026, 1, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOSTILE = "\x1b[2J<script>alert(1)</script>"


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, ["schedule", *words])


def listed(*words: str) -> dict[str, dict[str, Any]]:
    data = json.loads(call("list", "--json", *words).stdout.splitlines()[-1])
    return {entry["entry"]: entry for entry in data["entries"]}


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOK_NOW", (NOON + timedelta(minutes=30)).isoformat())


def test_list_shows_upcoming_last_and_missed_runs(tmp_path: Path, write_schedule: WriteSchedule, at_noon: None) -> None:
    hourly = {"runbook": "holds_once", "cron": "0 * * * *", "on_failure": "pause"}
    schedule = write_schedule(
        {
            "watch": hourly,
            "week2": {**hourly, "days_since_deploy": "8-14"},
            "over": {**hourly, "days_since_deploy": 0, "deployed_at": "2026-01-01T12:00:00Z"},
        },
        timezone="America/New_York",
    )
    ledger, entry = Ledger(Archive(tmp_path / "outputs").store), schedule.entries["watch"]
    ledger.expect(entry, NOON - 3.5 * HOUR)
    failed = Occurrence.of(entry, NOON - 2 * HOUR, State.CLAIMED, NOON)
    ledger.claim(failed.ended(State.ENDED, NOON, attempts=(Attempt("id", 1, Verdict.FAIL, HOSTILE),)))

    found = listed("--count", "1")
    watch = found["watch"]
    assert watch["next"] == [{"planned_at": "2026-01-17T13:00:00+00:00", "parameters": {"date": "2026-01-17"}}]
    assert (watch["last"]["verdict"], watch["last"]["run_ids"]) == ("FAIL", ["id"])
    assert [run["planned_at"] for run in watch["missed"]] == ["2026-01-17T11:00:00+00:00", "2026-01-17T09:00:00+00:00"]
    assert watch["rests"].endswith("runbook schedule resume watch")
    assert found["week2"]["rests"] == "deployed_at is not set"
    assert found["over"]["rests"] == "days 0 after the deployment have passed"

    shown = call("list", "--count", "1").stdout
    assert "next    2026-01-17 08:00:00 EST (13:00 UTC)  date=2026-01-17" in shown
    assert "missed  2026-01-17 06:00:00 EST (11:00 UTC): no scheduler has run since" in shown
    assert "\x1b[2J" not in shown

    assert call("resume", "watch").stdout == "Resumed watch\n"
    assert (listed()["watch"]["rests"], listed()["watch"]["missed"]) == ("", [])


def test_nothing_due_is_healthy(write_schedule: WriteSchedule, at_noon: None) -> None:
    write_schedule({"noon": {"runbook": "healthy", "cron": "0 12 * * *", "timezone": "UTC", "catch_up_seconds": 60}})
    result = call("once")
    assert (result.exit_code, result.output) == (0, "")  # cron mails any output


@pytest.mark.parametrize("words", [("list",), ("once",), ("run",), ("resume", "watch")])
def test_an_invalid_schedule_is_one_line(tmp_path: Path, write_schedule: WriteSchedule, words: tuple[str, ...]) -> None:
    write_schedule({})
    (tmp_path / "schedule.yaml").write_text("entries: {watch: {runbook: no_such, cron: 0 * * * *}}")
    result = call(*words)
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert line.endswith("entries.watch: there is no runbook 'no_such'. Known: " + line.split("Known: ")[1])
    assert not (tmp_path / "outputs").exists()


def test_an_unknown_entry_is_refused(write_schedule: WriteSchedule) -> None:
    write_schedule({"watch": {"runbook": "healthy", "cron": "0 * * * *"}})
    for words in (("once", "--entry", "wach"), ("resume", "wach")):
        result = call(*words)
        assert (result.exit_code, result.stderr) == (2, "runbook: the schedule has no entry 'wach'; it has watch\n")


def test_an_archive_that_cannot_be_written_is_one_line(
    tmp_path: Path, write_schedule: WriteSchedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_schedule({"watch": {"runbook": "healthy", "cron": "0 * * * *"}})
    (tmp_path / "file").touch()
    monkeypatch.setenv("RUNBOOK_OUTPUTS", str(tmp_path / "file"))
    result = call("once")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
