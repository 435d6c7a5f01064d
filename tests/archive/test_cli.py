"""`runbook runs list|search|show|diff` as an operator uses them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from lib.archive.archive import Archive
from lib.archive.record import Origin, RunError, RunStatus
from lib.cli import cli
from lib.verdict.check import Question
from lib.verdict.verdict import Verdict
from lib.words.quantities import seconds
from tests.site.runs import HOSTILE, START, record

DAY = timedelta(days=1)


@pytest.fixture(params=["folder", "bucket"])
def archive(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    place = str(tmp_path) if request.param == "folder" else f"memory://{uuid4().hex}"
    monkeypatch.setenv("RUNBOOK_OUTPUTS", place)
    return Archive(place)


def runs(*words: str) -> Result:
    return CliRunner().invoke(cli, ["runs", *words])


def data(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_list_distinguishes_damaged_and_lost_runs(archive: Archive) -> None:
    passed = archive.begin(record(started_at=START - DAY))
    lost = archive.begin(record(started_at=START, status=RunStatus.RUNNING))
    damaged = f"local/day1_monitoring/{START - 2 * DAY:%Y%m%dT%H%M%SZ}-0000"
    archive.store.write(f"{damaged}/run.json", b"")
    result = runs("list")
    assert result.exit_code == 0
    first, second, third = result.stdout.splitlines()
    assert first.startswith("UNKNOWN")
    assert lost.run_id in first
    assert "Killed or lost: last heartbeat at" in first
    assert second == f"PASS     {passed.run_id}  day1_monitoring (local): All 3 checks passed"
    assert third.startswith("UNKNOWN")
    assert "damaged: run.json cannot be read" in third

    assert [row["status"] for row in data(runs("list", "--json"))["runs"]] == ["abandoned", "completed", "damaged"]
    assert runs("list", "--limit", "1").stdout.splitlines() == [first]
    assert runs("list", "--verdict", "pass").stdout.splitlines() == [second]
    assert runs("list", "--until", "2026-11-24T14:00:00-05:00").stdout.splitlines() == [second, third]
    assert runs("list", "--env", "production").stdout == "No matching runs.\n"
    assert runs("list", "--since", "yesterday-ish").exit_code == 2


def test_search_shows_where_the_words_are(archive: Archive) -> None:
    archive.begin(record(headline="nothing here"))
    found = archive.begin(record(Verdict.FAIL, evidence={"batch": "batch-00042"}, next_step="Release the lock"))
    line, *where = runs("search", "LOCK batch-00042").stdout.splitlines()
    assert found.run_id in line
    assert [text.strip() for text in where] == [
        "next step: Duplicates: Release the lock",
        "evidence: Duplicates: batch: batch-00042",
    ]
    [row] = data(runs("search", "lock", "--json"))["runs"]
    assert (row["place"], row["hits"][0]["field"]) == (found.place, "next step")
    assert runs("search", "lock nowhere").stdout == "No matching runs.\n"


def test_show_has_what_started_a_run_and_why_it_stopped(archive: Archive) -> None:
    error = RunError("step-3-read", "ValueError", "password=hunter2 was refused")
    origin = Origin("hourly", START - DAY, retry_of="20261124T180000Z-3fa2", attempt=2)
    stopped = archive.begin(record(Verdict.UNKNOWN, status=RunStatus.FAILED, error=error, origin=origin))
    archive.store.write(stopped.report, b"<p>")
    shown = runs("show", stopped.run_id[:18])
    assert shown.exit_code == 0
    assert "planned    for 2026-11-23 19:00:00 UTC by hourly\n" in shown.stdout
    assert "retry      attempt 2, after 20261124T180000Z-3fa2\n" in shown.stdout
    assert "stopped by ValueError in step-3-read: password=[masked] was refused\n" in shown.stdout
    assert "parameter  game_date = 2026-11-24\n" in shown.stdout
    assert f"file       {archive.store.address(stopped.report)}\n" in shown.stdout

    as_markdown = runs("show", stopped.run_id, "--markdown").stdout
    assert as_markdown.startswith("**UNKNOWN** Is the fix holding? (day1_monitoring, local)\n")
    assert as_markdown.endswith(f"Report: `{archive.store.address(stopped.report)}`\n")
    assert "hunter2" not in as_markdown

    as_data = runs("show", stopped.run_id, "--json")
    assert data(as_data)["origin"]["retry_of"] == "20261124T180000Z-3fa2"
    assert "hunter2" not in as_data.stdout


def test_show_has_since_when_and_whether_it_can_wait(archive: Archive) -> None:
    stuck = Question("locks", "Locks", affects="consolidations", can_wait="yes").fails("1 stuck", since=START)
    unread = Question("logs", "Logs", affects="checks that read logs", can_wait="yes").unknown("could not look")
    shown = runs("show", archive.begin(replace(record(Verdict.FAIL), checks=(stuck, unread))).run_id)
    assert "  since 2026-11-24 14:00:00 EST; affects consolidations; can wait? yes\n" in shown.stdout
    assert "  may affect checks that read logs; can wait? unknown until this has an answer\n" in shown.stdout


def test_diff_with_the_last_run_that_passed(archive: Archive) -> None:
    alone = archive.begin(record(started_at=START - 3 * DAY, evidence={"keys": 0, "longest": seconds(5)}))
    assert runs("diff", alone.run_id).exit_code == 3
    archive.begin(record(Verdict.FAIL, started_at=START - DAY))
    archive.store.write("local/day1_monitoring/00009999T999999Z-0000/notes.txt", b"no moment has that name")
    bad = archive.begin(record(Verdict.FAIL, headline="1 duplicate key", evidence={"keys": 1, "longest": seconds(5.1)}))
    result = runs("diff", bad.run_id)
    assert result.exit_code == 1
    assert alone.run_id in result.stdout.splitlines()[0]
    assert "worse    Duplicates: PASS → FAIL\n" in result.stdout
    assert "figure   Duplicates: keys: 0 → 1\n" in result.stdout
    assert "longest" not in result.stdout
    assert "longest: 5.0 s → 5.1 s" in runs("diff", bad.run_id, "--all").stdout
    assert "keys" not in runs("diff", bad.run_id, alone.run_id, "--tolerance-percent", "100").stdout

    there = data(runs("diff", bad.run_id, "--json"))
    assert (there["before"], there["is_worse"], there["changes"][0]["kind"]) == (alone.place, True, "worse")
    back = runs("diff", alone.run_id, bad.run_id)
    assert (back.exit_code, "better   Duplicates: FAIL → PASS\n" in back.stdout) == (0, True)


def test_diff_with_the_same_weekday_a_week_before(archive: Archive) -> None:
    run = archive.begin(record())
    archive.begin(record(started_at=START - DAY))
    assert runs("diff", run.run_id, "--week-before").exit_code == 3
    week_ago = archive.begin(record(Verdict.WARN, started_at=START - 7 * DAY))
    result = runs("diff", run.run_id, "--week-before", "--json")
    assert (result.exit_code, data(result)["before"]) == (0, week_ago.place)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("diff", "2026"), "2 runs match '2026'"),
        (("show", "../../etc"), "there is no run '../../etc'"),
        (("diff", "{run}", "{other}"), "cannot be compared"),
        (("diff", "{run}", "{run}", "--week-before"), "give either OTHER or --week-before"),
        (("diff", "{run}", "--tolerance-percent", "nan"), "not a number"),
    ],
)
def test_an_invalid_request_is_one_line(words: tuple[str, ...], expected: str, archive: Archive) -> None:
    run, other = archive.begin(record()), archive.begin(record(runbook="daily_quality"))
    result = runs(*(word.format(run=run.run_id, other=other.run_id) for word in words))
    assert result.exit_code == 2
    assert expected in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_does_nothing_to_a_terminal(text: str, archive: Archive) -> None:
    before = archive.begin(record(started_at=START - DAY))
    run = archive.begin(
        record(Verdict.FAIL, headline=text, parameters={"reason": text}, evidence={text: text}, next_step=text)
    )
    for words in (["list"], ["search", text.split()[0]], ["show", run.run_id], ["diff", run.run_id, before.run_id]):
        output = runs(*words).output
        assert run.run_id in output
        assert all(char.isprintable() or char == "\n" for char in output)
