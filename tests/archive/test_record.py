"""Invalid records: each is shown as a damaged run, without hiding others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lib.archive.archive import Archive, DamagedRun, Run
from lib.site.build import build_site
from lib.verdict.conclusion import RunCost
from tests.site.pages import text_of
from tests.site.runs import START, archive_run, record

RUNNING = {"status": "running", "verdict": None, "finished_at": None, "seconds": None}


def odd_run(archive: Archive, changes: dict[str, Any]) -> Run | DamagedRun:
    place = archive_run(archive, record())
    values = json.loads(archive.store.read(f"{place}/run.json"))
    archive.store.write(f"{place}/run.json", json.dumps(values | changes).encode())
    return archive.read(place)


@pytest.mark.parametrize(
    "changes",
    [
        {"started_at": "0001-01-01T00:00:00Z"},
        {"started_at": "9999-12-31T23:59:59Z", "timezone": "Asia/Tokyo"},
        {"finished_at": "0001-01-01T00:00:00+14:00"},
        {"started_at": "2026-11-24T19:00:00"},
        RUNNING | {"heartbeat_at": "2026-11-24T19:00:00"},
        {"origin": {"planned_at": "2026-11-24T19:00:00"}},
        {"seconds": float("inf")},
        {"seconds": float("nan")},
        {"parameters": {"limit": float("nan")}},
        {"seconds": "1e999"},
    ],
    ids=str,
)
def test_impossible_times_and_durations_are_damage(tmp_path: Path, changes: dict[str, Any]) -> None:
    archive = Archive(tmp_path)
    damaged = odd_run(archive, changes)
    assert isinstance(damaged, DamagedRun)
    assert "\n" not in damaged.reason
    build_site(archive, now=START)
    assert "run.json cannot be read" in text_of(archive)


@pytest.mark.parametrize("timezone", ["America", "a" * 5_000, "../../etc/passwd", "\0", ""])
def test_an_unknown_zone_is_shown_in_utc(tmp_path: Path, timezone: str) -> None:
    archive = Archive(tmp_path)
    assert isinstance(odd_run(archive, {"timezone": timezone}), Run)
    build_site(archive, now=START)
    assert "2026-11-24 19:00:00 UTC" in archive.store.read("index.html").decode()


def test_a_record_from_before_queries_were_counted_is_read(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    counted = odd_run(archive, {"cost": {"queries": 14, "read_bytes": None}})
    assert isinstance(counted, Run)
    assert counted.record.cost == RunCost(14)
    values = json.loads(archive.store.read(f"{counted.place}/run.json"))
    del values["cost"]
    archive.store.write(f"{counted.place}/run.json", json.dumps(values).encode())
    before = archive.read(counted.place)
    assert isinstance(before, Run)
    assert before.record.cost is None
