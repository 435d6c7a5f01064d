"""The archive and its records: whole files, tolerant readers, no run taken for better than it is."""

import platform
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.errors import UserError
from lib.operations.verdict import Check, Conclusion, Verdict
from lib.runbooks.archive import Archive, DamagedRun, Run, write_record
from lib.runbooks.index import build_index
from lib.runbooks.record import (
    ABANDONED_AFTER_SECONDS,
    Outcome,
    RunError,
    RunRecord,
    RunStatus,
    from_json,
    to_json,
)

START = datetime(2026, 11, 24, 19, 53, 40, tzinfo=UTC)
ELSEWHERE = RunRecord(
    run_id="20261124T195340Z-3fa2",
    runbook="duplicate_diagnosis",
    title="Duplicates",
    environment="local",
    timezone="America/New_York",
    parameters={"game_date": "2026-01-17", "limit": None},
    started_at=START,
    heartbeat_at=START,
    code_version="v1",
    versions={"python": "3.11"},
    who="operator",
    host="another-machine",
    pid=1,
)
CHECKS = st.builds(
    Check,
    name=st.text(),
    verdict=st.sampled_from(Verdict),
    summary=st.text(),
    evidence=st.dictionaries(st.text(), st.text()),
    commands=st.lists(st.text()).map(tuple),
)


def archived(archive: Archive, record: RunRecord) -> Run:
    run = Run(archive.new_folder(record.environment, record.runbook, record.started_at), record)
    write_record(run)
    return run


@given(st.lists(CHECKS), st.text())
def test_record_is_read_back_as_written(checks: list[Check], headline: str) -> None:
    conclusion = Conclusion(tuple(checks), headline)
    record = ELSEWHERE.finished(Outcome(RunStatus.COMPLETED, headline, conclusion), START)
    again = from_json(to_json(record))
    assert [check.as_data() for check in again.checks] == [check.as_data() for check in record.checks]
    assert replace(again, checks=()) == replace(record, checks=())
    assert record.exit_code == {"PASS": 0, "WARN": 0, "FAIL": 1, "UNKNOWN": 3}[str(conclusion.verdict)]


@pytest.mark.parametrize("status", [status for status in RunStatus if status is not RunStatus.COMPLETED])
def test_run_that_did_not_complete_is_never_healthy(status: RunStatus) -> None:
    record = ELSEWHERE.finished(Outcome(status, "cut short"), START)
    assert (record.verdict, record.exit_code) == (Verdict.UNKNOWN, 3)


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [("UserError", 2), ("NothingToRelease", 2), ("InvalidIdentifier", 2), ("RepairRefused", 1), ("ValueError", 3)],
)
def test_bad_input_and_a_refused_change_are_told_from_a_fault_by_the_errors_name(error: str, exit_code: int) -> None:
    outcome = Outcome(RunStatus.FAILED, "stopped", error=RunError("step-3-release", error, "why"))
    assert ELSEWHERE.finished(outcome, START).exit_code == exit_code


def test_silent_run_is_abandoned_and_a_beating_one_is_not() -> None:
    silence = timedelta(seconds=ABANDONED_AFTER_SECONDS)
    assert ELSEWHERE.observed(START + silence).status is RunStatus.RUNNING
    lost = ELSEWHERE.observed(START + silence + timedelta(seconds=1))
    assert (lost.status, lost.verdict) == (RunStatus.ABANDONED, Verdict.UNKNOWN)
    dead_here = replace(ELSEWHERE, host=platform.node(), pid=2**22 + 1)
    assert dead_here.observed(START).status is RunStatus.ABANDONED


def test_damaged_runs_are_shown_and_hide_no_other(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    good = archived(archive, ELSEWHERE)
    contents = [b"", b"{", b"\xff", b'{"schema_version": 1}', to_json(ELSEWHERE).replace(b": 1,", b": 99,")]
    for content in contents:
        (archive.new_folder("local", "day1_monitoring", START) / "run.json").write_bytes(content)
    (archive.new_folder("local", "day1_monitoring", START) / "run.json").mkdir()
    archive.new_folder("local", "day1_monitoring", START)
    (tmp_path / "local/day1_monitoring/notes.txt").write_text("not a run")
    runs = archive.runs()
    assert len([run for run in runs if isinstance(run, DamagedRun)]) == len(contents) + 2
    assert [run.folder for run in runs if isinstance(run, Run)] == [good.folder]
    page = build_index(archive).read_text(encoding="utf-8")
    assert page.count("damaged") >= len(contents) + 2
    assert "run.json is missing" in page


def test_index_shows_the_newest_of_each_first(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    for hours, verdict in enumerate([Verdict.FAIL, Verdict.PASS]):
        at = START + timedelta(hours=hours)
        conclusion = Conclusion((Check("c", verdict, f"headline {verdict}"),), f"headline {verdict}")
        outcome = Outcome(RunStatus.COMPLETED, conclusion.headline, conclusion)
        archived(archive, replace(ELSEWHERE, started_at=at).finished(outcome, at))
    page = build_index(archive).read_text(encoding="utf-8")
    newest, all_runs = page.split("All runs (2)")
    assert "headline PASS" in newest
    assert "headline FAIL" not in newest
    assert all_runs.index("headline PASS") < all_runs.index("headline FAIL")


def test_a_refused_run_does_not_hide_what_was_found_last(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    found = Conclusion((Check("c", Verdict.FAIL, "24 keys"),), "24 keys")
    archived(archive, ELSEWHERE.finished(Outcome(RunStatus.COMPLETED, found.headline, found), START))
    mistyped = Outcome(RunStatus.FAILED, "names no lock", error=RunError("step-3", "UserError", "names no lock"))
    later = START + timedelta(hours=1)
    archived(archive, replace(ELSEWHERE, started_at=later).finished(mistyped, later))
    newest, all_runs = build_index(archive).read_text(encoding="utf-8").split("All runs (2)")
    assert "24 keys" in newest
    assert "names no lock" not in newest
    assert "names no lock" in all_runs


def test_empty_archive_has_an_index(tmp_path: Path) -> None:
    assert "No runs yet" in build_index(Archive(tmp_path / "new")).read_text(encoding="utf-8")


def test_archive_that_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"outputs folder .*file cannot be written: Not a directory"):
        Archive(tmp_path / "file").new_folder("local", "x", START)
    with pytest.raises(UserError, match="only a folder is supported"):
        Archive("gs://bucket/prefix")
