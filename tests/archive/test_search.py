"""Finding runs by their properties and by words in their results."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.archive.archive import Archive, DamagedRun, Run
from lib.archive.local_store import LocalStore
from lib.archive.record import RunError, RunStatus, from_json, to_json, utc_now
from lib.archive.ruled_out import can_hold
from lib.archive.search import Selection, hits, searched
from lib.verdict.check import Question
from lib.verdict.verdict import Verdict
from lib.words.quantities import Quantity, Value, spoken
from tests.site.runs import HOSTILE, REPAIR, START, many_runs, record

FOUND = record(
    Verdict.FAIL,
    headline="Duplicates today: 5 of 587",
    evidence={"batch": "batch-00042", "rows": 1_272},
    next_step="Release the stuck lock",
    parameters={"game_date": "2026-01-17"},
)
STOPPED = record(Verdict.UNKNOWN, status=RunStatus.FAILED, error=RunError("step-3", "ValueError", "no such partition"))
# Letters that change with case, are escaped in JSON or shown differently, and numbers with units.
SAID = st.text(st.sampled_from('abceiknmosyIKS019-_:.,= \u0130\u0131\u017f\u212a\xad\x7f\x0c\n"\\\x01é'), max_size=12)
QUANTITIES = st.builds(Quantity, st.sampled_from([1.0, 0.02, 1272.0]), st.sampled_from(["s", "B", "%", "entries"]))
NUMBERS = st.one_of(st.integers(-2000, 10**7), st.floats(-1e300, 1e300))
VALUES = st.one_of(SAID, NUMBERS, st.booleans(), st.none(), QUANTITIES)
WORDS = st.text(st.characters(exclude_categories=("Z", "C")), min_size=1)


@pytest.fixture(params=["folder", "bucket"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    return Archive(tmp_path if request.param == "folder" else f"memory://{uuid4().hex}")


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("587", ["headline"]),
        ("BATCH-00042", ["evidence"]),
        ("release LOCK", ["next step"]),
        ("5 stuck", ["headline", "next step"]),
        ("game_date=2026-01-17", ["parameter"]),
        ("1,272", ["evidence"]),
        ("1272", ["evidence"]),
        ("5 nowhere", []),
        ("5.8", []),  # a word is not a pattern
        (" ", []),
    ],
)
def test_every_word_must_be_found(text: str, fields: list[str]) -> None:
    assert [hit.field for hit in hits(FOUND, text)] == fields


def test_an_error_that_stopped_a_run_is_found() -> None:
    assert [hit.text for hit in hits(STOPPED, "partition")] == ["ValueError in step-3: no such partition"]


@given(word=WORDS, around=st.text(), where=st.sampled_from(["name", "summary", "label", "value", "next step"]))
def test_a_word_is_found_anywhere_in_a_check(word: str, around: str, where: str) -> None:
    said = {where: f"{around} {word} {around}"}
    evidence = {said.get("label", "a"): said.get("value", "a")}
    check = Question("a", said.get("name", "a"), evidence).passes(said.get("summary", "a"), said.get("next step", ""))
    assert hits(replace(FOUND, checks=(check,)), word)


@given(data=st.data(), value=VALUES, said=st.lists(SAID, min_size=4, max_size=4), is_ascii=st.booleans())
def test_a_record_that_is_ruled_out_lacks_a_word(
    data: st.DataObject, value: Value, said: list[str], is_ascii: bool
) -> None:
    check = Question("a", said[0], {said[1]: value}).passes(said[2])
    parameter = data.draw(st.one_of(VALUES, st.lists(SAID), st.dictionaries(SAID, st.none())))
    status = data.draw(st.sampled_from([RunStatus.COMPLETED, RunStatus.COMPLETED, RunStatus.RUNNING]))
    content = to_json(replace(FOUND, checks=(check,), parameters={said[3]: parameter}, status=status))
    content = json.dumps(json.loads(content)).encode() if is_ascii else content
    record = from_json(content).observed(utc_now())
    texts = [said[2], spoken(value), f"{said[3]}={record.parameters[said[3]]}", f"{said[0]}: {said[1]}"]
    shown = " ".join([*texts, record.headline if status is RunStatus.RUNNING else ""]).split()
    for text in {part for word in shown for part in (word, word.upper(), word[1:], word[: len(word) // 2])}:
        assert can_hold(text)(content) or not hits(record, text)


def test_the_search_has_the_same_result_without_ruling_out(archive: Archive) -> None:
    for number, run in enumerate(many_runs(40)):
        place = archive.begin(run).place
        if number % 10 == 0:
            archive.store.write(f"{place}/run.json", to_json(run)[: 20 * number])
    for text in ("duplicates 1,6", "2026-11-23", "min", "entry", "nowhere", "alert 2026", *HOSTILE):
        read = list(Selection().runs(archive))
        whole = [(run.place, where) for run in read if isinstance(run, Run) and (where := hits(run.record, text))]
        found, damaged = searched(archive, Selection(), text, len(read))
        assert [(run.place, where) for run, where in found] == whole
        assert damaged == 4


def test_a_selection_is_newest_first_and_includes_damaged_runs(archive: Archive) -> None:
    days = [archive.begin(record(started_at=START - timedelta(days=day))).place for day in range(5)]
    archive.begin(record(runbook="daily_quality"))
    archive.begin(record(environment="production"))
    failed = archive.begin(record(Verdict.FAIL, started_at=START - timedelta(days=9))).place
    damaged = f"local/day1_monitoring/{START:%Y}0101T000000Z-0000"
    archive.store.write(f"{damaged}/run.json", b"{")

    def places(**chosen: object) -> list[str]:
        wanted = {"runbook": "day1_monitoring", "environment": "local", **chosen}
        return [run.place for run in Selection(**wanted).runs(archive)]  # type: ignore[arg-type]

    assert places() == [*days, failed, damaged]
    assert places(verdict=Verdict.FAIL) == [failed]
    assert places(since=START - timedelta(days=3), until=START) == days[1:4]
    assert len(list(Selection().runs(archive))) == len(days) + 4


def test_runs_with_changes_are_found_by_the_change_and_its_undo(archive: Archive) -> None:
    archive.begin(record())
    place = archive.begin(record(changed=(REPAIR,))).place
    [run] = Selection(has_changed=True).runs(archive)
    assert isinstance(run, Run)
    assert run.place == place
    assert [hit.field for hit in hits(run.record, "15 removed ana _repair_backup_2026_11_24_4198aef0")] == [
        "change",
        "change",
        "undo",
    ]


def test_a_run_without_heartbeats_is_not_running(archive: Archive) -> None:
    archive.begin(record(status=RunStatus.RUNNING))
    [run] = Selection(verdict=Verdict.UNKNOWN).runs(archive)
    assert isinstance(run, Run)
    assert run.record.status is RunStatus.ABANDONED


def test_no_more_is_read_than_needed(tmp_path: Path) -> None:
    class Noting(LocalStore):
        def read(self, name: str) -> bytes:
            read.append(name)
            return super().read(name)

    read: list[str] = []
    archive = Archive(tmp_path)
    for day in range(30):
        archive.begin(record(started_at=START - timedelta(days=day)))
    archive.store = Noting(tmp_path)
    assert len(list(islice(Selection(since=START - timedelta(days=20)).runs(archive), 3))) == 3
    assert len(read) == 3


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_found_as_written(text: str, archive: Archive) -> None:
    place = archive.begin(record(headline=text)).place
    [run] = Selection().runs(archive)
    assert not isinstance(run, DamagedRun)
    assert (run.place, bool(hits(run.record, text))) == (place, True)
