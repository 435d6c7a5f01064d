"""The incident report: all that is known in two files, hostile text inert, no secrets, no source silently missing."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from lib.archive.archive import Archive, Run
from lib.archive.record import Outcome, RunRecord, RunStatus
from lib.cli import cli
from lib.embedded.adapters import EmbeddedAdapters
from lib.embedded.logs import append_entries, log_path
from lib.errors import UserError
from lib.locking import LeaseLost
from lib.platform import Platform
from lib.ports.logs import LogEntry
from lib.runbooks.incident import gather
from lib.runbooks.incident_page import write_incident
from lib.verdict.check import Question
from lib.verdict.conclusion import Conclusion
from lib.verdict.timeline.data import MEDIA_TYPE, Lane, Timeline
from lib.verdict.verdict import Verdict
from lib.words.pages import as_markdown
from tests.environments import local
from tests.runbooks.page import Page

NOW = datetime.now(UTC)
EVIL = "<script>alert(1)</script> [x](javascript:alert(2)) `|` **b** <img src=x onerror=alert(3)>\n# h\n| a | b |"
LEAK = "password=CANARY-in-an-incident"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    library = logging.getLogger("lib")
    handlers, level = list(library.handlers), library.level
    environment = local()
    yield Platform(environment, EmbeddedAdapters(tmp_path / "state", environment))
    library.handlers[:] = handlers
    library.setLevel(level)


def filed(archive: Archive, verdict: Verdict, summary: str, minutes: float, runbook: str = "day1_monitoring") -> Run:
    """Archive a run that ended this many minutes ago."""
    at = NOW - timedelta(minutes=minutes)
    record = RunRecord(
        run_id="",
        runbook=runbook,
        title=f"Title of {runbook}",
        environment="local",
        timezone="America/New_York",
        parameters={},
        started_at=at,
        heartbeat_at=at,
        code_version="v1",
        versions={},
        who="operator",
        host="host",
        pid=1,
    )
    check = Question("duplicates", "Duplicates", {"keys": summary}).answer(verdict, summary, f"Repair: {summary}")
    outcome = Outcome(RunStatus.COMPLETED, f"Duplicates: {summary}", Conclusion((check,), f"Duplicates: {summary}"))
    return archive.begin(record.finished(outcome, at))


def log(home: Path, message: str, minutes: float, severity: str = "DEFAULT") -> None:
    entry = LogEntry(NOW - timedelta(minutes=minutes), message, "prediction-coordinator", "r1", "i1", severity)
    append_entries(home, entry.service, [entry])


def test_both_files_show_what_happened_what_was_changed_and_what_is_open(platform: Platform, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "outputs")
    filed(archive, Verdict.FAIL, "5 keys of 587", 30)
    filed(archive, Verdict.WARN, "1 key is left", 10)
    filed(archive, Verdict.FAIL, "long ago", 60 * 48)
    log(tmp_path / "state", "✅ MERGE complete: 587 rows affected in 8234.5ms (batch=20260117_120000)", 20)
    log(tmp_path / "state", "the database is away", 20, "ERROR")
    with pytest.raises(LeaseLost), platform.locks.acquire(game_date="2026-01-17", batch_id="b1"):
        platform.locks.force_release("2026-01-17", "its holder hangs", steal=True)
    incident = gather(platform, archive)
    assert incident.verdict is Verdict.FAIL
    page, text = map(Path, write_incident(incident, archive, tmp_path / "reports"))
    for content in (Page(page.read_text(encoding="utf-8")).text, text.read_text(encoding="utf-8")):
        for part in (
            "Duplicates: 5 keys of 587",
            "587",
            "Repair: 1 key is left",
            "20260117",
            "the database is away",
            "its holder hangs",
            "forced release of consolidation_2026-01-17",
            "UTC)",
        ):
            assert part in content
        assert "Repair: 5 keys" not in content  # the newest run decides what is open
        assert "long ago" not in content


def test_the_timelines_of_the_runs_are_redrawn_each_once(platform: Platform, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "outputs")
    first = Timeline("b1 overlapped b2", "UTC", NOW, NOW + timedelta(seconds=2), (Lane(EVIL[:80]),), ())
    second = replace(first, finding=f"b3 failed {LEAK}")
    shown = {"day1_monitoring": [first], "duplicate_diagnosis": [first, second], "rollback": []}
    for runbook, found in shown.items():
        data: list[Any] = [{MEDIA_TYPE: one.as_data(), "text/html": "<svg id=old>"} for one in found]
        outputs = [
            {"output_type": "display_data", "metadata": {}, "data": one} for one in [*data, {MEDIA_TYPE: {"x": 1}}]
        ]
        cell = {"cell_type": "code", "id": "a", "source": "", "metadata": {}, "outputs": outputs, "execution_count": 1}
        notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        archive.store.write(filed(archive, Verdict.FAIL, "5 keys", 5, runbook).notebook, json.dumps(notebook).encode())
    archive.store.write(filed(archive, Verdict.FAIL, "5 keys", 5, "daily_quality").notebook, b"[not a notebook]")
    incident = gather(platform, archive)
    page, text = (Path(path).read_text("utf-8") for path in write_incident(incident, archive, tmp_path / "reports"))
    assert page.count("<figure") == 2
    assert page.index(">b1 overlapped b2 ") < page.index(">b3 failed ")
    assert "- b1 overlapped b2" in text
    assert "id=old" not in page
    assert "CANARY" not in page + text
    assert set(Page(page).tags).isdisjoint({"script", "img"})


def test_hostile_text_is_inert_and_secrets_are_masked(platform: Platform, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "outputs")
    filed(archive, Verdict.FAIL, f"{EVIL} {LEAK}", 5)
    log(tmp_path / "state", f"ERROR {EVIL} {LEAK}", 4, "ERROR")
    incident = gather(platform, archive, title=f"{EVIL} {LEAK}")
    page, text = map(Path, write_incident(incident, archive, tmp_path / "reports"))
    html = page.read_text(encoding="utf-8")
    found = Page(html)
    assert set(found.tags).isdisjoint({"script", "img", "iframe", "object", "link", "form"})
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert all(not value.startswith("javascript") for name, value in found.attributes if name == "href")
    assert "default-src 'none'" in html
    markdown = text.read_text(encoding="utf-8")
    rendered = Page(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))
    assert set(rendered.tags).isdisjoint({"script", "img", "a", "code"})
    assert rendered.tags.count("h1") == 1
    assert "CANARY" not in html + markdown
    assert "[masked]" in found.text


@given(st.text())
def test_text_in_markdown_stays_that_text(text: str) -> None:
    shown = Page(MarkdownIt("commonmark", {"html": True}).enable("table").render(f"- {as_markdown(text)}"))
    assert set(shown.tags) <= {"ul", "li"}


def test_unreadable_source_is_named_and_the_rest_is_shown(platform: Platform, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "outputs")
    filed(archive, Verdict.FAIL, "5 keys", 5)
    log_path(tmp_path / "state", "prediction-coordinator").mkdir(parents=True)
    incident = gather(platform, archive)
    assert "logs" in incident.unread
    page, text = map(Path, write_incident(incident, archive, tmp_path / "reports"))
    assert "The logs could not be read" in Page(page.read_text(encoding="utf-8")).text
    markdown = text.read_text(encoding="utf-8")
    assert "**Could not read** the logs" in markdown
    assert "None were logged" not in markdown
    assert "Error lines" not in markdown


def test_chosen_runs_are_shown_and_unknown_ones_refused(platform: Platform, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "outputs")
    old = filed(archive, Verdict.FAIL, "5 keys", 60 * 72)
    filed(archive, Verdict.PASS, "none", 5)
    incident = gather(platform, archive, [old.record.run_id])
    assert [run.record.run_id for run in incident.runs] == [old.record.run_id]
    assert incident.since == old.record.started_at - timedelta(hours=24)
    with pytest.raises(UserError, match=r"no ended run '20260101T000000Z-0000'"):
        gather(platform, archive, ["20260101T000000Z-0000"])
    with pytest.raises(UserError, match="is empty; check --since"):
        gather(platform, archive, since=NOW, until=NOW - timedelta(hours=1))


def test_nothing_is_overwritten(platform: Platform, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "outputs")
    incident = gather(platform, archive)
    files = [path for _ in range(3) for path in write_incident(incident, archive, tmp_path / "reports")]
    assert len(set(files)) == 6
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        write_incident(incident, archive, tmp_path / "file")


def test_command_refuses_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("RUNBOOK_OUTPUTS", str(tmp_path / "outputs"))
    for words in (["nosuch"], ["--since", "soon"], ["--since", "2026-01-17", "--until", "2026-01-16"]):
        answer = CliRunner().invoke(cli, ["incident", *words])
        assert answer.exit_code == 2
        assert len(answer.stderr.splitlines()) == 1
    assert not (tmp_path / "outputs/incidents").exists()
