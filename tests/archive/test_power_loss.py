"""Announced results survive a power loss at any time."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner

from lib.archive.archive import Archive, DamagedRun, Run
from lib.archive.chain import NOTED_END, Chain, Event
from lib.archive.record import Outcome, RunStatus
from lib.archive.retention import remove
from lib.archive.sealing import seal
from lib.archive.verification import FaultKind, adopt, verify
from lib.cli import cli
from lib.schedule.firing_record import Attempt, Occurrence, State
from lib.schedule.firings import Ledger
from lib.schedule.settings import Entry
from lib.verdict.conclusion import Conclusion
from lib.verdict.verdict import Verdict
from tests.archive.conftest import ended, kinds_in
from tests.site.runs import record

Contents = dict[str, bytes]
ENTRY = Entry("hourly", "day1_monitoring", "0 * * * *", "UTC", "local")
NOW = datetime(2026, 1, 17, 9, tzinfo=UTC)


class Disk:
    """What a disk certainly has: contents and folder entries as of their last sync.

    Attributes:
        calls: Each fsync, link and rename with its path, in order.
        on_call: Called before each of these.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.calls: list[tuple[str, str]] = []
        self.on_call: Callable[[], None] = lambda: None
        self.held: list[int] = []
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        self._fsync = os.fsync
        for name in ("link", "replace"):
            monkeypatch.setattr(os, name, self._noted(name, getattr(os, name)))
        monkeypatch.setattr(os, "fsync", self._synced)

    def _noted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def noted(source: Path, target: Path) -> None:
            self.on_call()
            self.calls.append((name, str(target.relative_to(self.root))))
            call(source, target)

        return noted

    def _synced(self, descriptor: int) -> None:
        self.on_call()
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        self._fsync(descriptor)
        self.calls.append(("fsync", str(path.relative_to(self.root))))
        number = os.fstat(descriptor).st_ino
        if path.is_dir():
            self._names[number] = {entry.name: entry.inode() for entry in os.scandir(path)}
        else:
            self._contents[number] = path.read_bytes()
        self.held.append(os.dup(descriptor))  # otherwise its number would be reused

    def least(self) -> Contents:
        """Return what is left if nothing unsynced has reached the disk."""
        return self._below(self.root.stat().st_ino, "")

    def _below(self, folder: int, prefix: str) -> Contents:
        found: Contents = {}
        for name, number in self._names.get(folder, {}).items():
            if number in self._contents:
                found[prefix + name] = self._contents[number]
            found |= self._below(number, f"{prefix}{name}/")
        return found

    def torn(self) -> Contents:
        """Return what is left if all names but no unsynced contents have reached the disk."""
        files = (path for path in self.root.rglob("*") if path.is_file())
        return {str(path.relative_to(self.root)): self._contents.get(path.stat().st_ino, b"") for path in files}

    def after_a_power_loss(self) -> list[Contents]:
        hidden = (self.least(), self.torn())
        return [{name: held[name] for name in held if "/." not in f"/{name}"} for held in hidden]


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk(tmp_path, monkeypatch)
    yield disk
    for descriptor in disk.held:
        os.close(descriptor)


def restored(contents: Contents) -> Archive:
    archive = Archive(f"memory://{uuid4().hex}")
    for name, content in contents.items():
        archive.store.write(name, content)
    return archive


def scheduled(archive: Archive, event: Event, hour: int) -> str:
    """Run a firing from its claim to its end and return its place."""
    ledger, planned_at = Ledger(archive.store), NOW.replace(hour=hour)
    ledger.expect(ENTRY, NOW)
    claimed = Occurrence.of(ENTRY, planned_at, State.CLAIMED, NOW)
    assert ledger.claim(claimed)
    place = whole_life(archive, event)
    ran = Attempt(place, 0, Verdict.PASS, "")
    assert ledger.close(claimed.ended(State.ENDED, NOW, attempts=(ran,)))
    return place


def whole_life(archive: Archive, event: Event) -> str:
    """Archive a run from start to seal, with files written like reports, and return its place."""
    run = archive.begin(record(status=RunStatus.RUNNING))
    archive.write_record(Run(run.place, replace(run.record, heartbeat_at=run.record.started_at)))
    for name in (run.notebook, run.report, f"{run.place}/rows/all.csv"):
        archive.store.write(name, b"written by a page that can be made again")
    ended = run.record.finished(Outcome(RunStatus.COMPLETED, "fine", Conclusion((), "fine")), run.record.started_at)
    archive.write_record(Run(run.place, ended))
    seal(archive, run.place, event)
    return run.place


def test_after_a_power_loss_nothing_is_torn_and_the_chain_has_only_existing_files(disk: Disk) -> None:
    moments: list[Contents] = []
    disk.on_call = lambda: moments.extend(disk.after_a_power_loss())
    archive = Archive(disk.root)
    removed = scheduled(archive, Event.SEALED, 8)
    scheduled(archive, Event.ADOPTED, 9)
    remove(archive, removed)
    moments += disk.after_a_power_loss()
    assert len(moments) > 100
    for contents in {tuple(sorted(held.items())): held for held in moments}.values():
        found = restored(contents)
        assert {fault.kind for fault in verify(found).faults} <= {FaultKind.UNSEALED, FaultKind.HALF_REMOVED}
        assert not [run for run in found.runs() if isinstance(run, DamagedRun)]
        assert all(each.state is not State.DAMAGED for each in Ledger(found.store).newest(ENTRY))


