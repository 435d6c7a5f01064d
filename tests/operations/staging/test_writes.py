"""Failed staging writes are reported with the columns that the table lacks; a type is never guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lib.consolidation.warehouse import Column
from lib.embedded.logs import append_entries
from lib.operations.scope import scope_of
from lib.operations.staging.writes import staging_writes
from lib.platform import Platform
from lib.ports.logs import LogEntry
from lib.verdict.section import Section
from lib.verdict.verdict import Verdict

WORKER = "prediction-worker"
MAIN = "nba_predictions.player_prop_predictions"
STAGED = "📝 Wrote 40 rows to staging table _staging_b_w1 (batch=b)"
FAILED = "STAGING WRITE FAILED for lebronjames: 400 Provided Schema does not match"


def mismatch(*fields: str) -> str:
    return f"SCHEMA MISMATCH: Worker output has {len(fields)} fields not in BQ table: {list(fields)}"


def look(platform: Platform, home: Path, *lines: str) -> Section:
    at = datetime.now(UTC) - timedelta(minutes=5)
    entries = [LogEntry(at + timedelta(seconds=number), line, WORKER) for number, line in enumerate(lines)]
    append_entries(home, WORKER, entries)
    return staging_writes(scope_of(platform))


@pytest.mark.parametrize(
    ("lines", "expected", "said"),
    [
        ([], Verdict.UNKNOWN, "unknown whether writes failed: no log lines in 30 days"),
        (["ready"], Verdict.PASS, "no failed write was logged"),
        ([STAGED, STAGED], Verdict.PASS, "2 writes of 80 rows, none failed"),
        (
            [FAILED],
            Verdict.FAIL,
            "1 write failed, none succeeded: staging failed: STAGING WRITE FAILED for lebronjames",
        ),
        ([STAGED, FAILED], Verdict.WARN, "1 write failed, 1 succeeded"),
        ([STAGED, mismatch("a"), FAILED], Verdict.FAIL, f"1 field is not in {MAIN}: a; no successful write was"),
        ([mismatch("a"), FAILED, STAGED], Verdict.WARN, f"1 field is not in {MAIN}: a; 1 write succeeded since"),
        ([mismatch("system_id")], Verdict.WARN, "the table now has system_id, and no successful write was"),
        (["SCHEMA MISMATCH: 3 fields"], Verdict.FAIL, "schema mismatch: SCHEMA MISMATCH: 3 fields; no successful"),
    ],
)
def test_the_worker_s_log_lines_are_judged(
    platform: Platform, home: Path, lines: list[str], expected: Verdict, said: str
) -> None:
    (check,) = look(platform, home, *lines).checks
    assert (check.id, check.verdict) == ("staging_writes", expected)
    assert said in check.summary


def test_a_column_is_added_with_the_type_that_staging_tables_agree_on(platform: Platform, home: Path) -> None:
    warehouse, main = platform.warehouse, platform.table.table
    for number, rank in enumerate(("INT64", "FLOAT64")):
        columns = [Column("trend", "STRING"), Column("rank", rank), Column("`odd", "STRING")]
        warehouse.create_table(main.sibling(f"_staging_b_w{number}"), columns)
    section = look(platform, home, mismatch("trend", "rank", "new", "`odd", "Game_ID"))
    (check,) = section.checks
    assert f"If they are new, add them: ALTER TABLE {MAIN} ADD COLUMN trend STRING." in check.next_step
    assert "The type of rank, new, Game_ID is unknown" in check.next_step
    assert [tuple(row) for row in section.exhibits[0].rows] == [
        ("trend", "STRING"),
        ("rank", "unknown"),
        ("new", "unknown"),
        ("'`odd'", "STRING"),
        ("Game_ID", "unknown"),
    ]


def test_hostile_fields_are_bounded_and_on_one_line(platform: Platform, home: Path) -> None:
    fields = [f"f{number}" for number in range(200)] + ["\x07<script>", "a; DROP TABLE x"]
    (check,) = look(platform, home, mismatch(*fields)).checks
    assert "202 fields are not in" in check.summary
    assert "f19, and 182 more" in check.summary
    assert "DROP" not in check.next_step
    assert len(check.summary) < 500
    assert check.summary.isprintable()
