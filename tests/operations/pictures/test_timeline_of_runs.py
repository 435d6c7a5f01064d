"""The picture of an incident: its bars, its overlap, the lock, and no more than a page can show."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from lib.embedded.logs import append_entries, log_path
from lib.locking.store import Claim
from lib.operations.pictures.timeline import timeline_of_locks, timeline_of_runs
from lib.operations.scope import scope_of
from lib.platform import Platform
from lib.ports.logs import LogEntry
from lib.verdict.section import Table
from lib.verdict.timeline.data import Ending, Part, Timeline
from lib.verdict.timeline.drawing import Picture, drawn

NOON = datetime(2026, 1, 17, 17, tzinfo=UTC)
DAY = date(2026, 1, 17)

Line = tuple[float, str, str]


def merge(start: float, end: float, batch: str, instance: str) -> list[Line]:
    return [
        (start, instance, f"🔄 Executing MERGE for batch={batch} with 15 staging tables"),
        (end, instance, f"✅ MERGE complete: 587 rows affected in {1000 * (end - start):.1f}ms (batch={batch})"),
    ]


def locked(start: float, batch: str, instance: str, waits: float = 1) -> list[Line]:
    begin = start + waits
    return [
        (start, instance, f"🔒 Acquiring consolidation lock for game_date={DAY}, batch={batch}"),
        (begin, instance, f"✅ Acquired consolidation lock: consolidation_{DAY} (batch={batch}, timeout=300s)"),
        *merge(begin + 0.5, begin + 8.5, batch, instance),
        (begin + 8.6, instance, f"🔍 Running post-consolidation validation for game_date={DAY}..."),
        (begin + 9, instance, "✅ Post-consolidation validation PASSED (0 duplicates)"),
        (begin + 9.5, instance, f"🔓 Released consolidation lock: consolidation_{DAY} (batch={batch})"),
    ]


def logged(home: Path, lines: list[Line]) -> None:
    entries = [
        LogEntry(NOON + timedelta(seconds=seconds), text, "prediction-coordinator", instance=instance)
        for seconds, instance, text in sorted(lines)
    ]
    append_entries(home, "prediction-coordinator", entries)


def picture(platform: Platform, hours: float = 1) -> Timeline:
    scope = scope_of(platform, now=NOON + timedelta(hours=hours), hours=hours + 1)
    found = timeline_of_runs(scope.history, scope.history.consolidations)
    assert found is not None
    return found


def test_the_incident_is_two_bars_that_overlap(platform: Platform, home: Path) -> None:
    batch = f"batch_{DAY}_1768622400"
    logged(home, [*merge(0, 1.7, batch, "i-1"), *merge(0.4, 2.1, batch, "i-2"), *locked(600, "later", "i-1")])
    found = picture(platform)
    assert [(bar.part, bar.lane) for bar in found.bars if bar.part is Part.MERGE] == [(Part.MERGE, 0), (Part.MERGE, 1)]
    (overlap,) = found.overlaps
    assert (overlap.first_lane, overlap.last_lane, overlap.count) == (0, 1, 2)
    assert overlap.end - overlap.start == timedelta(seconds=1.3)
    assert found.finding == f"2 MERGEs of {batch} overlapped for 1.3 s, without the lock"
    assert found.locks[0].note == "never held: both ran without the lock"
    assert found.since < NOON < found.until < NOON + timedelta(seconds=5)  # and not the whole day
    assert found.overview is not None
    assert sum(found.overview.counts) == 3
    html = drawn(found)
    assert ">both in MERGE for 1.3 s<" in html
    assert html.count("<tr>") == 1 + len(found.bars) + len(found.overlaps) + 1  # the head, and the lock's note


def test_a_run_shows_the_picture_of_its_period_and_says_why_there_is_none(platform: Platform, home: Path) -> None:
    scope = scope_of(platform, now=NOON + timedelta(hours=1), hours=2)
    assert scope.timeline().df["Value"].tolist() == ["no consolidation was logged since 2026-01-17 11:00:00 EST"]
    logged(home, locked(0, "b1", "i-1"))
    assert scope_of(platform, now=scope.now, hours=2).timeline().exhibits == (Picture(picture(platform)),)
    path = log_path(home, "prediction-coordinator")
    path.unlink()
    path.mkdir()
    (table,) = scope_of(platform, now=scope.now, hours=2).timeline().exhibits
    assert isinstance(table, Table)
    assert table.rows[0][0] == "not drawn"
    assert "cannot be read" in table.rows[0][1]


def test_a_whole_consolidation_has_all_its_parts_and_the_hold_of_its_lock(platform: Platform, home: Path) -> None:
    logged(home, locked(0, "b1", "i-1", waits=120))
    found = picture(platform)
    spans = {bar.part: (bar.end - bar.start).total_seconds() for bar in found.bars}
    assert spans == {
        Part.WHOLE: 129.5,
        Part.LOCK_WAIT: 120,
        Part.MERGE: 8,
        Part.VALIDATION: 0.4,
        Part.CLEANUP: 0.5,
    }
    (hold,) = found.locks[0].holds
    assert (hold.end - hold.start, hold.is_open) == (timedelta(seconds=9.5), False)
    assert found.finding == "b1 took 2 min 9 s, 2 min 0 s of it waiting for the lock"


def test_a_run_killed_in_its_merge_is_open_until_its_lock_is_acquired_again(platform: Platform, home: Path) -> None:
    logged(home, [*locked(0, "b1", "i-1")[:3], *locked(400, "b2", "i-2")])
    found = picture(platform)
    assert found.finding == "b1 logged nothing after: MERGE started"
    last = [bar for bar in found.bars if bar.batch == "b1"][-1]
    assert (last.part, last.is_open, last.ending) == (Part.MERGE, True, Ending.UNFINISHED)
    first = found.locks[0].holds[0]
    assert (first.is_open, first.end) == (True, NOON + timedelta(seconds=401))


def test_a_held_lock_is_shown_even_if_nothing_was_logged(platform: Platform, home: Path) -> None:
    claim = Claim(platform.table.lock_key(DAY), "h1", "b1", 300, "host:1")
    record = platform.locks.store.create(claim)
    assert record is not None
    scope = scope_of(platform, now=record.acquired_at + timedelta(seconds=8), hours=1)
    found = timeline_of_locks(scope.history, [record])
    assert found is not None
    (lock,) = found.locks
    assert lock.note == "held now by b1"
    assert [hold.end - hold.start for hold in lock.holds] == [timedelta(seconds=8)]
    assert found.bars == ()


def test_five_hundred_consolidations_make_a_small_picture(platform: Platform, home: Path) -> None:
    crowd = [
        merge(number % 7, number % 7 + 20 + number % 3, f"batch_{DAY}_{number}", f"i-{number % 45}")
        for number in range(250)
    ]
    usual = [locked(900 + 30 * number, f"regen_{DAY}_{number}", f"i-{number % 45}") for number in range(250)]
    logged(home, [line for run in (*crowd, *usual) for line in run])
    found = picture(platform, hours=3)
    assert (len(found.lanes), found.lanes[-1].name) == (10, "and 42 more instances")
    assert {bar.part for bar in found.bars} >= {Part.MERGE, Part.SEVERAL}
    assert found.overview is not None
    assert sum(found.overview.counts) == 500
    bundle = Picture(found)._repr_mimebundle_()
    assert len(bundle["text/html"]) < 40_000
