"""The chain of hashes: concurrent appends never break it, and it reveals anything altered, lost or added."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import get_ident

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.archive.archive import RECORD, Archive, Run
from lib.archive.chain import NOTED_END, Chain, Event, Fingerprint
from lib.archive.local_store import LocalStore
from lib.archive.record import RunStatus
from lib.archive.retention import remove
from lib.archive.sealing import lost_runs, seal
from lib.archive.verification import FaultKind, adopt, verify
from lib.cli import cli
from lib.errors import Unavailable, UserError
from lib.verdict.verdict import Verdict
from tests.archive.conftest import FailingStore, ended, kinds_in, unsealed
from tests.site.runs import record


def test_an_untouched_archive_verifies(archive: Archive) -> None:
    assert verify(archive).exit_code == 0
    first = ended(archive, 2)
    noted = verify(archive).head.sha256
    ended(archive, 1)
    remove(archive, first.place)
    found = verify(archive, noted_head=noted)
    assert (found.faults, found.unchanged, found.removed, found.head.sequence) == ((), 1, 1, 3)


def test_concurrent_appends_make_one_chain(archive: Archive) -> None:
    chain = Chain(archive.store)

    def append(number: int) -> None:
        for part in range(5):
            chain.append(Event.SEALED, f"local/x/{number}-{part}", {})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append, range(8)))
    links = chain.read()
    assert links.faults == ()
    assert [entry.sequence for entry in links.entries] == list(range(1, 41))
    assert len({entry.place for entry in links.entries}) == 40


@pytest.mark.parametrize("noted", [b"", b"\xff", b"000000099.json", b"000000002.json", b"000000000.json", None])
def test_the_chain_is_one_whatever_end_was_noted(archive: Archive, noted: bytes | None) -> None:
    chain = Chain(archive.store)
    for number in range(6):
        if number == 4 and noted is None:
            archive.store.delete(NOTED_END)
        elif number == 4 and noted is not None:
            archive.store.write(NOTED_END, noted)
        chain.append(Event.SEALED, f"local/x/{number}", {})
    links = chain.read()
    assert links.faults == ()
    assert [entry.place for entry in links.entries] == [f"local/x/{number}" for number in range(6)]


def test_an_entry_is_added_without_listing_all(tmp_path: Path) -> None:
    class Listed(LocalStore):
        def children(self, folder: str = "") -> list[str]:
            listed.append(folder)
            return super().children(folder)

    listed: list[str] = []
    for number in range(5):
        Chain(Listed(tmp_path)).append(Event.SEALED, f"local/x/{number}", {})
    assert listed == ["_chain"]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_change_is_detected(data: st.DataObject) -> None:
    """Any file of a run or of the chain itself that is altered, deleted, swapped or added."""
    with TemporaryDirectory() as folder:
        archive = Archive(folder)
        for hours in range(3):
            ended(archive, hours)
        head = verify(archive).head.sha256
        names = sorted({*archive.store.names()} - {NOTED_END})  # nothing relies on it
        name = data.draw(st.sampled_from(names))
        content = archive.store.read(name)
        match data.draw(st.sampled_from(["alter", "delete", "exchange", "add"])):
            case "alter":
                at = data.draw(st.integers(0, len(content) - 1))
                changed = bytes([content[at] ^ data.draw(st.integers(1, 255))])
                archive.store.write(name, content[:at] + changed + content[at + 1 :])
            case "delete":
                archive.store.delete(name)
            case "exchange":
                other = data.draw(st.sampled_from([other for other in names if archive.store.read(other) != content]))
                archive.store.write(name, archive.store.read(other))
            case "add":
                archive.store.write(f"{name}.bak", content)
                # Next to the chain's entries it is not an entry and has no effect.
                if name.startswith("_chain/"):
                    return
        assert verify(archive, noted_head=head).exit_code == 1


def test_a_noted_head_reveals_a_truncated_chain(archive: Archive) -> None:
    ended(archive, 2)
    last = ended(archive, 1)
    head = verify(archive).head.sha256
    for name in [*archive.store.names(last.place), max(archive.store.names("_chain"))]:
        archive.store.delete(name)
    assert verify(archive).exit_code == 0
    assert kinds_in(verify(archive, noted_head=head)) == {FaultKind.CHAIN}


def test_an_added_run_is_not_on_the_chain_until_it_is_adopted(archive: Archive) -> None:
    ended(archive, 1)
    put = unsealed(archive)
    archive.store.delete(f"_unsealed/{put.place}")
    found = verify(archive)
    assert (kinds_in(found), found.exit_code) == ({FaultKind.NOT_ON_CHAIN}, 1)
    assert adopt(archive, found.faults) == [put.place]
    assert verify(archive).exit_code == 0


@pytest.mark.parametrize("later", [Event.SEALED, Event.ADOPTED])
@pytest.mark.parametrize("first", [Event.SEALED, Event.ADOPTED, Event.REMOVED])
@pytest.mark.parametrize("is_removed", [False, True], ids=["there", "removed later"])
def test_no_later_entry_replaces_the_first_of_a_run(
    archive: Archive, first: Event, later: Event, *, is_removed: bool
) -> None:
    run = unsealed(archive, verdict=Verdict.FAIL)
    seal(archive, run.place, first)
    noted = verify(archive).head.sha256
    archive.write_record(Run(run.place, replace(record(), run_id=run.run_id)))
    seal(archive, run.place, later)
    if is_removed:
        remove(archive, run.place)
    found = verify(archive, noted_head=noted)
    assert found.exit_code == 1
    [text] = [fault.text for fault in found.faults if (fault.kind, fault.place) == (FaultKind.REWRITTEN, run.place)]
    assert text.startswith(f"entry 2 ({later}) differs from entry 1 ({first})")


def test_a_closed_run_that_claims_to_run_again_was_altered(archive: Archive) -> None:
    run = unsealed(archive, verdict=Verdict.FAIL)
    seal(archive, run.place, Event.ADOPTED)
    running = record(started_at=datetime.now(UTC), status=RunStatus.RUNNING)
    archive.write_record(Run(run.place, replace(running, run_id=run.run_id)))
    found = verify(archive)
    assert (kinds_in(found), found.exit_code, found.running) == ({FaultKind.ALTERED}, 1, 0)


def test_a_repeated_entry_replaces_nothing(archive: Archive) -> None:
    """As after a request was sent again because its response was lost."""
    run = ended(archive)
    seal(archive, run.place)
    assert verify(archive).exit_code == 0


def test_a_run_killed_before_sealing_cannot_be_judged(archive: Archive) -> None:
    unsealed(archive)
    found = verify(archive)
    assert (kinds_in(found), found.exit_code) == ({FaultKind.UNSEALED}, 3)


def close_lost_runs(archive: Archive) -> list[str]:
    """Close lost runs, as each runner does when it starts."""
    closed = []
    for run in lost_runs(archive, "local"):
        archive.write_record(Run(run.place, replace(run.record, notifications=(f"told by {get_ident()}",))))
        seal(archive, run.place, Event.ADOPTED)
        closed.append(run.place)
    return closed


def test_a_lost_run_is_closed_by_one_runner(archive: Archive) -> None:
    lost = [archive.begin(record(status=RunStatus.RUNNING)).place for _ in range(20)]
    start = threading.Barrier(4)

    def close() -> list[str]:
        start.wait()
        return close_lost_runs(archive)

    with ThreadPoolExecutor(4) as pool:
        closed = [future.result() for future in [pool.submit(close) for _ in range(4)]]
    assert sorted(place for places in closed for place in places) == sorted(lost)
    assert sorted(entry.place for entry in Chain(archive.store).read().entries) == sorted(lost)
    found = verify(archive)
    assert (found.faults, found.unchanged) == ((), len(lost))
    assert {name.split("/")[0] for name in archive.store.names()} == {"_chain", NOTED_END, "local"}


def test_a_sealed_run_is_not_closed_again(archive: Archive) -> None:
    """Its runner was killed after sealing it and before removing the mark."""
    run = ended(archive)
    archive.store.write(f"_unsealed/{run.place}", b"")
    assert close_lost_runs(archive) == []
    found = verify(archive)
    assert (found.faults, found.unchanged) == ((), 1)


@pytest.mark.parametrize("days_ahead", [0, 100])
@pytest.mark.parametrize("writes", range(8))
def test_a_lost_run_whose_closer_is_also_killed_is_closed_by_a_later_one(
    archive: Archive, writes: int, days_ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    monkeypatch.setattr("lib.archive.sealing.utc_now", lambda: now + timedelta(days=days_ahead))
    archive.begin(record(status=RunStatus.RUNNING))
    store = archive.store
    archive.store = FailingStore(store, writes)
    with suppress(Unavailable):
        close_lost_runs(archive)
    archive.store = store
    monkeypatch.setattr("lib.archive.sealing.utc_now", lambda: now + timedelta(minutes=11))
    close_lost_runs(archive)
    found = verify(archive)
    assert (found.faults, found.unchanged) == ((), 1)


def test_a_running_run_is_not_a_fault(archive: Archive) -> None:
    now = datetime.now(UTC)
    archive.begin(record(started_at=now, status=RunStatus.RUNNING))
    found = verify(archive)
    assert (found.exit_code, found.running) == (0, 1)


@pytest.mark.parametrize("writes", range(12))
def test_a_failed_write_never_leaves_half_a_run(archive: Archive, writes: int) -> None:
    """At every change made by archiving, sealing and removing a run."""
    store = archive.store
    archive.store = FailingStore(store, writes)
    with suppress(Unavailable, UserError):
        run = ended(archive)
        remove(archive, run.place)
    archive.store = store
    for place in archive.places():
        names = {name.rsplit("/", 1)[-1] for name in store.names(place)}
        assert RECORD in names
    for place in archive.places():
        if kinds_in(verify(archive)) == {FaultKind.HALF_REMOVED}:
            remove(archive, place)
    assert FaultKind.HALF_REMOVED not in kinds_in(verify(archive))
    assert kinds_in(verify(archive)) <= {FaultKind.UNSEALED}


def test_the_command_reports_and_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOK_OUTPUTS", str(tmp_path))
    archive = Archive(tmp_path)
    run = ended(archive)

    def answer(*words: str) -> tuple[int, str]:
        found = CliRunner().invoke(cli, ["runs", "verify", *words])
        return found.exit_code, found.output

    code, output = answer()
    assert code == 0
    assert "1 run unchanged" in output
    head = output.split()[-1]
    assert answer("--head", head)[0] == 0
    assert answer("--head", "0" * 64)[0] == 1
    assert answer("--head", "nonsense")[0] == 2
    assert answer("20200101T000000Z-0000")[0] == 2
    archive.store.write(run.report, b"<!doctype html>!")
    code, output = answer(run.run_id)
    assert code == 1
    assert "report.html was altered: 16 bytes instead of 15" in output


def test_a_fingerprint_identifies_content() -> None:
    assert Fingerprint.of(b"") == Fingerprint("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0)
