"""Each state of a lock is distinguished from the others, and only the named lock is released."""

import socket
import sqlite3
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from lib.consolidation.ledger import ledger_runs
from lib.embedded.duckdb_warehouse import DuckdbWarehouse
from lib.embedded.job_marks import marked
from lib.embedded.logs import append_entries, log_path
from lib.errors import UserError
from lib.locking import Claim, LeaseStillLive, LockRecord, NothingToRelease
from lib.operations.changes.lock_release import checked_release, release_lock
from lib.operations.locks.state import LockReport, LockState
from lib.operations.locks.stuck import lock_states, look_at_locks
from lib.operations.scope import scope_of
from lib.platform import Platform
from lib.ports.logs import LogEntry
from lib.verdict.section import Section
from lib.verdict.verdict import Verdict
from tests.verdict.command_kinds import changes_something

DAY = date(2026, 1, 17)
SERVICE = "prediction-coordinator"
HOST = "coordinator:7"


def hold(platform: Platform, day: date = DAY, *, batch: str = "b1", lease_seconds: float = 300) -> LockRecord:
    claim = Claim(platform.table.lock_key(day), f"holder of {batch}", batch, lease_seconds, HOST)
    record = platform.locks.store.create(claim)
    assert record is not None
    return record


def age(home: Path, seconds: float, *, heartbeat_seconds: float | None = None) -> None:
    """Make the locks that much older, as if so much time had passed."""
    beat = seconds if heartbeat_seconds is None else heartbeat_seconds
    with sqlite3.connect(home / "locks.sqlite") as connection:
        connection.execute(
            "UPDATE consolidation_locks SET acquired_at = acquired_at - ?, renewed_at = renewed_at - ?",
            (int(seconds * 1e6), int(beat * 1e6)),
        )
    connection.close()


def log(home: Path, message: str, seconds_ago: float, instance: str = HOST) -> None:
    at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    append_entries(home, SERVICE, [LogEntry(at, message, SERVICE, instance=instance)])


def released(platform: Platform, release: str, reason: str, *, steal: bool = False) -> Section:
    """Plan a release, then apply the plan."""
    scope = scope_of(platform)
    (planned,) = release_lock(scope, checked_release(platform, release, "", steal)).checks
    plan = str(planned.evidence["plan"])
    return release_lock(scope, checked_release(platform, release, reason, steal, plan))


def the_lock(platform: Platform) -> LockReport:
    (report,) = look_at_locks(platform)
    return report


def verdict(platform: Platform) -> Verdict:
    (check,) = lock_states(scope_of(platform)).checks
    return check.verdict


def test_without_locks_it_passes(platform: Platform) -> None:
    (check,) = lock_states(scope_of(platform)).checks
    assert (check.verdict, check.summary) == (Verdict.PASS, "no lock is held")


def test_a_recent_heartbeat_is_live(platform: Platform, home: Path) -> None:
    hold(platform)
    log(home, "🔄 Executing MERGE for batch=b1 with 15 staging tables", 0)
    report = the_lock(platform)
    assert report.state is LockState.LIVE
    assert report.last_line is not None
    assert verdict(platform) is Verdict.PASS


def test_a_lock_held_for_a_long_time_with_a_recent_heartbeat_is_slow_and_left_alone(
    platform: Platform, home: Path
) -> None:
    hold(platform)
    age(home, 200, heartbeat_seconds=1)
    assert the_lock(platform).state is LockState.SLOW
    (check,) = lock_states(scope_of(platform)).checks
    assert check.verdict is Verdict.WARN
    assert "Leave it" in check.next_step


def test_the_lease_of_a_dead_holder_is_reported_to_expire_by_itself(platform: Platform, home: Path) -> None:
    hold(platform)
    age(home, 200)
    report = the_lock(platform)
    assert report.state is LockState.SLOW
    assert "no recent heartbeat" in report.reason
    assert "by itself" in report.reason


def test_an_expired_lock_of_a_silent_holder_is_stuck_and_comes_with_its_release_command(
    platform: Platform, home: Path
) -> None:
    hold(platform)
    age(home, 3600)
    log(home, "✅ Acquired consolidation lock: consolidation_2026-01-17 (batch=b1, timeout=300s)", 3600)
    report = the_lock(platform)
    assert report.state is LockState.STUCK
    assert report.last_line is not None
    (check,) = lock_states(scope_of(platform)).checks
    assert check.verdict is Verdict.FAIL
    assert "-p release=consolidation_2026-01-17" in check.next_step
    assert len(check.changes) == 1
    # Where a person has to approve it, its plan is shown and stored first.
    asking = Platform(replace(platform.environment, approval="person"), platform.adapters)
    (check,) = lock_states(scope_of(asking)).checks
    assert check.next_step.endswith("runbook run stuck_lock_release -p release=consolidation_2026-01-17")
    assert check.changes == ()


def test_an_expired_lock_whose_holder_still_logs_is_not_stuck(platform: Platform, home: Path) -> None:
    hold(platform)
    age(home, 3600)
    log(home, "✅ MERGE complete: 5 rows affected in 9.0ms (batch=b1)", 1)
    report = the_lock(platform)
    assert report.state is LockState.EXPIRED
    assert "still logging" in report.reason
    assert verdict(platform) is Verdict.WARN


def test_the_line_of_another_batch_or_process_is_not_the_holders(platform: Platform, home: Path) -> None:
    hold(platform)
    age(home, 3600)
    log(home, "🔒 Acquiring consolidation lock for game_date=2026-01-17, batch=b1", 1, instance="other:8")
    log(home, "🔒 Acquiring consolidation lock for game_date=2026-01-18, batch=b10", 1)
    assert the_lock(platform).state is LockState.STUCK


