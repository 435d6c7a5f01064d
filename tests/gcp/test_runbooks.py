"""All runbooks on the Google platform: the demo's story, and the verdicts that it expects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from lib.consolidation.staging import staging_backlog
from lib.consolidation.upkeep.duplicates import count_duplicates
from lib.embedded.deployment import Deployment
from lib.lock_switch import VARIABLE
from lib.platform import connect
from lib.runbooks.catalogue import find_runbook
from lib.runbooks.execution import execute
from lib.verdict.verdict import Verdict
from lib.words.dates import resolve_game_date
from rehearsal.acts import Acts
from rehearsal.demo import Act, story
from tests.gcp.bigquery.double import BigqueryDouble
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
        yield GoogleActs(platform, today, 0, stack, google, Acts(embedded, today, 0, stack), url)


def forget_documents(firestore: str) -> None:
    """The emulator may be one that other sessions use as well."""
    documents = f"http://{firestore}/emulator/v1/projects/{PROJECT}/databases/(default)/documents"
    with urlopen(Request(documents, method="DELETE")):
        pass


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
