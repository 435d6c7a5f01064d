"""Dialect files: samples are read as stated, and a wrong file is refused with one line that names the fault."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from lib import places
from lib.errors import UserError
from lib.operations.logs.dialect_file import dialect_files, load_dialect
from lib.operations.logs.dialects import load_dialects
from lib.operations.logs.events import CountsFrom, EventKind
from lib.operations.logs.lines import is_error, is_lock_service_error
from lib.ports.logs import LogEntry

FILES = dialect_files([places.ROOT / "params" / "dialects"])
NAMES = [*FILES]
ALL = load_dialects(["library", "a1", "a2", "b"])
SAMPLES = [
    pytest.param(name, line.event, sample, id=f"{name}-{sample.line[:50]}")
    for name in NAMES
    for line in load_dialect(FILES, name).lines
    for sample in line.samples
]

GOOD = """
about: a service
fields: { batch: "batch={}" }
lines:
  - event: acquired
    anchor: has the lock
    samples: [{ line: "has the lock (batch=b1)", batch: b1 }]
"""


def entry(message: str) -> LogEntry:
    return LogEntry(datetime(2026, 1, 18, 4, 5, tzinfo=UTC), message, "prediction-coordinator")


def test_the_librarys_dialect_and_the_three_of_the_services_are_there() -> None:
    assert {"library", "a1", "a2", "b"} <= set(NAMES)


@pytest.mark.parametrize(("name", "event", "sample"), SAMPLES)
def test_a_sample_means_the_same_when_all_dialects_are_read(name: str, event: str, sample: object) -> None:
    line, expected = sample.line, sample.values  # type: ignore[attr-defined]
    found = ALL.event(entry(line))
    assert found is not None
    assert found.kind is EventKind[event.upper()]
    ours = {"batch": "batch_id", "date": "game_date"}
    read = {each: getattr(found, ours.get(each, each)) for each in ("batch", *expected)}
    assert {each: value for each, value in read.items() if value not in (None, "")} == expected
    assert name in found.dialects or load_dialect(FILES, name).like in ("", *found.dialects)


def test_a_duration_begins_where_its_dialect_says() -> None:
    merged = ALL.event(entry("MERGE complete: 587 rows affected in 9020.0ms (batch=b)"))
    assert merged is not None
    assert merged.counts_from == {"library": CountsFrom.MERGE} | dict.fromkeys(("a1", "a2", "b"), CountsFrom.START)


@pytest.mark.parametrize(
    ("line", "is_fault"),
    [
        *((f"Firestore error acquiring lock: {code} told", True) for code in (403, 429, 503, 504)),
        ("Firestore error acquiring lock: 409 Too much contention on these documents.", False),
        ("ERROR - Failed to acquire consolidation lock for game_date=D. Check Firestore collection 'x_locks'", False),
        ("Consolidation FAILED: Cannot acquire consolidation lock: ... Check Firestore collection 'x'", False),
        ("Initialized DistributedLock (type=consolidation, collection=consolidation_locks)", False),
    ],
)
def test_a_fault_of_the_lock_service_is_distinguished_from_contention(line: str, *, is_fault: bool) -> None:
    assert is_lock_service_error(entry(line), ALL) is is_fault


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-01-18 04:05:10 - batch_staging_writer - ERROR - it broke", True),
        ("2026-01-18 04:05:10,123 - a.b - INFO - 0 ERRORs so far", False),
        ("INFO:coordinator:no Exception", False),
        ("2026-01-18 04:05:10 - w - ERROR - Found 5 duplicate business keys for game_date=2026-01-17", False),
    ],
)
def test_the_level_in_a_loggers_prefix_counts(line: str, *, expected: bool) -> None:
    assert is_error(entry(line), ALL) is expected


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("event: acquired", "event: acquird"), "did you mean acquired?"),
        (("batch={}", "batch="), "does not show where the value is"),
        (("batch={}", "{}"), "does not show where the value is"),
        (("{ batch:", "{ batsh:"), "did you mean batch?"),
        (('samples: [{ line: "has the lock (batch=b1)", batch: b1 }]', "samples: []"), "samples: none given"),
        (("batch: b1 }]", "batch: b2 }]"), "batch is read as 'b1', but the sample has 'b2'"),
        ((", batch: b1 }]", " }]"), "batch is read as 'b1', but the sample has None"),
        (('line: "has', 'line: "had'), "not read by its own line"),
        (("anchor: has the lock", "anchor: has"), "anchor: must be 4 to 200 characters long"),
        (("about: a service", "like: own"), "about"),
        (("about: a service", "about: a\nlike: own"), "name another, or none"),
        (("about: a service", "about: a\nlike: nowhere"), "nowhere"),
        (("    samples", "    counts_from: start\n    samples"), "counts_from"),
        (("    samples", "    fields: { duration_ms: 'in {}ms' }\n    samples"), "counts_from"),
        (("    samples", "    pattern: '(a+)+'\n    samples"), "pattern"),
    ],
)
def test_a_wrong_file_is_refused_with_one_line(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    assert change[0] in GOOD
    (tmp_path / "own.yaml").write_text(GOOD.replace(*change), encoding="utf-8")
    with pytest.raises(UserError, match=re.escape(fault)) as caught:
        load_dialects(["own"], tmp_path)
    assert "\n" not in str(caught.value)


def test_a_date_is_read_by_its_old_name_and_next_to_any_column(tmp_path: Path) -> None:
    dated = GOOD.replace('"batch={}"', '"batch={}", DATE: "of {column}={}"').replace(
        '(batch=b1)", batch: b1', '(batch=b1) of order_date=2026-01-17", batch: b1, DATE: 2026-01-17'
    )
    for name in ("date", "game_date"):
        (tmp_path / f"{name}.yaml").write_text(dated.replace("DATE", name), encoding="utf-8")
        event = load_dialects([name], tmp_path).event(entry("has the lock of day=2026-02-01, batch=b"))
        assert event is not None
        assert event.game_date == date(2026, 2, 1)
    (tmp_path / "both.yaml").write_text(dated.replace("DATE", 'game_date: "x={}", date', 1), encoding="utf-8")
    with pytest.raises(UserError, match="game_date is the old name of date, which is given too"):
        load_dialects(["both"], tmp_path)


def test_a_line_that_two_dialects_read_differently_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "two.yaml").write_text(GOOD.replace("acquired", "released"), encoding="utf-8")
    assert load_dialects(["two"], tmp_path).found("x has the lock") == ("has the lock", EventKind.RELEASED)
    with pytest.raises(UserError, match="one and two read 'has the lock' differently"):
        load_dialects(["one", "two"], tmp_path)


def test_a_missing_dialect_is_named_with_the_closest_existing_one() -> None:
    with pytest.raises(UserError, match=r"did you mean library\?"):
        load_dialects(["libary"])