def test_announced_results_survive_a_power_loss(disk: Disk) -> None:
    archive = Archive(disk.root / "not/there/yet")
    place = scheduled(archive, Event.SEALED, 9)
    there = {name: archive.store.read(name) for name in archive.store.names() if name != NOTED_END}
    for contents in disk.after_a_power_loss():
        held = {name.removeprefix("not/there/yet/"): content for name, content in contents.items()}
        assert there.items() <= held.items()
        assert held.keys() - there.keys() <= {
            f"_unsealed/{place}",
            NOTED_END,
        }  # a deleted name may reappear
        assert verify(restored(held), place=place).exit_code == 0


def test_content_is_synced_before_it_gets_its_name_and_the_folder_after(disk: Disk) -> None:
    store = Archive(disk.root).store
    store.create("folder/one", b"1")
    store.write("folder/one", b"2", durable=True)
    store.write("folder/two", b"a page")
    calls = [(call, "folder/." if name.startswith("folder/.") else name) for call, name in disk.calls]
    assert calls == [
        ("fsync", "folder/."),
        ("link", "folder/one"),
        ("fsync", "folder"),
        ("fsync", "."),
        ("fsync", "folder/."),
        ("replace", "folder/one"),
        ("fsync", "folder"),
        ("replace", "folder/two"),
    ]


def test_a_run_costs_few_syncs(disk: Disk) -> None:
    archive = Archive(disk.root)
    whole_life(archive, Event.SEALED)
    before = len(disk.calls)
    whole_life(archive, Event.SEALED)
    syncs = [name for call, name in disk.calls[before:] if call == "fsync"]
    assert len(syncs) <= 20, syncs


def verified(*words: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(cli, ["runs", "verify", "--json", *words])
    return result.exit_code, json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize("goes_on", [False, True], ids=["the last one", "another was added since"])
def test_a_torn_last_entry_is_recognized_and_mended_wherever_it_was_cut(
    goes_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"memory://{uuid4().hex}"
    monkeypatch.setenv("RUNBOOK_OUTPUTS", place)
    archive = Archive(place)
    ended(archive, 2)
    earlier = verify(archive).head.sha256
    run = ended(archive, 1)
    whole = archive.store.read("_chain/000000002.json")
    noted = verify(archive).head.sha256
    for cut in range(len(whole)):
        for name in archive.store.children("_chain")[2:]:
            archive.store.delete(f"_chain/{name}")
        archive.store.write("_chain/000000002.json", whole[:cut])
        if goes_on:
            Chain(archive.store).append(Event.REMOVED, "local/day1_monitoring/20260101T000000Z-0000", {})
        found = verify(archive)
        assert kinds_in(found) == {FaultKind.TORN, FaultKind.NOT_ON_CHAIN}
        assert Chain(archive.store).mend() == [2]
        assert Chain(archive.store).mend() == []
        found = verify(archive, noted_head=earlier)
        assert (kinds_in(found), found.exit_code) == ({FaultKind.NOT_ON_CHAIN}, 1)
        assert adopt(archive, found.faults) == [run.place]
        found = verify(archive, noted_head=earlier)
        assert (found.faults, found.exit_code) == ((), 0)
        assert found.mended[0].startswith(f"_chain/000000002.json was torn; entry {3 + goes_on} of ")
        assert kinds_in(verify(archive, noted_head=noted)) == {FaultKind.CHAIN}  # it was complete when it was noted
    assert verified()[1]["mended"] == list(found.mended)


def test_the_command_mends_and_records_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOK_OUTPUTS", str(tmp_path))
    archive = Archive(tmp_path)
    ended(archive)
    archive.store.write("_chain/000000001.json", b"")
    code, found = verified()
    assert (code, [fault["kind"] for fault in found["faults"]]) == (1, ["torn", "not on the chain"])
    assert "runbook runs verify --mend" in found["faults"][0]["text"]
    code, found = verified("--mend", "--adopt")
    assert (code, found["entries"], len(found["mended"])) == (0, 3, 1)
    assert (tmp_path / "_chain/000000001.json").read_bytes() == b""
    assert "mended" in CliRunner().invoke(cli, ["runs", "verify"]).output


@pytest.mark.parametrize("how", ["cut", "altered after it was mended", "next is missing"])
def test_an_entry_truncated_later_cannot_be_mended(archive: Archive, how: str) -> None:
    for hours in (3, 2, 1):
        ended(archive, hours)
    if how == "altered after it was mended":
        archive.store.write("_chain/000000003.json", b"")
        Chain(archive.store).mend()
        archive.store.write("_chain/000000003.json", b"{")
    else:
        archive.store.write("_chain/000000002.json", b"{")
    if how == "next is missing":
        archive.store.delete("_chain/000000003.json")
        Chain(archive.store).append(Event.REMOVED, "local/day1_monitoring/20260101T000000Z-0000", {})
        content = archive.store.read("_chain/000000003.json")
        archive.store.delete("_chain/000000003.json")
        archive.store.write("_chain/000000004.json", content)
    assert Chain(archive.store).mend() == []
    assert FaultKind.CHAIN in kinds_in(verify(archive))
