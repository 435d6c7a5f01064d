"""Which runs can be removed, and which are always kept."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from lib.archive.archive import Archive, DamagedRun, Run, open_store
from lib.archive.record import RunStatus
from lib.archive.retention import Retention, prunable
from lib.archive.sealing import seal, unsealed_places
from lib.archive.store import Store
from lib.archive.verification import FaultKind, verify
from lib.cli import cli
from lib.errors import UserError
from lib.verdict.verdict import Verdict
from tests.archive.conftest import FailingStore
from tests.site.runs import START, record

DAY = timedelta(days=1)
some = st.tuples(
    st.sampled_from(["local", "production"]),
    st.sampled_from([*Verdict, None]),
    st.integers(0, 400),
    st.booleans(),
)


def listed(drawn: list[tuple[str, Verdict | None, int, bool]]) -> list[Run | DamagedRun]:
    """List runs, newest first; a verdict of None means that it still runs."""
    runs: list[Run | DamagedRun] = []
    for number, (environment, verdict, days, damaged) in enumerate(sorted(drawn, key=lambda one: one[2])):
        place = f"{environment}/day1_monitoring/{number}"
        if damaged:
            runs.append(DamagedRun(place, "run.json is missing"))
        elif verdict is None:
            runs.append(Run(place, record(started_at=START - days * DAY, status=RunStatus.RUNNING)))
        else:
            runs.append(Run(place, record(started_at=START - days * DAY, verdict=verdict)))
    return runs


@given(
    st.lists(some, max_size=30),
    st.one_of(st.none(), st.integers(0, 300)),
    st.one_of(st.none(), st.integers(0, 10)),
)
def test_runs_that_determine_the_status_are_never_removed(
    drawn: list[tuple[str, Verdict | None, int, bool]], older_than_days: int | None, keep_last: int | None
) -> None:
    older_than = None if older_than_days is None else older_than_days * DAY
    if older_than is None and keep_last is None:
        with pytest.raises(UserError, match="nothing selected"):
            Retention(older_than, keep_last)
        return
    runs = listed(drawn)
    going = {run.place for run in Retention(older_than, keep_last).removable(runs, START)}
    for environment in ("local", "production"):
        ended = [
            run
            for run in runs
            if isinstance(run, Run) and run.place.startswith(environment) and run.record.verdict is not None
        ]
        kept = [run for run in ended if run.place not in going]
        assert ended[:1] == kept[:1]
        for verdict in (Verdict.FAIL, Verdict.PASS):
            last = [run for run in ended if run.record.verdict is verdict][:1]
            assert all(run in kept for run in last)
        assert all(run in kept for run in ended[: keep_last or 0])
        if older_than is not None:
            assert all(START - run.record.started_at > older_than for run in ended if run.place in going)
    unjudged = [run.place for run in runs if isinstance(run, DamagedRun) or run.record.verdict is None]
    assert going.isdisjoint(unjudged)


def test_the_command_shows_first_then_removes_and_the_chain_records_it(
    place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RUNBOOK_OUTPUTS", place)
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "home"))
    archive = Archive(place)
    places = []
    for days, verdict in enumerate([Verdict.PASS, Verdict.PASS, Verdict.FAIL, Verdict.PASS, Verdict.FAIL]):
        run = archive.begin(record(started_at=START - days * DAY, verdict=verdict))
        archive.store.write(run.report, b"report")
        seal(archive, run.place)
        places.append(run.place)

    def prune(*words: str) -> str:
        result = CliRunner().invoke(cli, ["runs", "prune", *words])
        assert result.exit_code == 0, result.output
        return result.output

    for words in ([], ["--apply"]):
        assert "0 runs" in prune(*words)
    assert archive.places() == places
    shown = prune("--keep-last", "1")
    assert "3 runs would be removed" in shown
    assert archive.places() == places
    assert "Removed 3 runs" in prune("--keep-last", "1", "--apply")
    assert archive.places() == [places[0], places[2]]
    assert "Removed 0 runs" in prune("--keep-last", "1", "--apply")
    found = verify(archive)
    assert (found.exit_code, found.unchanged, found.removed) == (0, 2, 3)


def begun_and_killed(archive: Archive, started_at: datetime) -> str:
    """Start a run that leaves only its mark and, in a folder, a temporary file."""
    run = archive.begin(record(started_at=started_at))
    archive.store.delete(f"{run.place}/run.json")
    folder = Path(archive.address, run.place)
    if folder.is_absolute():
        folder.mkdir()
        (folder / ".run.json.1-00000000").write_bytes(b"{")
    return run.place


def test_a_run_that_never_began_is_removed_and_one_just_starting_is_kept(
    place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RUNBOOK_OUTPUTS", place)
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "home"))
    archive = Archive(place)
    now = datetime.now(UTC)
    kept = archive.begin(record(started_at=now))
    seal(archive, kept.place)
    never, being_made = (begun_and_killed(archive, now - minutes * timedelta(minutes=1)) for minutes in (90, 10))
    emptied = archive.begin(record(started_at=now - DAY))  # the chain has a record of it
    seal(archive, emptied.place)
    archive.store.delete(f"{emptied.place}/run.json")
    archive.store.write(f"{never}-not/notes.txt", b"")

    def prune(*words: str) -> dict[str, Any]:
        result = CliRunner().invoke(cli, ["runs", "prune", "--json", *words])
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
        return found

    before = sorted(archive.store.names())
    assert prune() == {"applied": False, "removed": [], "ended": [], "never_began": [never]}
    assert sorted(archive.store.names()) == before
    assert prune("--apply", "--keep-last", "0")["never_began"] == [never]
    assert prune()["never_began"] == []
    left = {*archive.places(), *unsealed_places(archive.store)}
    assert (never in left, {kept.place, being_made} <= left) == (False, True)
    assert {fault.kind for fault in verify(archive).faults} == {FaultKind.MISSING}


def test_a_clock_that_is_ahead_does_not_age_runs(archive: Archive) -> None:
    for days in range(3):
        seal(archive, archive.begin(record(started_at=START - days * DAY)).place)
    being_made = begun_and_killed(archive, START)
    wrong = START + 100 * DAY
    found = prunable(archive, Retention(older_than=90 * DAY), wrong)
    assert (found.old, found.never_began) == ((), ())
    archive.begin(record(started_at=wrong))
    assert prunable(archive, None, wrong).never_began == (being_made,)


def some_weeks(archive: Archive) -> tuple[list[str], list[str]]:
    """Archive runs of two runbooks, one lost and unsealed; return the places to keep and to remove."""
    staying, going = [], []
    for runbook in ("day1_monitoring", "daily_quality"):
        for days, verdict in enumerate([Verdict.PASS, Verdict.FAIL, Verdict.PASS, Verdict.FAIL]):
            run = archive.begin(record(verdict, runbook=runbook, started_at=START - days * DAY))
            archive.store.write(run.notebook, b"{}")
            archive.store.write(run.report, b"report")
            seal(archive, run.place)
            (staying if days < 2 else going).append(run.place)
    silent = archive.begin(record(started_at=START - 5 * DAY, status=RunStatus.RUNNING))
    return sorted([*staying, silent.place]), sorted(going)


def prune_with(store: Store, monkeypatch: pytest.MonkeyPatch, *words: str) -> Result:
    monkeypatch.setattr("lib.archive.archive.open_store", lambda _: store)
    return CliRunner().invoke(cli, ["runs", "prune", *words])


def test_an_interrupted_prune_is_completed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    for calls in count():
        store = open_store(f"memory://{uuid4().hex}")
        monkeypatch.setattr("lib.archive.archive.open_store", lambda _, store=store: store)
        archive = Archive()
        staying, going = some_weeks(archive)
        failing = FailingStore(store, calls, reads_too=True)
        result = prune_with(failing, monkeypatch, "--keep-last", "1", "--apply")
        assert set(staying) <= set(archive.places())
        found = verify(archive)
        if result.exit_code == 0:
            break
        assert (result.exit_code, result.stderr) == (3, "runbook: the store is gone\n")
        assert {fault.kind for fault in found.faults} <= {FaultKind.HALF_REMOVED, FaultKind.UNSEALED}
        for fault in found.faults:
            if fault.kind is FaultKind.HALF_REMOVED:
                assert fault.text.endswith("complete it with runbook runs prune --apply")
                assert prune_with(store, monkeypatch, "--apply").exit_code == 0
                assert fault.place not in archive.places()
                assert fault.place in going
        assert prune_with(store, monkeypatch, "--keep-last", "1", "--apply").exit_code == 0
        assert sorted(archive.places()) == staying
        assert [fault.kind for fault in verify(archive).faults] == [FaultKind.UNSEALED]
    assert calls > 50
    assert (sorted(archive.places()), found.removed) == (staying, len(going))


def test_a_run_that_only_seemed_lost_still_exists_when_its_runner_seals_it(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = archive.begin(record(started_at=START - DAY, status=RunStatus.RUNNING))
    seal(archive, archive.begin(record()).place)
    assert prune_with(archive.store, monkeypatch, "--keep-last", "0", "--apply").exit_code == 0
    archive.write_record(Run(silent.place, replace(record(started_at=START - DAY), run_id=silent.run_id)))
    seal(archive, silent.place)
    found = verify(archive)
    assert (found.faults, found.unchanged) == ((), 2)
