"""The archive and its records: complete files, tolerant readers, and no run shown as better than it is."""

import os
import platform
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from lib.archive.archive import Archive, DamagedRun, Run
from lib.archive.machine import this_machine
from lib.archive.record import (
    ABANDONED_AFTER_SECONDS,
    Outcome,
    RunError,
    RunRecord,
    RunStatus,
    from_json,
    to_json,
)
from lib.archive.sealing import seal
from lib.cli import cli
from lib.consolidation.errors import RepairRefused
from lib.errors import Unavailable, UserError
from lib.locking.errors import NothingToRelease
from lib.verdict.check import Changing, Check, Looking
from lib.verdict.conclusion import Conclusion
from lib.verdict.verdict import Verdict
from lib.words.nouns import counted
from lib.words.quantities import Quantity

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
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.one_of(
    st.text(), st.integers(), st.booleans(), st.none(), st.dates(), NUMBERS, st.builds(Quantity, NUMBERS, st.text())
)
CHECKS = st.builds(
    Check,
    id=st.text(),
    name=st.text(),
    verdict=st.sampled_from(Verdict),
    summary=st.text(),
    evidence=st.dictionaries(st.text(), SCALARS | st.lists(SCALARS)),
    commands=st.lists(st.text().map(Looking)).map(tuple),
    changes=st.lists(st.text().map(Changing)).map(tuple),
)


def archived(archive: Archive, record: RunRecord) -> Run:
    return archive.begin(record)


@given(st.lists(CHECKS), st.text())
def test_a_record_is_read_back_as_written(checks: list[Check], headline: str) -> None:
    conclusion = Conclusion(tuple(checks), headline)
    record = ELSEWHERE.finished(Outcome(RunStatus.COMPLETED, headline, conclusion), START)
    again = from_json(to_json(record))
    assert [check.as_data() for check in again.checks] == [check.as_data() for check in record.checks]
    assert replace(again, checks=()) == replace(record, checks=())
    assert record.exit_code == {"PASS": 0, "WARN": 0, "FAIL": 1, "UNKNOWN": 3}[str(conclusion.verdict)]


@pytest.mark.parametrize("status", [status for status in RunStatus if status is not RunStatus.COMPLETED])
def test_an_incomplete_run_is_never_healthy(status: RunStatus) -> None:
    record = ELSEWHERE.finished(Outcome(status, "cut short"), START)
    assert (record.verdict, record.exit_code) == (Verdict.UNKNOWN, 3)


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [(NothingToRelease.exit_code, 2), (RepairRefused.exit_code, 1), (Unavailable.exit_code, 3), (None, 3)],
)
def test_bad_input_and_a_refused_change_are_not_faults(error: int | None, exit_code: int) -> None:
    outcome = Outcome(RunStatus.FAILED, "stopped", error=RunError("step-3-release", "SomeError", "why", error))
    found = from_json(to_json(ELSEWHERE.finished(outcome, START)))
    assert (found.exit_code, found.refused) == (exit_code, exit_code != 3)


def test_a_run_without_heartbeats_is_abandoned_and_one_with_heartbeats_is_not() -> None:
    silence = timedelta(seconds=ABANDONED_AFTER_SECONDS)
    assert ELSEWHERE.observed(START + silence).status is RunStatus.RUNNING
    lost = ELSEWHERE.observed(START + silence + timedelta(seconds=1))
    assert (lost.status, lost.verdict) == (RunStatus.ABANDONED, Verdict.UNKNOWN)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (this_machine(), RunStatus.ABANDONED),
        (f"{platform.node()}-00000000", RunStatus.RUNNING),  # another container with the same name
        (platform.node(), RunStatus.RUNNING),  # as in older records
    ],
)
def test_a_process_is_searched_for_only_on_its_own_machine(host: str, status: RunStatus) -> None:
    no_process = 2**22 + 1
    assert replace(ELSEWHERE, host=host, pid=no_process).observed(START).status is status
    assert replace(ELSEWHERE, host=host, pid=os.getpid()).observed(START).status is RunStatus.RUNNING
    long_after = START + timedelta(seconds=ABANDONED_AFTER_SECONDS + 1)
    assert replace(ELSEWHERE, host=host, pid=os.getpid()).observed(long_after).status is RunStatus.ABANDONED


