"""All runbooks on the Google platform: the demo's story with its expected verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from lib.consolidation.staging import staging_backlog
from lib.consolidation.upkeep.duplicates import count_duplicates
from lib.embedded.deployment import Deployment
from lib.locking.switch import VARIABLE
from lib.operations.investigation.key import explain_key
from lib.operations.scope import scope_of
from lib.runbooks.catalogue import find_runbook, runbooks
from lib.runbooks.execution import execute
from lib.verdict.verdict import Verdict
from rehearsal.demo import Act, story
from tests.consolidation.real_schema import NIGHT, full_row, stage_as_a_revision
from tests.consolidation.world import DAY
from tests.gcp.bigquery.world import with_the_real_schema
from tests.gcp.large_table import reads_of_a_large_table
from tests.gcp.project import google_project
from tests.gcp.story import GoogleActs, deploy


@pytest.fixture
def acts(tmp_path: Path) -> Iterator[GoogleActs]:
    with google_project(tmp_path) as acts:
        yield acts


@pytest.mark.long
def test_the_story_ends_in_the_same_verdicts(acts: GoogleActs) -> None:
    verdicts, expected, surprises, said = [], [], [], []
    with story(acts.embedded.platform) as steps:
        for step in steps:
            if isinstance(step, Act):
                acts.play(step)
                continue
            approved = step.with_plan(said)
            run = execute(find_runbook(step.runbook), approved.parameters, environment="production").record
            said += run.checks
            verdicts.append((step.runbook, run.verdict))
            expected.append((step.runbook, step.expected))
            surprises += [(step.runbook, run.headline, what) for what in step.surprises(run.verdict, run.checks)]
    assert verdicts == expected
    assert surprises == []
    the_state_is_as_reported(acts)
    the_timeout_runbook_sees_queue_and_layout()


def test_the_lock_is_switched_off_for_all_consolidations(acts: GoogleActs) -> None:
    deploy(acts.google, Deployment(), acts.platform, acts.url)
    service = acts.platform.environment.services.coordinator
    asked = {"lock": "off", "service": service}
    planned = execute(find_runbook("rollback"), asked, environment="production").record
    plan = next(check.evidence["plan"] for check in planned.checks if "plan" in check.evidence)
    approved = {**asked, "plan": plan, "reason": "Firestore's quota is exhausted"}
    done = execute(find_runbook("rollback"), approved, environment="production").record
    assert (done.verdict, done.error) == (Verdict.PASS, None)
    assert acts.platform.services.variable(service, VARIABLE) == "off"
    row = {"prediction_id": "1", "game_id": "g", "player_lookup": "p", "system_id": "s", "current_points_line": 1.5}
    acts.platform.staging_writer().write([row], batch_id="b1", worker_id="w", game_date=acts.today)
    result = acts.platform.consolidator().consolidate_batch(batch_id="b1", game_date=acts.today)
    assert (result.inserted, result.locked) == (1, False)


def test_runbooks_read_little_of_a_large_table_and_of_a_long_ledger(acts: GoogleActs) -> None:
    reads = reads_of_a_large_table(acts)
    monitoring, diagnosis = reads.records["day1_monitoring"], reads.records["duplicate_diagnosis"]
    assert {check.name: check.verdict for check in monitoring.checks}["Staging backlog"] == Verdict.PASS
    assert (diagnosis.verdict, diagnosis.error) == (Verdict.PASS, None)
    assert reads.bytes_of("day1_monitoring") < 2e9
    for runbook in reads.records:
        assert 0 < reads.bytes_of(runbook, "consolidation_runs__") < 10e6, runbook
    # Each runs one more query of the ledger, for the partitions with the date's runs.
    assert len(reads.queries_of("duplicate_diagnosis")) <= 7
    assert len(reads.queries_of("daily_quality")) <= 9  # one of them reads the schedule
    assert reads.bytes_of("daily_quality") < 60e9
    assert [sql for sql in reads.queries_of("duplicate_diagnosis") if "MD5" in sql] == []
    refused = [check for record in reads.records.values() for check in record.checks if "would read" in check.summary]
    assert refused == []
    assert 0 < reads.ledger_rows <= 500


@pytest.mark.long
def test_every_runbook_reads_the_real_schema(acts: GoogleActs) -> None:
    """117 columns, one duplicate row in a merged night, and a pending batch in a table with the services' naming."""
    deploy(acts.google, Deployment(), acts.platform, acts.url)
    with_the_real_schema(acts.bigquery.client(), acts.platform.table)
    writer = acts.platform.staging_writer()
    writer.write([full_row(f"player{number}", number) for number in range(4)], batch_id="merged", worker_id="w")
    acts.platform.consolidator().consolidate_batch(batch_id="merged", game_date=DAY)
    table = acts.platform.table.table
    again = f"SELECT * REPLACE ('again' AS prediction_id) FROM {table} WHERE player_lookup = 'player0'"
    acts.bigquery.sql(f"INSERT INTO {table} {again}")
    waiting = [full_row("late", 5)]
    stage_as_a_revision(acts.platform.warehouse, table, "00035_4xk", waiting, 75)
    seen = set()
    for runbook in runbooks():
        asked = {parameter.name for parameter in runbook.parameters}
        given = {name: value for name, value in {"date": str(DAY), "batch": NIGHT}.items() if name in asked}
        record = execute(runbook, given, environment="production").record
        assert (runbook.name, record.error) == (runbook.name, None)
        of_the_table = [check for check in record.checks if check.id in _ABOUT_ROWS]
        assert [(check.name, check.summary) for check in of_the_table if check.verdict is Verdict.UNKNOWN] == []
        seen |= {check.id for check in of_the_table}
    assert seen == _ABOUT_ROWS
    before = len(acts.platform.query_costs)
    story = explain_key(scope_of(acts.platform, date=str(DAY)), player_lookup="player0")
    assert (len(story.rows), story.sources.not_read) == (2, {})
    assert [(writer.batch_id, writer.rows) for writer in story.sources.writers] == [("merged", None)]
    assert [run.batch_id for run in story.sources.ledger] == ["merged"]
    # One to find the key, one for its rows.
    asked = [cost.statement for cost in acts.platform.query_costs[before:] if f"FROM {table.sql}" in cost.statement]
    assert [sql.startswith("SELECT *") for sql in asked] == [False, False]


