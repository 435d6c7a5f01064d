"""Incidents in which rows were due but did not come, and ordinary dates on which none were due."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from lib.verdict.verdict import Verdict
from lib.words.dates import days_of
from rehearsal.drills.drill import Look, Scene, incident, ordinary_night
from rehearsal.drills.schedule import games_on, write_schedule
from rehearsal.drills.stage import Stage
from rehearsal.stage import batch_name

_DAYS_OF_HISTORY = 10
_ONE_DAY = timedelta(days=1)
_SCHEDULED_AHEAD = timedelta(days=10)
_OUTAGE_DAYS, _BREAK_DAYS = 3, 6
_OFF_SEASON = (timedelta(days=40), timedelta(days=80))  # since the last game, until the next
_DUE_BY_HOUR = 17.5


@incident(19, "no predictions for three days: the functions called a dead coordinator URL")
def dead_url(stage: Stage) -> Scene:
    """The coordinator is healthy and logs so, but nobody starts a batch although games are scheduled."""
    lost = days_of(stage.today - _OUTAGE_DAYS * _ONE_DAY, stage.today - _ONE_DAY)
    stage.past_dates(_DAYS_OF_HISTORY, before=lost[0])
    write_schedule(stage, _round(stage))
    for day in lost:
        _log(stage, day, time(12))
    says = ("no rows", *(f"{day} ({len(games_on(stage, day))} games due)" for day in lost), "an old URL")
    volume = f"Volume: no rows: {len(games_on(stage, lost[0]))} games due"
    return Scene(
        [
            Look(
                "day1_monitoring", Verdict.FAIL, ("Rows that were due", f"no rows for {lost[0]}", *says), _on(lost[-1])
            ),
            Look("daily_quality", Verdict.FAIL, ("no rows for 3 days", *says), _on(lost[-1])),
            Look("daily_quality", Verdict.FAIL, (volume,), _on(lost[0])),
        ],
        now=_at(stage, stage.today, time(0, 30)),
    )


@incident(22, "all rows under tomorrow's date")
def tomorrows_date(stage: Stage) -> Scene:
    """Late in the evening `date.today()` is tomorrow in UTC, and the whole night goes there."""
    stage.past_dates(_DAYS_OF_HISTORY)
    tomorrow = stage.today + _ONE_DAY
    write_schedule(stage, _round(stage))
    result = stage.clean_night(tomorrow)
    says = (
        f"{len(games_on(stage, stage.today))} games due",
        f"{result.inserted:,} rows are under the next date, which has not begun",
        "date.today() in UTC",
    )
    return Scene(
        [Look(runbook, Verdict.FAIL, says, stage.of_today) for runbook in ("day1_monitoring", "daily_quality")],
        now=_at(stage, stage.today, time(23, 30)),
    )


@incident(23, "/start killed after 540 s, silently: no batch")
def start_killed(stage: Stage) -> Scene:
    """The request that should start the batch dies silently; its rows are late before the date ends."""
    stage.past_dates(_DAYS_OF_HISTORY)
    write_schedule(stage, _round(stage), by_hour=_DUE_BY_HOUR)
    _log(stage, stage.today, time(11), f"POST /start for {stage.today}: loading players")
    says = ("no rows", f"{len(games_on(stage, stage.today))} games due", "what its /start did")
    return Scene(
        [Look(runbook, Verdict.FAIL, says, stage.of_today) for runbook in ("day1_monitoring", "daily_quality")],
        now=_at(stage, stage.today, time(20)),
    )


@incident(32, "no season: half of the year every run is UNKNOWN")
def off_season(stage: Stage) -> Scene:
    """No rows and no log lines for weeks; the calendar says when the season starts again."""
    from lib.embedded.logs import log_path

    last, first = stage.today - _OFF_SEASON[0], stage.today + _OFF_SEASON[1]
    stage.past_dates(_DAYS_OF_HISTORY, before=last + _ONE_DAY)
    seasons = [{"first": last - 200 * _ONE_DAY, "last": last}, {"first": first, "last": first + 200 * _ONE_DAY}]
    write_schedule(stage, days_of(last - _DAYS_OF_HISTORY * _ONE_DAY, last), calendar={"seasons": seasons})
    stage.deploy()
    log_path(stage.home, stage.worker).unlink()
    says = (f"off-season, the season starts again on {first}",)
    looks = [Look(name, Verdict.PASS, says, stage.of_today) for name in ("day1_monitoring", "daily_quality")]
    quiet = [Look(name, Verdict.PASS, (), stage.of_today) for name in ("duplicate_diagnosis", "deploy_verify")]
    return Scene([*looks, *quiet])


@ordinary_night("a date without games in the schedule; the coordinator logs nothing about it")
def scheduled_off_day(stage: Stage) -> Scene:
    stage.past_dates(_DAYS_OF_HISTORY)
    write_schedule(stage, [day for day in _round(stage) if day != stage.today])
    _log(stage, stage.today, time(9))
    following = stage.today + _ONE_DAY
    return _quiet(stage, f"no games scheduled, the next ones are on {following}", _at(stage, stage.today, time(23)))


@ordinary_night("the fourth day of the All-Star break")
def all_star_break(stage: Stage) -> Scene:
    pause = days_of(stage.today - 3 * _ONE_DAY, stage.today + (_BREAK_DAYS - 4) * _ONE_DAY)
    stage.past_dates(_DAYS_OF_HISTORY, before=pause[0])
    season = {"first": stage.today - 100 * _ONE_DAY, "last": stage.today + 100 * _ONE_DAY}
    named = {"name": "All-Star break", "first": pause[0], "last": pause[-1]}
    calendar = {"seasons": [season], "breaks": [named]}
    write_schedule(stage, [day for day in _round(stage) if day not in pause], calendar=calendar)
    return _quiet(stage, f"All-Star break until {pause[-1]}", _at(stage, stage.today, time(20)))


@ordinary_night("all games of the date postponed")
def all_postponed(stage: Stage) -> Scene:
    stage.past_dates(_DAYS_OF_HISTORY)
    write_schedule(stage, _round(stage), postponed=[stage.today])
    _log(stage, stage.today, time(9))
    return _quiet(stage, "the schedule lists the date, but no games that are due", _at(stage, stage.today, time(23)))


@ordinary_night("a backfill of an old date, and the usual batch of today")
def old_date_backfilled(stage: Stage) -> Scene:
    stage.past_dates(_DAYS_OF_HISTORY)
    write_schedule(stage, _round(stage))
    old = stage.today - 2 * _DAYS_OF_HISTORY * _ONE_DAY
    batch = batch_name("batch", old, reason="backfill")
    stage.stage(batch, stage.slate(old).predict(batch, generated_at=datetime.now(UTC)))
    stage.consolidate(batch, old)
    stage.clean_night()
    return Scene([Look(name, Verdict.PASS, (), stage.of_today) for name in ("day1_monitoring", "daily_quality")])


@ordinary_night("the second day of a season: only what can be judged is judged")
def first_days(stage: Stage) -> Scene:
    stage.past_dates(1)
    write_schedule(stage, days_of(stage.today - _ONE_DAY, stage.today + _SCHEDULED_AHEAD))
    stage.clean_night()
    games = len(games_on(stage, stage.today))
    enough = (f"of {games} games", "as many as were due", "only 1 of the 28 days before has rows")
    return Scene(
        [
            Look("day1_monitoring", Verdict.PASS, (), stage.of_today),
            Look("daily_quality", Verdict.UNKNOWN, enough, stage.of_today),
        ]
    )


def _quiet(stage: Stage, why: str, now: datetime) -> Scene:
    looks = [Look("day1_monitoring", Verdict.PASS, (), stage.of_today)]
    return Scene([*looks, Look("daily_quality", Verdict.PASS, (why,), stage.of_today)], now=now)


def _round(stage: Stage) -> list[date]:
    """The dates in the schedule: earlier ones with rows, and some ahead."""
    return days_of(stage.today - 3 * _DAYS_OF_HISTORY * _ONE_DAY, stage.today + _SCHEDULED_AHEAD)


def _log(stage: Stage, day: date, at: time, line: str = "Health check OK") -> None:
    zone = ZoneInfo(stage.platform.environment.timezone)
    stage.log(stage.coordinator, [line], at=datetime.combine(day, at, zone).astimezone(UTC))


def _at(stage: Stage, day: date, at: time) -> datetime:
    """That time of day in the environment's zone, but not before now."""
    zone = ZoneInfo(stage.platform.environment.timezone)
    return max(datetime.combine(day, at, zone).astimezone(UTC), datetime.now(UTC))


def _on(day: date) -> dict[str, str]:
    return {"date": str(day)}