def test_damaged_runs_are_shown_and_hide_no_others(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    good = archived(archive, ELSEWHERE)
    contents = [b"", b"{", b"\xff", b'{"schema_version": 1}', to_json(ELSEWHERE).replace(b": 2,", b": 99,")]
    for number, content in enumerate(contents):
        archive.store.write(f"local/day1_monitoring/20261124T195340Z-000{number}/run.json", content)
    (tmp_path / "local/day1_monitoring/20261124T195340Z-0008/run.json").mkdir(parents=True)
    (tmp_path / "local/day1_monitoring/20261124T195340Z-0009").mkdir()
    (tmp_path / "local/day1_monitoring/notes.txt").write_text("not a run")
    runs = archive.runs()
    assert len([run for run in runs if isinstance(run, DamagedRun)]) == len(contents) + 2
    assert [run.place for run in runs if isinstance(run, Run)] == [good.place]


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "more").touch()


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _socket(path: Path) -> None:
    # A socket's address is limited to 107 bytes.
    with socket.socket(socket.AF_UNIX) as server, TemporaryDirectory() as short:
        server.bind(f"{short}/s")
        os.rename(f"{short}/s", path)


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)


def _large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(17 * 2**20)


@pytest.mark.parametrize(
    ("make", "scheme"),
    [(_fifo, ""), (_fifo, "local://"), *((make, "") for make in (_folder, _device, _loop, _socket, _huge, _large))],
)
def test_an_invalid_record_is_one_line_and_hides_no_others(
    make: Callable[[Path], None], scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNBOOK_OUTPUTS", f"{scheme}{tmp_path}")
    archive = Archive()
    good = archived(archive, replace(ELSEWHERE, headline="duplicates").finished(Outcome(RunStatus.FAILED, "x"), START))
    seal(archive, good.place)
    bad = tmp_path / "local/duplicate_diagnosis/20261124T195340Z-0000"
    bad.mkdir()
    make(bad / "run.json")

    def printed(code: int, *words: str) -> str:
        result = CliRunner().invoke(cli, words)
        assert result.exit_code == code, result.output
        return result.output

    shown = printed(0, "runs", "list")
    assert len(shown.splitlines()) == 2
    assert "damaged: " in shown
    assert "run.json " in shown
    assert "1 run could not be read and was not searched" in printed(0, "runs", "search", "diagnosis")
    assert len(printed(2, "runs", "show", bad.name).splitlines()) == 1
    assert "1 run unchanged" in printed(1, "runs", "verify")
    is_file = make is _large  # a file can be on the chain, whatever it contains
    adopted = printed(0 if is_file else 1, "runs", "verify", "--adopt")
    assert counted(1 + is_file, "run") + " unchanged" in adopted
    printed(0, "runs", "prune", "--keep-last", "1", "--apply")
    printed(0, "site", "build")
    assert archive.places() == [good.place, f"local/duplicate_diagnosis/{bad.name}"]


def test_an_unusable_archive_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for place in (tmp_path / "file", tmp_path / "file/outputs"):
        with pytest.raises(UserError, match=r"/file.*' cannot be an archive: /.*/file is a file"):
            Archive(place)
    archive = Archive(tmp_path)
    (tmp_path / "local").write_text("in the way")
    with pytest.raises(Unavailable, match=r"archive cannot be written: .*/local/.* cannot be written: Not a dir"):
        archive.begin(ELSEWHERE)
    with pytest.raises(UserError, match="'nowhere://bucket' cannot be an archive: Protocol not known"):
        Archive("nowhere://bucket")