def test_unreadable_logs_make_it_unknown_never_stuck(platform: Platform, home: Path) -> None:
    hold(platform)
    age(home, 3600)
    log_path(home, SERVICE).mkdir(parents=True)
    assert the_lock(platform).state is LockState.EXPIRED
    assert verdict(platform) is Verdict.UNKNOWN


def test_a_holder_that_committed_is_reported_as_not_released(platform: Platform, home: Path) -> None:
    rows = [{"game_id": "g", "player_lookup": "p", "system_id": "s", "current_points_line": 24.5}]
    platform.staging_writer().write(rows, batch_id="b1", worker_id="w", game_date=DAY)
    platform.consolidator().consolidate_batch(batch_id="b1", game_date=DAY)
    (run,) = ledger_runs(platform.warehouse, platform.table)
    claim = Claim(platform.table.lock_key(DAY), run.holder_id, "b1", 300, HOST)
    assert platform.locks.store.create(claim) is not None
    age(home, 3600)
    report = the_lock(platform)
    assert report.committed == run
    assert "the lock was not released" in report.reason


@pytest.mark.parametrize("release", ["2026-01-17", "consolidation_2026-01-17"])
def test_a_stuck_lock_is_released_by_date_or_key_and_recorded(platform: Platform, home: Path, release: str) -> None:
    hold(platform)
    hold(platform, date(2026, 1, 18), batch="b2")
    age(home, 3600)
    (check,) = released(platform, release, "its process is gone").checks
    assert check.verdict is Verdict.PASS
    assert [report.lock_key for report in look_at_locks(platform)] == ["consolidation_2026-01-18"]
    (entry,) = platform.locks.store.audit_entries()
    assert (entry.reason, entry.was_live) == ("its process is gone", False)


def test_a_live_lock_is_not_released_without_steal(platform: Platform) -> None:
    hold(platform)
    with pytest.raises(LeaseStillLive):
        release_lock(scope_of(platform), checked_release(platform, str(DAY), ""))
    assert the_lock(platform).state is LockState.LIVE
    (check,) = released(platform, str(DAY), "gone", steal=True).checks
    assert check.verdict is Verdict.PASS
    assert look_at_locks(platform) == []


def test_a_release_whose_fence_cannot_be_moved_says_that_the_lock_is_gone(platform: Platform, home: Path) -> None:
    hold(platform)
    age(home, 3600)
    (home / "warehouse.duckdb").mkdir()
    (check,) = released(platform, str(DAY), "gone").checks
    assert check.verdict is Verdict.UNKNOWN
    assert "was released and the release was recorded, but its fence was not moved" in check.summary
    assert platform.locks.locks() == []
    assert len(platform.locks.store.audit_entries()) == 1


def test_of_twelve_stale_locks_each_gets_its_own_command(platform: Platform, home: Path) -> None:
    for number in range(12):
        hold(platform, date(2026, 1, 1 + number), batch=f"b{number}")
    age(home, 3600)
    hold(platform, date(2026, 2, 1), batch="alive")
    (check,) = lock_states(scope_of(platform)).checks
    assert len(set(check.changes)) == 12
    assert all("stuck_lock_release" in command and "2026-02-01" not in command for command in check.changes)
    assert [command for command in check.commands if changes_something(command)] == []
    assert "leave the other lock alone" in check.next_step


@pytest.mark.parametrize(
    ("release", "reason", "steal", "complaint"),
    [
        ("2026-01-17", "because", False, "needs plan=DIGEST"),
        ("everything", "because", False, "names no lock"),
        ("2026-02-31", "because", False, "names no lock"),
        ("other_2026-01-17", "because", False, "names no lock"),
        ("", "because", False, "release names nothing"),
        ("", "", True, "names no lock"),
    ],
)
def test_a_release_that_makes_no_sense_is_refused(
    platform: Platform, release: str, reason: str, steal: bool, complaint: str
) -> None:
    with pytest.raises(UserError, match=complaint) as refusal:
        checked_release(platform, release, reason, steal)
    assert "\n" not in str(refusal.value)


def test_nothing_to_release_is_an_error_and_no_release_is_none(platform: Platform) -> None:
    assert release_lock(scope_of(platform), checked_release(platform, "", "", steal=False)).checks == ()
    with pytest.raises(NothingToRelease):
        release_lock(scope_of(platform), checked_release(platform, "2026-01-17", ""))


def test_hosts_are_named_as_the_log_names_instances(platform: Platform) -> None:
    with platform.locks.acquire(game_date=DAY, batch_id="b1"):
        report = the_lock(platform)
    assert report.last_line is not None
    assert report.last_line.instance.startswith(socket.gethostname())


def test_a_lock_with_a_running_job_is_not_stuck(platform: Platform, home: Path) -> None:
    hold(platform)
    age(home, 3600)
    warehouse = platform.warehouse
    assert isinstance(warehouse, DuckdbWarehouse)
    job_id = f"consolidation_b1_{'0' * 32}"
    with marked(warehouse.job_marks, job_id, [platform.table.table.dataset]):
        report = the_lock(platform)
        assert report.state is LockState.EXPIRED
        assert f"its job {job_id} is still pending in the warehouse" in report.reason
    assert the_lock(platform).state is LockState.STUCK
    (warehouse.job_marks / "mark.json").write_text("damaged")
    report = the_lock(platform)
    assert report.state is LockState.EXPIRED  # no fence is known to refuse what such a job would write
    assert "it is not known whether its holder is alive" in report.reason
