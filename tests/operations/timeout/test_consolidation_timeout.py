"""Which phase of a consolidation takes the time, and why, in states that are true by construction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lib.consolidation.identifiers import TableName
from lib.embedded.duckdb_warehouse import DuckdbWarehouse
from lib.embedded.job_marks import marked
from lib.embedded.logs import append_entries
from lib.environment import GoogleSettings
from lib.errors import SourceUnavailable
from lib.locking import Claim
from lib.operations.scope import Scope, scope_of
from lib.operations.staging.size import staged_sizes, staging_size
from lib.operations.timeout.fixes import three_fixes
from lib.operations.timeout.jobs import LOADS_A_TABLE_A_DAY, QUEUED_DML_A_TABLE, job_queue, load_quota
from lib.operations.timeout.phases import Phase, phases, timed_runs
from lib.operations.timeout.surroundings import table_layout
from lib.platform import Platform
from lib.ports.jobs import JobState, TableLayout, WarehouseJob
from lib.ports.logs import LogEntry
from lib.verdict.check import Check
from lib.verdict.section import Section
from lib.verdict.verdict import Verdict
from tests.consolidation.world import DAY, predictions
from tests.operations.deployed import having

COORDINATOR = "prediction-coordinator"
MAIN = TableName("nba_predictions", "player_prop_predictions")


UNPARTITIONED = TableLayout(400_000, 1_400_000_000)


@dataclass(frozen=True)
class GivenActivity:
    """A warehouse whose jobs and layout a test has set."""

    listed: Sequence[WarehouseJob] = ()
    stored: TableLayout = UNPARTITIONED
    has_queue: bool = True

    def jobs(self, dataset: str, *, since: datetime) -> list[WarehouseJob]:
        return [job for job in self.listed if job.created_at >= since]

    def layout(self, table: TableName) -> TableLayout:
        return self.stored


class UnreadableActivity(GivenActivity):
    def jobs(self, dataset: str, *, since: datetime) -> list[WarehouseJob]:
        raise SourceUnavailable("no bigquery.jobs.listAll")

    def layout(self, table: TableName) -> TableLayout:
        raise SourceUnavailable("no bigquery.tables.get")


@pytest.fixture
def scope(platform: Platform) -> Scope:
    return scope_of(platform, game_date=str(DAY))


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def job(state: JobState = JobState.DONE, *, number: int = 0, seconds: float = 60, **given: Any) -> WarehouseJob:
    values = {"job_id": f"job{number}", "statement": "MERGE", "target": MAIN, **given}
    return WarehouseJob(state=state, created_at=ago(seconds), **values)


def only(section: Section) -> Check:
    (check,) = section.checks
    return check


def cells(section: Section, exhibit: int = 0) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in section.exhibits[exhibit].rows]


def log_consolidation(home: Path, batch: str, *parts: tuple[str, float]) -> None:
    """Log the lines of a consolidation, each with its age in seconds."""
    words = {
        "acquiring": f"🔒 Acquiring consolidation lock for game_date={DAY}, batch={batch}",
        "acquired": f"✅ Acquired consolidation lock: consolidation_{DAY} (batch={batch}, timeout=300s)",
        "merging": f"🔄 Executing MERGE for batch={batch} with 615 staging tables",
        "merged": f"✅ MERGE complete: 18170 rows affected in 20000.0ms (batch={batch})",
        "validating": f"🔍 Running post-consolidation validation for game_date={DAY}...",
        "validated": "✅ Post-consolidation validation PASSED (0 duplicates)",
        "released": f"🔓 Released consolidation lock: consolidation_{DAY} (batch={batch})",
    }
    entries = [LogEntry(ago(seconds), words[part], COORDINATOR, instance=f"i-{batch}") for part, seconds in parts]
    append_entries(home, COORDINATOR, entries)


def test_the_phase_that_dominates_is_named_with_its_share(scope: Scope, home: Path) -> None:
    log_consolidation(
        home,
        "waited",
        *(("acquiring", 900), ("acquired", 580), ("merging", 575), ("merged", 550)),
        *(("validating", 550), ("validated", 549), ("released", 547)),
    )
    log_consolidation(
        home, "quick", ("acquiring", 500), ("acquired", 500), ("merging", 499), ("merged", 478), ("released", 477)
    )
    scope = scope_of(scope.platform, game_date=str(DAY))
    check = only(phases(scope))
    assert check.verdict is Verdict.FAIL
    assert "waited took 5 min 53 s, 91% of it waiting for the lock" in check.summary
    assert "stuck_lock_release" in check.next_step
    slowest = timed_runs(scope.history)[0]
    assert slowest.seconds[Phase.MERGE] == 20
    assert [round(slowest.seconds[phase]) for phase in Phase] == [320, 10, 20, 1, 2]
    assert only(phases(scope, "quick")).verdict is Verdict.PASS


def test_a_hanging_consolidation_is_named_with_its_phase(scope: Scope, home: Path) -> None:
    log_consolidation(home, "hangs", ("acquiring", 1500), ("acquired", 1500), ("merging", 1490))
    check = only(phases(scope))
    assert check.verdict is Verdict.FAIL
    assert "hangs has not ended" in check.summary
    assert "in phase MERGE" in check.summary


def test_without_log_lines_the_answer_is_unknown(scope: Scope) -> None:
    assert only(phases(scope)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("waiting", "verdict"), [(0, Verdict.PASS), (QUEUED_DML_A_TABLE - 1, Verdict.PASS), (20, Verdict.FAIL)]
)
def test_a_full_queue_is_a_failure(scope: Scope, waiting: int, verdict: Verdict) -> None:
    listed = [job(JobState.PENDING, number=number) for number in range(waiting)]
    listed += [job(JobState.PENDING, number=99, target=MAIN.sibling("other"))]
    having(scope.platform, activity=GivenActivity(listed=listed))
    check = only(job_queue(scope))
    assert check.verdict is verdict
    assert check.evidence["waiting"] == waiting + 1


def test_a_long_wait_in_the_queue_is_reported(scope: Scope) -> None:
    having(scope.platform, activity=GivenActivity(listed=[job(JobState.PENDING, seconds=720)]))
    check = only(job_queue(scope))
    assert check.verdict is Verdict.WARN
    assert "1 waiting, the longest for 1" in check.summary


def test_only_a_consolidation_without_a_live_lock_is_reported(scope: Scope) -> None:
    platform = scope.platform
    running = job(JobState.RUNNING, job_id=f"consolidation_b_1_{'a' * 32}_2", statement="SCRIPT", target=None)
    having(platform, activity=GivenActivity(listed=[running]))
    check = only(job_queue(scope))
    assert check.verdict is Verdict.WARN
    assert "1 consolidation is running without a live lock: b_1" in check.summary
    assert platform.locks.store.create(Claim(platform.table.lock_key(DAY), "holder", "b_1", 300, "host:1"))
    assert only(job_queue(scope)).verdict is Verdict.PASS


def test_a_transaction_that_died_is_reported_until_its_batch_is_consolidated(scope: Scope) -> None:
    platform = scope.platform
    warehouse = platform.adapters.warehouse
    assert isinstance(warehouse, DuckdbWarehouse)
    with marked(warehouse.job_marks, f"consolidation_b1_{'a' * 32}", [MAIN.dataset]):
        (mark,) = warehouse.job_marks.iterdir()
        content = mark.read_bytes()
    mark.write_bytes(content)
    scope = replace(scope, now=datetime.now(UTC))
    check = only(job_queue(scope))
    assert check.verdict is Verdict.WARN
    assert "1 job ended when the process died: b1" in check.summary
    platform.staging_writer().write_batch(predictions(3), batch_id="b1", workers=1)
    platform.consolidator().consolidate_batch(batch_id="b1", game_date=DAY)
    assert only(job_queue(scope)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("loads", "verdict"),
    [(3, Verdict.PASS), (LOADS_A_TABLE_A_DAY - 200, Verdict.WARN), (LOADS_A_TABLE_A_DAY, Verdict.FAIL)],
)
def test_loads_are_counted_against_the_limit_of_their_table(scope: Scope, loads: int, verdict: Verdict) -> None:
    listed = [job(number=number, statement="LOAD") for number in range(loads)]
    listed += [job(number=number, statement="LOAD", target=MAIN.sibling(f"t{number}")) for number in range(1600)]
    having(scope.platform, activity=GivenActivity(listed=listed))
    check = only(load_quota(scope))
    assert check.verdict is verdict
    assert f"{loads:,} of 1,500 loads into {MAIN}" in check.summary


def test_many_small_tables_are_reported_and_an_ordinary_batch_is_not(scope: Scope) -> None:
    platform = scope.platform
    platform.staging_writer().write_batch(predictions(300), batch_id="usual", workers=15)
    assert only(staging_size(scope)).verdict is Verdict.PASS
    platform.staging_writer().write_batch(predictions(110), batch_id="onerow", workers=110)
    check = only(staging_size(scope))
    assert check.verdict is Verdict.WARN
    assert "onerow: 110 rows in 110 staging tables, 1.0 rows per table, 110 one-row tables" in check.summary
    assert [(size.batch.batch_id, size.tables, size.batch.unmerged_tables) for size in staged_sizes(platform)] == [
        ("onerow", 110, 110),
        ("usual", 15, 15),
    ]


@pytest.mark.parametrize(
    ("column", "limit", "verdict", "words"),
    [
        ("", 20_000_000_000, Verdict.PASS, "each MERGE scans the whole table, 1.4 GB, for 0.1% of its rows"),
        ("", 2_000_000_000, Verdict.WARN, "1.4 GB"),
        ("game_date", 2_000_000_000, Verdict.PASS, "a MERGE reads about 1.4 MB"),
    ],
)
def test_a_table_without_partitions_is_reported_with_its_bytes(
    scope: Scope, column: str, limit: int, verdict: Verdict, words: str
) -> None:
    platform = scope.platform
    platform.staging_writer().write_batch(predictions(400), batch_id="b1", workers=1)
    platform.consolidator().consolidate_batch(batch_id="b1", game_date=DAY)
    having(platform, activity=GivenActivity(stored=TableLayout(400_000, 1_400_000_000, column)))
    google = GoogleSettings(maximum_bytes_billed=limit)
    platform = replace(platform, environment=replace(platform.environment, google=google))
    check = only(table_layout(replace(scope, platform=platform)))
    assert check.verdict is verdict
    assert words in check.summary


def test_each_fix_comes_with_its_figures(scope: Scope, home: Path) -> None:
    log_consolidation(
        home,
        "b1",
        *(("acquiring", 400), ("acquired", 400), ("merging", 395), ("merged", 275)),
        *(("validating", 275), ("validated", 275), ("released", 270)),
    )
    having(scope.platform, activity=GivenActivity())
    found = three_fixes(scope)
    assert only(found).verdict is Verdict.WARN
    assert only(found).summary.startswith("gathering and checks dominates. Split very large batches")
    timeout, merge, split = cells(found)
    assert "none: no consolidation gave up waiting; the longest hold was 2 min 10 s" in timeout[2]
    assert merge[1:] == ("each MERGE scans 1.4 GB", "each would read about 0 B: the date has 0.0% of the rows")
    assert "the slowest had 18,170 rows in 615 tables" in split[1]
    assert "each half would gather for about 52.5 s instead of 1 min 45 s" in split[2]


def test_a_source_that_cannot_be_read_is_unknown_and_affects_only_its_own_fix(scope: Scope) -> None:
    having(scope.platform, activity=UnreadableActivity())
    for section in (job_queue(scope), load_quota(scope)):
        assert only(section).verdict is Verdict.UNKNOWN
        assert "no bigquery.jobs.listAll" in only(section).summary
    timeout, merge, _ = cells(three_fixes(scope))
    assert timeout[2].startswith("none")
    assert merge[1] == "not known: no bigquery.tables.get"
