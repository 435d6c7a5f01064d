"""A wait for the lock that came near its limit is seen before one gives up, with the batch that it waited for."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from lib.embedded.logs import append_entries
from lib.environment.lock import LockSettings
from lib.operations.locks.waits import lock_waits
from lib.operations.scope import scope_of
from lib.platform import Platform
from lib.ports.logs import LogEntry
from lib.verdict.check import Check
from lib.verdict.verdict import Verdict
from rehearsal.history import PastConsolidation, append_past

DAY = date(2026, 1, 17)
NIGHT = datetime(2026, 1, 18, 4, tzinfo=UTC)
COORDINATOR = "prediction-coordinator"


def the_check(platform: Platform) -> Check:
    """As the notebook asks it, an hour after the night."""
    (check,) = lock_waits(scope_of(platform, date=str(DAY), now=NIGHT + timedelta(hours=1))).checks
    return check


def consolidated(platform: Platform, batch: str, *, since: float = 0, waited: float = 0, merge: float = 8) -> None:
    """All lines of a consolidation that began that many seconds into the night; each batch has its own instance."""
    begun = NIGHT + timedelta(seconds=since)
    append_past(platform, [PastConsolidation(batch, DAY, begun, 587, 15, merge, 0.5, 0.5, waited)])


def log(home: Path, messages: Sequence[str], instance: str = "i-1") -> None:
    """One line a second, from the begin of the night on."""
    lines = [LogEntry(NIGHT + timedelta(seconds=n), text, COORDINATOR, instance) for n, text in enumerate(messages)]
    append_entries(home, COORDINATOR, lines)


@pytest.mark.parametrize(
    ("waited", "limit", "verdict", "summary"),
    [
        (30, 300, Verdict.PASS, "longest wait 30.0 s, 10.0% of the limit of 5 min 0 s"),
        (149, 300, Verdict.PASS, "longest wait 2 min 29 s, 49.7% of the limit of 5 min 0 s"),
        (151, 300, Verdict.WARN, "second waited 2 min 31 s for first, 50.3% of the limit of 5 min 0 s"),
        (151, 600, Verdict.PASS, "longest wait 2 min 31 s, 25.2% of the limit of 10 min 0 s"),
    ],
)
def test_a_wait_above_half_of_the_limit_is_named_with_its_holder(
    platform: Platform, waited: float, limit: float, verdict: Verdict, summary: str
) -> None:
    consolidated(platform, "earlier", since=-600)
    consolidated(platform, "first", merge=waited)
    consolidated(platform, "second", since=1, waited=waited)
    lock = LockSettings(max_wait_seconds=limit)
    check = the_check(replace(platform, environment=replace(platform.environment, lock=lock)))
    assert (check.verdict, check.summary) == (verdict, summary)
    assert check.evidence["waits"] == 3
    if verdict is Verdict.WARN:
        assert check.next_step.endswith(f"runbook run consolidation_timeout -p batch=first -p date={DAY}")


def test_one_that_gave_up_asks_whether_its_holder_still_has_the_lock(platform: Platform, home: Path) -> None:
    failed = "is held by batch=first on host:1 until 2026-01-18 04:05:00 UTC (waited 300.2s)"
    asked = f"🔒 Acquiring consolidation lock for game_date={DAY}, batch=second"
    log(home, [asked, f"❌ Lock acquisition failed: Cannot acquire consolidation lock: x {failed} (batch=second)"])
    check = the_check(platform)
    assert check.verdict is Verdict.WARN
    assert check.summary == "second waited 5 min 0 s, 100.1% of the limit of 5 min 0 s, and gave up"
    assert failed[:40] in str(check.evidence["logged while waiting"])
    assert check.next_step.endswith("runbook run stuck_lock_release")


def test_a_holder_that_no_line_shows_is_not_guessed(platform: Platform) -> None:
    consolidated(platform, "released before", since=-60)
    consolidated(platform, "second", waited=200)
    check = the_check(platform)
    assert check.summary == "second waited 3 min 20 s, 66.7% of the limit of 5 min 0 s"
    assert check.next_step.endswith(f"runbook run consolidation_timeout -p date={DAY}")


def test_where_none_may_wait_none_comes_near_the_limit(platform: Platform) -> None:
    consolidated(platform, "first")
    lock = LockSettings(max_wait_seconds=0)
    check = the_check(replace(platform, environment=replace(platform.environment, lock=lock)))
    assert (check.verdict, check.summary) == (Verdict.PASS, "longest wait 5 ms, with a limit of 0: each tries once")


@pytest.mark.parametrize(
    ("messages", "summary"),
    [
        ([], "no consolidation was logged"),
        ([f"🔒 Acquiring consolidation lock for game_date={DAY}, batch=b1"], "1 consolidation logged"),
    ],
)
def test_a_wait_that_no_line_shows_is_unknown(
    platform: Platform, home: Path, messages: list[str], summary: str
) -> None:
    log(home, messages)
    check = the_check(platform)
    assert (check.verdict, summary in check.summary) == (Verdict.UNKNOWN, True), check.summary


def test_merges_that_never_asked_for_the_lock_are_left_to_the_check_of_acquisitions(
    platform: Platform, home: Path
) -> None:
    log(home, ["🔄 Executing MERGE for batch=b1 with 15 staging tables"])
    assert lock_waits(scope_of(platform, date=str(DAY), now=NIGHT + timedelta(hours=1))).checks == ()