_ABOUT_ROWS = frozenset(
    {
        "batch_history",
        "cause_of_duplicates",
        "duplicates",
        "one_active_row",
        "null_values",
        "ranges",
        "staging_backlog",
        "staging_columns",
        "staging_size",
        "table_layout",
    }
)


def the_state_is_as_reported(acts: GoogleActs) -> None:
    """Rows are unique; the dead holder's lock is gone and its release recorded; the live holder's lock remains."""
    platform, one_day = acts.platform, timedelta(days=1)
    counts = count_duplicates(platform.warehouse, platform.table, acts.today - one_day, acts.today + one_day)
    assert [(count.rows > 0, count.duplicate_keys) for count in counts] == [(True, 0), (True, 0)]
    assert staging_backlog(platform.warehouse, platform.table) == []
    assert [entry.removed.claim.lock_key for entry in platform.locks.store.audit_entries()] == [
        platform.table.lock_key(acts.today)
    ]
    assert [seen.record.claim.lock_key for seen in platform.locks.locks() if seen.record] == [
        platform.table.lock_key(acts.today + one_day)
    ]


def the_timeout_runbook_sees_queue_and_layout() -> None:
    """Every source is available, and the report shows what was read."""
    run = execute(find_runbook("consolidation_timeout"), {}, environment="production").record
    verdicts = {check.name: check.verdict for check in run.checks}
    assert "UNKNOWN" not in verdicts.values()
    assert verdicts["Job queue"] == verdicts["Daily loads per table"] == "PASS"
    [layout] = [check for check in run.checks if check.name == "Table layout"]
    assert "partitioned by game_date" in layout.summary
