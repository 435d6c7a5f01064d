"""Archives of version 0.1 can be read and compared with today's runs, and are never rewritten.

``old_archive`` was written by that version: eight runs of its demo, one of them refused.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from lib.archive.archive import Archive, Run
from lib.archive.comparison import Changed, ChangeKind, compare
from lib.archive.record import RunRecord, from_json, to_json
from lib.cli import cli
from lib.errors import UserError
from lib.verdict.verdict import Verdict
from lib.words.quantities import Quantity, Value
from tests.archive.conftest import unsealed

OLD = Path(__file__).with_name("old_archive")
PASSED, FAILED, WARNED = "20261129T004146Z-2df4", "20261129T004149Z-a5c7", "20261129T004154Z-9b9e"
PLANNED, REFUSED = "20261129T004149Z-a536", "20261129T010200Z-51d0"


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    shutil.copytree(OLD, tmp_path / "outputs")
    monkeypatch.setenv("RUNBOOK_OUTPUTS", str(tmp_path / "outputs"))
    return Archive()


def printed(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == code, result.output
    return result.stdout


def test_every_command_reads_old_records_and_changes_no_file_of_a_run(archive: Archive) -> None:
    before = {name: archive.store.read(name) for name in archive.store.names()}
    assert [line.split()[:2] for line in printed("runs", "list").splitlines()][-2:] == [
        ["FAIL", PLANNED],
        ["PASS", PASSED],
    ]
    assert "MERGEs without the lock: 5\n" in printed("runs", "show", FAILED)
    assert "evidence: Lock acquisitions: tried: 5" in printed("runs", "search", "tried 5")
    assert "figure   Consolidations: completed: 1 → 6\n" in printed("runs", "diff", FAILED, PASSED, code=1)
    assert "Site: " in printed("site", "build")
    assert "8 runs unchanged" in printed("runs", "verify")
    assert before == {name: archive.store.read(name) for name in before}
    page = archive.store.read("_site/runbooks/local/day1_monitoring/index.html").decode()
    assert "Consolidations: completed: from 1 to 9" in page


def test_exit_code_and_refusal_follow_from_the_old_record(archive: Archive) -> None:
    found = {run.run_id: (run.exit_code, run.record.refused) for run in archive.runs() if isinstance(run, Run)}
    assert [found[run] for run in (PASSED, FAILED, WARNED, REFUSED)] == [(0, False), (1, False), (0, False), (1, True)]
    planned = json.loads(printed("runs", "show", PLANNED, "--json").splitlines()[-1])
    assert (planned["plan"], planned["checks"][0]["id"]) == ("9774570d7be5-20261129T0056Z-a45d1d8c", "duplicates")


def test_a_run_of_today_is_compared_with_it_by_ids(archive: Archive) -> None:
    """Although a check has another name and number today."""
    old = archive.run(WARNED).record
    locks = next(check for check in old.checks if check.id == "lock_acquisitions")
    today = replace(locks, name="Lock acquisitions, last 24 h", evidence={**locks.evidence, "tried": 50})
    new = replace(old, started_at=old.started_at + timedelta(days=1), checks=(today, *old.checks[1:]))
    changes = [change for change in compare(old, from_json(to_json(new))).changes if change.matters]
    assert changes == [Changed(ChangeKind.FIGURE, f"{today.name}: tried", 5, 50)]


def test_a_newer_run_is_named_and_hides_no_others(archive: Archive) -> None:
    run = unsealed(archive)
    newer = json.loads(to_json(run.record)) | {"schema_version": 3, "checks": "of another kind"}
    archive.store.write(f"{run.place}/run.json", json.dumps(newer).encode())
    reason = "newer: a newer version wrote it (schema 3; this one reads up to 2); update this installation"
    [line] = [line for line in printed("runs", "list").splitlines() if run.run_id in line]
    assert line == f"UNKNOWN  {run.run_id}  day1_monitoring (local): {reason}"
    assert len(printed("runs", "list").splitlines()) == 9
    assert "unknown whether it still runs: a newer version wrote it" in printed("runs", "verify", code=3)
    printed("site", "build")
    page = archive.store.read("index.html").decode()
    assert "a newer version wrote it" in page
    assert "what is damaged" not in page
    with pytest.raises(UserError, match="is newer: a newer version wrote it"):
        archive.run(run.run_id)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,272", 1272),
        ("0.5", 0.5),
        ("3 min 20 s", Quantity(200, "s")),
        ("2 h 05 min", Quantity(7_500, "s")),
        ("19 ms", Quantity(0.019, "s")),
        ("1.4 GB", Quantity(1.4e9, "B")),
        ("12.0 kB", Quantity(12_000, "B")),
        ("0 %", Quantity(0, "%")),
        ("0.4%", Quantity(0.4, "%")),
        ("15 duplicate keys", Quantity(15, "duplicate keys")),
        *(
            (text, text)
            for text in ("503 Service Unavailable", "2026-11-27", "007", "5 of 587", "0 (0.0%)", "v1.2", "")
        ),
    ],
)
def test_evidence_that_is_one_figure_becomes_one(text: str, value: Value) -> None:
    assert _upgraded(text).checks[0].evidence["label"] == value


@given(st.text() | st.from_regex(r"-?[0-9,.]{1,12} ?(ms|s|min|kB|%|[a-z ]{1,9})?", fullmatch=True))
def test_any_evidence_is_read(text: str) -> None:
    [check] = _upgraded(text).checks
    assert compare(_upgraded(text), _upgraded(text)).changes == ()
    assert check.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("Duplicates 2026-11-26 to 2026-11-27", "duplicates"),
        ("Under 60 s", "under_limit"),
        ("Logs of the services", "logs"),
        ("Logs of prediction-worker", "logs_worker"),
        ("Firestore access of prediction-worker and prediction-coordinator", "firestore_access"),
        ("Way to the lock service", "latency_of_lock_service"),
        ("Traffic of prediction-coordinator as it was left", "traffic_of_coordinator_as_left"),
        ("A check of somebody's own, 5 o'clock", "a_check_of_somebody_s_own_o_clock"),
        ("", ""),
    ],
)
def test_an_old_name_becomes_the_id_of_the_same_check_today(name: str, question: str) -> None:
    assert _upgraded("", name).checks[0].id == question


def _upgraded(text: str, name: str = "Check of 2026-01-17") -> RunRecord:
    record = json.loads((OLD / f"local/day1_monitoring/{PASSED}/run.json").read_bytes())
    check = {"name": name, "verdict": "PASS", "summary": "", "evidence": {"label": text}}
    record["checks"] = [{**check, "next_step": "", "commands": [], "changes": []}]
    return from_json(json.dumps(record).encode())
