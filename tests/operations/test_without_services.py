"""An environment that names no services: checks that need them are skipped and do not affect the verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.consolidation.result import ConsolidationStatus
from lib.environment import ServiceNames
from lib.locking.switch import VARIABLE
from lib.operations.changes.lock_switch import lock_switch
from lib.operations.changes.plan import Approval
from lib.operations.criteria.criteria import evaluate
from lib.operations.deployment.commits import deployed_commits
from lib.operations.deployment.first_consolidation import first_consolidation
from lib.operations.deployment.services import firestore_access, revisions
from lib.operations.due.rows_due import rows_due
from lib.operations.duplicates.duplicates import duplicates
from lib.operations.locks.acquisitions import lock_activity
from lib.operations.locks.waits import lock_waits
from lib.operations.logs.monitoring import consolidations, errors, log_freshness
from lib.operations.quality.night import night_of
from lib.operations.quality.volume import volume
from lib.operations.rollback import rollback_advice
from lib.operations.scope import Scope, scope_of
from lib.operations.staging.writes import staging_writes
from lib.operations.timeout.surroundings import round_trips
from lib.platform import Platform
from lib.verdict.section import Section
from lib.verdict.verdict import Verdict
from tests.consolidation.world import DAY, predictions

NOT_ASKED = (
    *(log_freshness, consolidations, lock_activity, lock_waits, errors, staging_writes, first_consolidation),
    *(revisions, firestore_access),
)


@pytest.fixture
def scope(platform: Platform) -> Scope:
    environment = replace(platform.environment, services=ServiceNames())
    return scope_of(replace(platform, environment=environment), date=str(DAY))


def verdicts(found: Section) -> dict[str, Verdict]:
    return {check.id: check.verdict for check in found.checks}


def test_checks_that_need_services_are_skipped(scope: Scope) -> None:
    for step in NOT_ASKED:
        found = step(scope)
        assert found.checks == (), step
        assert "names no services" in str(found.exhibits[0].rows), step
    for unapproved in (lock_switch, rollback_advice):
        assert unapproved(scope, Approval("lock", "", "", "")).checks == ()
    assert deployed_commits(scope).checks == ()
    assert scope.findings.conclude().checks == ()


def test_rows_are_judged_without_them(scope: Scope) -> None:
    platform = scope.platform
    assert verdicts(rows_due(scope)) == {"rows_due": Verdict.UNKNOWN}  # no rows, and not known whether any were due
    assert verdicts(volume(night_of(scope, days=7))) == {"volume": Verdict.UNKNOWN}
    platform.staging_writer().write_batch(predictions(3), batch_id="b", workers=1, game_date=DAY)
    result = platform.consolidator().consolidate_batch(batch_id="b", game_date=DAY)
    assert result.status == ConsolidationStatus.CONSOLIDATED
    later = scope_of(platform, date=str(DAY))
    assert verdicts(duplicates(later, DAY, DAY, history=later.history)) == {"duplicates": Verdict.PASS}
    assert verdicts(rows_due(later)) == {"rows_due": Verdict.PASS}
    for kind in ("success", "rollback"):
        assert verdicts(evaluate(later, kind)) == {f"{kind}_criteria": Verdict.PASS}
    assert Verdict.UNKNOWN not in verdicts(round_trips(later)).values()


def test_a_process_uses_its_own_lock_switch(scope: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "off")
    scope.platform.staging_writer().write_batch(predictions(1), batch_id="b", workers=1, game_date=DAY)
    assert not scope.platform.consolidator().consolidate_batch(batch_id="b", game_date=DAY).locked
