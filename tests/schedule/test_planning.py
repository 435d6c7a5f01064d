"""Each planned time has exactly one outcome, whichever scheduler checks, when and how often, in virtual time."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.archive.archive import Archive
from lib.archive.record import utc_now
from lib.schedule.cron import Cron
from lib.schedule.due import forget_old, look
from lib.schedule.firing import Runner
from lib.schedule.firing_record import Attempt, Occurrence, State
from lib.schedule.firings import Ledger
from lib.schedule.planning import Firing, next_times, past_times
from lib.schedule.settings import Entry
from lib.verdict.verdict import Verdict

NEW_YORK = "America/New_York"
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
HOURLY = Entry("hourly", "day1_monitoring", "0 * * * *", NEW_YORK, "local")
CRONS = st.sampled_from(
    ["0 * * * *", "*/20 * * * *", "30 1 * * *", "30 2 * * *", "0 9 * * 1", "15 2,3 * * 0", "0 */2 * * *", "5 0 1 * *"]
)
# Around both daylight saving changes in New York and London, and a quiet week.
DAYS = st.sampled_from(["2026-03-06", "2026-03-27", "2026-10-23", "2026-10-30", "2026-06-01"])
ZONES = st.sampled_from([NEW_YORK, "Europe/London", "Asia/Kathmandu", "UTC"])


def moment(text: str, zone: str = NEW_YORK) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


class Virtual:
    """A scheduler whose runs end at once, and whose clock can be set."""

    def __init__(self, archive: Archive, *entries: Entry) -> None:
        self.archive, self.entries = archive, entries
        self.ledger = Ledger(archive.store)
        self.fired: list[tuple[str, datetime]] = []

    def wake(self, now: datetime, exit_code: int = 0) -> None:
        for firing in look(self.entries, self.archive, self.ledger, now):
            self._fire(firing, now, exit_code)

    def _fire(self, firing: Firing, now: datetime, exit_code: int) -> None:
        claimed = Occurrence.of(firing.entry, firing.planned_at, State.CLAIMED, now)
        if self.ledger.claim(claimed):
            self.fired.append((firing.entry.name, firing.planned_at))
            self.ledger.write(claimed.ended(State.ENDED, now, attempts=(Attempt("", exit_code, Verdict.PASS, ""),)))

    def state(self, entry: Entry, planned_at: datetime) -> tuple[State, str]:
        occurrence = self.ledger.read(entry, planned_at)
        return occurrence.state, occurrence.reason


def in_memory() -> Archive:
    return Archive(f"memory://{uuid4().hex}")


@given(CRONS, ZONES, DAYS, st.integers(1, 200))
def test_cron_gives_the_same_times_forwards_and_backwards(cron: str, zone: str, day: str, hours: int) -> None:
    times = Cron(cron, zone)
    start = moment(day, zone)
    end = start + hours * HOUR
    forth = list(takewhile(lambda time: time <= end, times.after(start)))
    back = list(takewhile(lambda time: time > start, times.until(end)))
    assert forth == back[::-1]
    assert forth == sorted(set(forth))


def test_daylight_saving_changes() -> None:
    def times(cron: str, day: str) -> list[str]:
        start = moment(day)
        found = takewhile(lambda time: time < start + 24 * HOUR, Cron(cron, NEW_YORK).after(start - SECOND))
        return [f"{time.astimezone(ZoneInfo(NEW_YORK)):%H:%M %Z}" for time in found]

    assert times("30 2 * * *", "2026-03-08") == ["03:00 EDT"]  # 02:30 is skipped
    assert times("30 1 * * *", "2026-11-01") == ["01:30 EDT"]  # 01:30 occurs twice
    assert len(times("0 * * * *", "2026-03-08")) == 24
    assert times("0 * * * *", "2026-11-01")[:4] == ["00:00 EDT", "01:00 EDT", "01:00 EST", "02:00 EST"]


@settings(max_examples=60)
@given(
    cron=CRONS,
    zone=ZONES,
    day=DAYS,
    catch_up_seconds=st.sampled_from([60, 3600, 86_400]),
    wakes=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 30 * 3600)), min_size=1, max_size=40),
)
def test_each_planned_time_has_one_outcome(
    cron: str, zone: str, day: str, catch_up_seconds: int, wakes: list[tuple[int, int]]
) -> None:
    entry = Entry("some", "day1_monitoring", cron, zone, "local", catch_up_seconds=catch_up_seconds)
    archive = in_memory()
    schedulers = [Virtual(archive, entry) for _ in range(3)]
    now = first = moment(day, zone)
    schedulers[0].wake(now)
    since = Ledger(archive.store).since(entry)
    assert since is not None
    assert since <= first
    for which, seconds in wakes:
        now += seconds * SECOND
        schedulers[which].wake(now)
        ledger = Ledger(archive.store)
        assert set(past_times(entry, since, now)) <= set(ledger.planned_times(entry))  # none is left open
    fired = [planned_at for scheduler in schedulers for _, planned_at in scheduler.fired]
    assert len(fired) == len(set(fired))
    for planned_at in ledger.planned_times(entry):
        occurrence = ledger.read(entry, planned_at)
        assert (occurrence.state is State.ENDED) == (planned_at in fired)
        assert planned_at > since
        if planned_at in fired:
            assert occurrence.recorded_at - planned_at <= timedelta(seconds=catch_up_seconds)
        if occurrence.state is State.COALESCED:
            # The time that replaced it ran, or could have run, at the same check.
            later = [other for other in fired if other > planned_at]
            assert later
            assert ledger.read(entry, min(later)).recorded_at >= occurrence.recorded_at


@settings(max_examples=20)
@given(
    cron=st.sampled_from(["30 1 * * *", "0 */8 * * *"]),
    starts=st.lists(st.tuples(st.integers(0, 16 * 3600), st.booleans()), min_size=3, max_size=8),
    days_ahead=st.sampled_from([30, 100, 400]),
)
def test_a_clock_that_is_sometimes_ahead_runs_nothing_twice(
    cron: str, starts: list[tuple[int, bool]], days_ahead: int
) -> None:
    """Only one clock: with two that differ by more than records are kept, a time may run twice."""
    entry = replace(HOURLY, cron=cron, catch_up_seconds=86_400)
    now, archive = moment("2026-06-01T09:00"), in_memory()
    fired = []
    for seconds, is_ahead in starts:
        now += seconds * SECOND
        scheduler = Virtual(archive, entry)
        clock = now + is_ahead * days_ahead * 24 * HOUR
        forget_old([entry], scheduler.ledger, clock)
        scheduler.wake(clock)
        fired += scheduler.fired
    assert len(fired) == len(set(fired))


@pytest.mark.parametrize("starts", [1, 2])
def test_effects_of_a_clock_that_is_ahead_do_not_last(tmp_path: Path, starts: int) -> None:
    entries = [replace(HOURLY, name=name, on_failure="pause") for name in ("failed", "fine", "orphaned")]
    scheduler = Virtual(Archive(tmp_path), *entries)
    failed, fine, orphaned = entries
    scheduler.wake(moment("2026-01-17T09:00"))
    Virtual(scheduler.archive, failed).wake(moment("2026-01-17T10:00"), exit_code=1)
    Virtual(scheduler.archive, fine).wake(moment("2026-01-17T10:00"))
    new = replace(HOURLY, name="new")
    for hour in range(starts):
        ahead = moment("2026-04-27T10:00") + hour * HOUR
        forget_old(entries, scheduler.ledger, ahead)
        Virtual(scheduler.archive, failed, fine, new).wake(ahead, exit_code=1)
    scheduler = Virtual(scheduler.archive, *entries, new)
    lost = Occurrence.of(orphaned, moment("2026-01-17T10:00"), State.CLAIMED, moment("2026-01-17T10:00"))
    assert scheduler.ledger.claim(replace(lost, machine="elsewhere"))
    scheduler.wake(moment("2026-01-17T11:00"))
    assert [time for name, time in scheduler.fired if name == "fine"] == [moment("2026-01-17T11:00")]
    assert not [time for name, time in scheduler.fired if name == "failed"]  # as when the clock was right
    scheduler.wake(moment("2026-01-17T12:00"))
    assert {time for name, time in scheduler.fired if name == "new"} == {moment("2026-01-17T12:00")}
    scheduler.wake(moment("2026-01-17T18:00"))
    assert scheduler.state(orphaned, lost.planned_at)[0] is State.MISSED
    scheduler.ledger.resume(failed, moment("2026-01-17T18:10"))
    scheduler.wake(moment("2026-01-17T19:00"))
    assert ("failed", moment("2026-01-17T19:00")) in scheduler.fired


def test_a_pause_outlasts_the_records(tmp_path: Path) -> None:
    entry = replace(HOURLY, on_failure="pause")
    scheduler = Virtual(Archive(tmp_path), entry)
    scheduler.wake(moment("2026-01-17T09:00"), exit_code=1)
    scheduler.wake(moment("2026-01-17T10:00"))
    later = moment("2026-05-17T09:00")
    scheduler.wake(later)
    forget_old([entry], scheduler.ledger, later)
    assert moment("2026-01-17T10:00") not in scheduler.ledger.planned_times(entry)
    scheduler.wake(later + HOUR)
    assert [time for _, time in scheduler.fired] == [moment("2026-01-17T09:00")]


def test_two_schedulers_for_an_hour_fire_each_once(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    crons = {"hourly": "0 * * * *", "often": "*/5 * * * *", "minutely": "* * * * *"}
    entries = [replace(HOURLY, name=name, cron=cron) for name, cron in crons.items()]
    start = moment("2026-01-17T09:00:30")
    schedulers = [Virtual(archive, *entries) for _ in range(2)]
    minute = threading.Barrier(len(schedulers))

    def live(scheduler: Virtual) -> None:
        for seconds in range(0, 3600, 30):
            minute.wait()
            scheduler.wake(start + seconds * SECOND)

    with ThreadPoolExecutor(len(schedulers)) as pool:
        list(pool.map(live, schedulers))
    fired = Counter(firing for scheduler in schedulers for firing in scheduler.fired)
    expected = {
        (entry.name, time)
        for entry in entries
        for time in takewhile(lambda time: time < start + HOUR, next_times(entry, start - 60 * SECOND))
    }
    assert fired == Counter(expected)


def test_after_downtime_the_newest_time_replaces_the_others(tmp_path: Path) -> None:
    entry = replace(HOURLY, catch_up_seconds=2 * 3600)
    scheduler = Virtual(Archive(tmp_path), entry)
    scheduler.wake(moment("2026-01-17T09:00:01"))
    scheduler.wake(moment("2026-01-17T14:10:00"))
    assert [f"{time.astimezone(ZoneInfo(NEW_YORK)):%H}" for _, time in scheduler.fired] == ["09", "14"]
    assert {hour: scheduler.state(entry, moment(f"2026-01-17T{hour}:00")) for hour in (10, 12, 13)} == {
        10: (State.MISSED, "no scheduler was running"),
        12: (State.MISSED, "no scheduler was running"),
        13: (State.COALESCED, "late: replaced by the run at 2026-01-17 19:00 UTC"),
    }


def test_a_failure_pauses_the_entry_until_resumed(tmp_path: Path) -> None:
    entry = replace(HOURLY, on_failure="pause")
    scheduler = Virtual(Archive(tmp_path), entry)
    scheduler.wake(moment("2026-01-17T09:00"), exit_code=1)
    scheduler.wake(moment("2026-01-17T10:00"))
    scheduler.wake(moment("2026-01-17T11:00"))
    assert [time for _, time in scheduler.fired] == [moment("2026-01-17T09:00")]
    state, reason = scheduler.state(entry, moment("2026-01-17T11:00"))
    assert state is State.SKIPPED
    assert reason.startswith("paused since its run at 2026-01-17 14:00 UTC")
    assert reason.endswith("runbook schedule resume hourly")

    edited = Virtual(scheduler.archive, replace(entry, cron="30 * * * *"))
    edited.wake(moment("2026-01-17T11:30"))
    assert edited.fired == []

    scheduler.ledger.resume(entry, moment("2026-01-17T11:30"))
    scheduler.wake(moment("2026-01-17T12:00"))
    assert scheduler.fired[-1] == ("hourly", moment("2026-01-17T12:00"))


def test_a_run_that_waited_is_not_started_too_late_or_while_paused(tmp_path: Path) -> None:
    entry = replace(HOURLY, on_failure="pause")
    runner = Runner(Archive(tmp_path))
    too_late = Firing(entry, utc_now() - 2 * HOUR)
    assert runner.fire(too_late) is None
    failed = Occurrence.of(entry, utc_now() - HOUR, State.CLAIMED, utc_now())
    assert runner.ledger.claim(failed.ended(State.ENDED, utc_now(), attempts=(Attempt("", 1, Verdict.FAIL, ""),)))
    assert runner.fire(Firing(entry, utc_now())) is None
    assert runner.ledger.planned_times(entry) == [failed.planned_at.replace(microsecond=0)]


def test_entries_of_two_environments_are_independent(tmp_path: Path) -> None:
    entries = [HOURLY, replace(HOURLY, environment="production")]
    schedulers = [Virtual(Archive(tmp_path), entry) for entry in entries]
    for hour in ("09:00", "10:00"):
        for scheduler in schedulers:
            scheduler.wake(moment(f"2026-01-17T{hour}"))
    assert [len(scheduler.fired) for scheduler in schedulers] == [2, 2]


def test_records_are_kept_for_a_while(tmp_path: Path) -> None:
    scheduler = Virtual(Archive(tmp_path), HOURLY)
    scheduler.wake(moment("2026-01-17T09:00"))
    scheduler.wake(moment("2026-04-20T09:00"))
    forget_old([HOURLY], scheduler.ledger, moment("2027-04-20T09:00"))  # whatever the clock shows
    assert min(scheduler.ledger.planned_times(HOURLY)) > moment("2026-04-01T00:00")
    assert len(scheduler.ledger.planned_times(HOURLY)) > 100
    scheduler.wake(moment("2026-04-20T09:30"))
    assert len(scheduler.fired) == 2
