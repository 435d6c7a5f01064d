"""All runbooks on the Google platform: the demo's story, and the verdicts that it expects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from lib.consolidation.staging import staging_backlog
from lib.consolidation.upkeep.duplicates import count_duplicates
from lib.embedded.deployment import Deployment
from lib.lock_switch import VARIABLE
from lib.platform import Platform, connect
from lib.runbooks.catalogue import find_runbook
from lib.runbooks.execution import execute
from lib.verdict.verdict import Verdict
from lib.words.dates import resolve_game_date
from rehearsal.acts import Acts
from rehearsal.demo import Act, story
from rehearsal.slates import slate_of
from tests.gcp.bigquery.double import BigqueryDouble
from tests.gcp.bigquery.double.jobs import Job
from tests.gcp.bigquery.world import create_main_table
from tests.gcp.conftest import PROJECT
from tests.gcp.double import GoogleDouble
from tests.gcp.http_server import serving_json
from tests.gcp.story import GoogleActs, deploy, health
from tests.locking.emulator import running_emulator
from tests.warm import warm_kernels


@pytest.fixture
def acts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, google: GoogleDouble, address: str) -> Iterator[GoogleActs]:
    """The guide's project, empty but for its dataset and main table; an embedded platform beside it."""
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RUNBOOK_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("RUNBOOK_GOOGLE_EMULATOR_HOST", address)
    with ExitStack() as stack:
        stack.enter_context(warm_kernels())
        firestore = stack.enter_context(running_emulator(tmp_path / "emulator.log"))
        bigquery = stack.enter_context(BigqueryDouble(PROJECT, location="us-west2"))
        url = stack.enter_context(serving_json(health))
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore)
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", bigquery.address)
        forget_documents(firestore)
        platform, embedded = connect("production"), connect("local")
        bigquery.client().create_dataset(platform.table.table.dataset)
        create_main_table(bigquery.client(), platform.table)
        today = resolve_game_date("today", platform.environment.timezone)
        yield GoogleActs(platform, today, 0, stack, google, bigquery, Acts(embedded, today, 0, stack), url)


def forget_documents(firestore: str) -> None:
    """The emulator may be one that other sessions use as well."""
    documents = f"http://{firestore}/emulator/v1/projects/{PROJECT}/databases/(default)/documents"
    with urlopen(Request(documents, method="DELETE")):
        pass


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
    the_state_is_as_told(acts)
    the_timeout_runbook_sees_queue_and_layout()


def test_the_lock_is_switched_off_for_whoever_consolidates(acts: GoogleActs) -> None:
    deploy(acts.google, Deployment(), acts.platform, acts.url)
    service = acts.platform.environment.services.coordinator
    asked = {"lock": "off", "service": service}
    planned = execute(find_runbook("rollback"), asked, environment="production").record
    plan = next(check.evidence["plan"] for check in planned.checks if "plan" in check.evidence)
    approved = {**asked, "plan": plan, "reason": "Firestore is over its quota"}
    done = execute(find_runbook("rollback"), approved, environment="production").record
    assert (done.verdict, done.error) == (Verdict.PASS, None)
    assert acts.platform.services.variable(service, VARIABLE) == "off"
    row = {"prediction_id": "1", "game_id": "g", "player_lookup": "p", "system_id": "s", "current_points_line": 1.5}
    acts.platform.staging_writer().write([row], batch_id="b1", worker_id="w", game_date=acts.today)
    result = acts.platform.consolidator().consolidate_batch(batch_id="b1", game_date=acts.today)
    assert (result.inserted, result.locked) == (1, False)


def test_runbooks_read_little_of_a_large_table_and_of_a_long_ledger(acts: GoogleActs) -> None:
    """A terabyte in partitions of 1.5 GB, 600 consolidations of this very date, and a batch that waits."""
    deploy(acts.google, Deployment(), acts.platform, acts.url)
    yesterday = acts.today - timedelta(days=1)
    for game_date in (yesterday, acts.today):
        stage_slate(acts.platform, f"batch_{game_date}", game_date)
        acts.platform.consolidator().consolidate_batch(batch_id=f"batch_{game_date}", game_date=game_date)
    stage_slate(acts.platform, "batch_that_waits", acts.today)
    main, ledger = acts.platform.table.table, acts.platform.table.ledger
    rows_a_day = round(1.5e9 / acts.bigquery.catalogue.row_width(main.dataset, main.table))
    acts.bigquery.catalogue.sized(main.dataset, main.table, rows_a_day=rows_a_day, days=667, last_day=acts.today)
    acts.bigquery.sql(
        f"INSERT INTO {main.dataset}.{ledger.table} SELECT L.* REPLACE (batch_id || '_' || n AS batch_id) "
        f"FROM {main.dataset}.{ledger.table} AS L, range(600) AS older(n) WHERE game_date = '{acts.today}'"
    )
    jobs: list[Job] = []
    acts.bigquery.jobs.on_insert.append(jobs.append)

    monitoring = execute(find_runbook("day1_monitoring"), {"batch": "batch_unknown"}, environment="production").record
    assert {check.name: check.verdict for check in monitoring.checks}["Staging backlog"] == Verdict.PASS
    assert sum(estimates(jobs)) < 2e9
    so_far = len(jobs)
    diagnosis = execute(find_runbook("duplicate_diagnosis"), {}, environment="production").record
    assert (diagnosis.verdict, diagnosis.error) == (Verdict.PASS, None)
    queries = [job.configuration["query"]["query"] for job in jobs[so_far:] if "dryRun" not in job.configuration]
    assert len(queries) <= 6
    assert [sql for sql in queries if "MD5" in sql] == []
    rest = [execute(find_runbook(name), {}, environment="production").record for name in ("daily_quality", "rollback")]
    assert [check for run in (monitoring, *rest) for check in run.checks if "would read" in check.summary] == []
    of_ledger = [job for job in jobs if ledger.table in job.configuration["query"]["query"]]
    assert 0 < max(len(job.result.rows) for job in of_ledger) <= 500


def stage_slate(platform: Platform, batch_id: str, game_date: date) -> None:
    rows = slate_of(game_date).predict(batch_id, generated_at=datetime.now(UTC))
    platform.staging_writer().write_batch(rows, batch_id=batch_id, workers=2)


def estimates(jobs: Sequence[Job]) -> list[int]:
    return [int(job.statistics["query"]["totalBytesProcessed"]) for job in jobs if job.configuration.get("dryRun")]


def the_state_is_as_told(acts: GoogleActs) -> None:
    """The rows are unique, and the dead holder's lock went, with a record of it; the live one's stays."""
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
    """Every source answers, and the report tells what was read."""
    run = execute(find_runbook("consolidation_timeout"), {}, environment="production").record
    verdicts = {check.name: check.verdict for check in run.checks}
    assert "UNKNOWN" not in verdicts.values()
    assert verdicts["Job queue"] == verdicts["Loads a table in a day"] == "PASS"
    [layout] = [check for check in run.checks if check.name == "Table layout"]
    assert "partitioned by game_date" in layout.summary
