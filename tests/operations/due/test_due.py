"""Were rows due? If it is unknown, the answer is never "no"; a date without rows passes only for a reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.consolidation.upkeep.due_units import DueTable
from lib.embedded.adapters import EmbeddedAdapters
from lib.embedded.logs import append_entries
from lib.environment import Calendar, Days, DueSettings
from lib.operations.due.answer import by_calendar
from lib.operations.due.dates import DueDates
from lib.operations.due.rows_due import rows_due
from lib.operations.duplicate_counts import DuplicateCounts
from lib.operations.duplicates.duplicates import duplicates
from lib.operations.logs.monitoring import consolidations, log_freshness
from lib.operations.scope import scope_of
from lib.platform import Platform
from lib.ports.logs import LogEntry
from lib.verdict.verdict import Verdict
from tests.environments import local
from tests.operations.due.schedule import POSTPONED, PRODUCTION, TABLE, Games, with_due, write

DAY = date(2026, 1, 17)
COORDINATOR = "prediction-coordinator"
NOON, LATE, MORNING_AFTER = (datetime(2026, 1, *at, tzinfo=UTC) for at in ((17, 17), (18, 4), (18, 14)))
SEASONS = (Days(date(2025, 10, 21), date(2026, 6, 21)), Days(date(2026, 10, 20), date(2027, 6, 20)))


def after(days: int) -> date:
    return DAY + timedelta(days=days)


def due_dates(platform: Platform) -> DueDates:
    return DueDates(platform, DAY, DuplicateCounts(platform))


def insert(platform: Platform, *days: date) -> None:
    """A row of each date, past any consolidation."""
    names = "game_id, player_lookup, system_id, game_date, is_active"
    rows = ", ".join(f"('g', 'p', 's', '{day}', TRUE)" for day in days)
    with platform.warehouse.connection() as connection:  # type: ignore[attr-defined]
        connection.execute(f"INSERT INTO {platform.table.table} ({names}) VALUES {rows}")


def log(home: Path, message: str, at: datetime = NOON) -> None:
    append_entries(home, COORDINATOR, [LogEntry(at, message, COORDINATOR)])


@pytest.mark.parametrize("due", [PRODUCTION, TABLE], ids=["query", "table"])
def test_a_schedule_shows_what_is_due_what_is_not_and_what_is_unknown(platform: Platform, due: DueSettings) -> None:
    games: Games = {DAY: [3, 2, 1], after(1): [POSTPONED, 1], after(2): [POSTPONED], after(4): [1]}
    write(platform, games)
    said = {day: str(found) for day, found in due_dates(with_due(platform, due)).between(DAY, after(5)).items()}
    assert said == {
        DAY: "3 games due",
        after(1): "1 game due",
        after(2): "none due: the schedule lists the date, but no games that are due",
        after(3): "none due: no games scheduled, the next ones are on 2026-01-21",
        after(4): "1 game due",
        after(5): "unknown whether any were due: the schedule lists nothing from 2026-01-22 on: it is out of date, "
        "or the season has ended; add the seasons to due.calendar",
    }


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT game_date, 1 FROM {} WHERE game_date BETWEEN @since AND @until", "returned 2026-01-17 twice"),
        ("SELECT game_id, 1 FROM {} WHERE game_date BETWEEN @since AND @until", "must be a DATE and a whole number"),
        ("SELECT game_date, -1 FROM {} WHERE game_date BETWEEN @since AND @until", "must be a DATE and a whole number"),
        ("SELECT day, units FROM {} WHERE game_date BETWEEN @since AND @until", "day"),
        ("SELECT day, units FROM nowhere.here WHERE day BETWEEN @since AND @until", "nowhere"),
    ],
)
def test_a_source_that_cannot_be_read_is_unknown(platform: Platform, query: str, said: str) -> None:
    write(platform, {DAY: [1, 1]})
    due = DueSettings(query=query.format("nba_raw.v_nbac_schedule_latest"))
    insert(platform, *map(after, (-3, -2, -1)))
    scope = scope_of(with_due(platform, due), game_date=str(DAY), now=MORNING_AFTER)
    (check,) = rows_due(scope).checks
    assert check.verdict is Verdict.UNKNOWN
    assert "could not read the schedule" in check.summary
    assert said in check.summary


def test_a_doubleheader_counts_as_the_query_counts_it(platform: Platform) -> None:
    write(platform, {DAY: [1, 1], after(1): [1]})
    by_teams = DueTable("nba_raw.v_nbac_schedule_latest", "game_date", "game_status")
    for table, units in ((by_teams, 1), (DueTable(by_teams.name, "game_date"), 2)):
        assert due_dates(with_due(platform, DueSettings(table=table))).on(DAY).units == units


@pytest.mark.parametrize(
    ("day", "is_due", "why"),
    [
        (date(2026, 6, 20), True, ""),
        (date(2026, 6, 22), False, "off-season, the season starts again on 2026-10-20"),
        (date(2025, 10, 20), False, "off-season, the season starts again on 2025-10-21"),
        (date(2026, 2, 13), False, "All-Star break until 2026-02-18"),
        (date(2026, 2, 18), False, "All-Star break until 2026-02-18"),
        (date(2026, 2, 19), True, ""),
        (date(2026, 1, 18), False, "never on a Sunday"),
        (date(2027, 6, 21), None, "the calendar ends on 2027-06-20; add the next season to due.calendar"),
    ],
)
def test_a_calendar_says_when_rows_are_due_again(day: date, is_due: bool | None, why: str) -> None:
    pause = Days(date(2026, 2, 13), date(2026, 2, 18), "All-Star break")
    calendar = Calendar(SEASONS, (pause,), ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat"))
    found = by_calendar(calendar, day)
    assert (found.is_due, found.why, found.units) == (is_due, why, None)


def test_the_calendar_overrides_the_schedule_and_explains_why_it_ends(platform: Platform) -> None:
    write(platform, {date(2026, 7, 1): [1], date(2027, 6, 20): [1]})
    due = DueSettings(query=PRODUCTION.query, calendar=Calendar(SEASONS))
    dates = due_dates(with_due(platform, due))
    assert str(dates.on(date(2026, 7, 1))) == "none due: off-season, the season starts again on 2026-10-20"
    assert dates.on(date(2027, 6, 20)).units == 1
    assert "add the next season to due.calendar" in dates.on(date(2027, 6, 21)).why


listed = st.dictionaries(st.integers(-20, 20), st.lists(st.sampled_from([1, 3, POSTPONED]), max_size=3), max_size=6)


@pytest.fixture(scope="module")
def scheduled(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """One platform for all examples; each writes its own schedule."""
    environment = local(due=TABLE)
    return Platform(environment, EmbeddedAdapters(tmp_path_factory.mktemp("due"), environment))


@settings(max_examples=40)
@given(games=listed, asked=st.lists(st.integers(-25, 25), min_size=1, max_size=4))
def test_none_are_due_only_where_the_schedule_reaches(
    scheduled: Platform, games: dict[int, list[int]], asked: list[int]
) -> None:
    """In any order, and at any distance."""
    with scheduled.warehouse.session():
        write(scheduled, {after(day): played for day, played in games.items()})
        dates = due_dates(scheduled)
        answers = {day: dates.on(after(day)) for day in asked}
    for day, found in answers.items():
        played = [status for status in games.get(day, ()) if status != POSTPONED]
        assert found.is_due is True or not played
        assert (found.units or 0) == len(played)
        if found.is_due is False:
            assert any(other >= day and games[other] for other in games)


EVERY_DAY: Games = {after(number): [1, 1] for number in range(-30, 5)}
WITHOUT_TODAY: Games = {day: played for day, played in EVERY_DAY.items() if day != DAY}
EARLIER = (-2, -1)


@pytest.mark.parametrize(
    ("games", "rows", "now", "line", "expected"),
    [
        (EVERY_DAY, (*EARLIER, 0), LATE, "", "PASS 3 of 3 dates have rows"),
        (EVERY_DAY, (-3,), MORNING_AFTER, "", "FAIL no rows for 2026-01-15, 2026-01-16, 2026-01-17 (2 games due)"),
        (EVERY_DAY, EARLIER, LATE, "", "WARN no rows for 2026-01-17 (not yet: 2 games due by 2026-01-18 00:00:00 EST)"),
        (EVERY_DAY, (*EARLIER, 1), LATE, "", "FAIL no rows for 2026-01-17 (2 games due, but 1 row is under"),
        (EVERY_DAY, (*EARLIER, 1), MORNING_AFTER, "", "FAIL no rows for 2026-01-17 (2 games due; the next date has 1"),
        (EVERY_DAY, EARLIER, MORNING_AFTER, "No games scheduled", "FAIL no rows for 2026-01-17 (2 games due, but "),
        (EVERY_DAY, EARLIER, NOON, "No games scheduled", "WARN no rows for 2026-01-17 (not yet: 2 games due by "),
        (WITHOUT_TODAY, EARLIER, MORNING_AFTER, "", "PASS 2 of 3 dates have rows; none for 2026-01-17 (none due: no"),
        (WITHOUT_TODAY, (*EARLIER, 1), LATE, "", "PASS 2 of 3 dates have rows; none for 2026-01-17 (none due: no"),
        ({after(-1): [1]}, EARLIER, MORNING_AFTER, "No games scheduled", "UNKNOWN no rows for 2026-01-17 (unknown"),
        ({}, EARLIER, MORNING_AFTER, "", "UNKNOWN no rows for 2026-01-17 (unknown whether any were due: the"),
        (None, EARLIER, MORNING_AFTER, "", "UNKNOWN no rows for 2026-01-17 (unknown whether any were due: params/"),
        (None, EARLIER, MORNING_AFTER, "No games scheduled", "PASS 2 of 3 dates have rows; none for 2026-01-17 (pred"),
        (None, EARLIER, MORNING_AFTER, "No players found", "UNKNOWN no rows for 2026-01-17 (unknown"),
        (None, EARLIER, MORNING_AFTER, "No games on 2026-01-15", "UNKNOWN no rows for 2026-01-17 (unknown"),
        (None, (*EARLIER, 1), LATE, "", "WARN no rows for 2026-01-17 (unknown whether any were due: params/"),
        (None, (*EARLIER, -7, -14), LATE, "", "WARN no rows for 2026-01-17 (not yet; 2 of the 4 Saturdays before had"),
        (None, (-1, 0), LATE, "", "PASS 2 of 3 dates have rows; none for 2026-01-15 (before the table's"),
        (None, (-11, -1, 0), LATE, "", "UNKNOWN no rows for 2026-01-15 (unknown whether any were due"),
    ],
)  # fmt: skip
def test_a_date_without_rows_passes_only_for_a_reason(
    platform: Platform, home: Path, games: Games | None, rows: Sequence[int], now: datetime, line: str, expected: str
) -> None:
    insert(platform, *map(after, rows))
    if games is not None:
        write(platform, games)
        platform = with_due(platform, PRODUCTION)
    if line:
        log(home, line)
    (check,) = rows_due(scope_of(platform, game_date=str(DAY), now=now)).checks
    assert f"{check.verdict} {check.summary}".startswith(expected), check.summary


@pytest.mark.parametrize(("by_hour", "expected"), [(11, Verdict.FAIL), (12.5, Verdict.WARN), (36, Verdict.WARN)])
def test_rows_are_late_after_their_hour(platform: Platform, by_hour: float, expected: Verdict) -> None:
    due = DueSettings(calendar=Calendar(SEASONS), by_hour=by_hour)
    insert(platform, *map(after, EARLIER))
    (check,) = rows_due(scope_of(with_due(platform, due), game_date=str(DAY), now=NOON)).checks
    assert (check.verdict, "rows due" in check.summary) == (expected, True)


def steps_without_rows(platform: Platform, **options: Any) -> dict[str, str]:
    """What the steps that read logs report when nothing was consolidated."""
    scope = scope_of(platform, game_date=str(DAY), **options)
    steps = (log_freshness(scope), consolidations(scope), duplicates(scope, DAY, DAY))
    return {check.id: f"{check.verdict} {check.summary}" for step in steps for check in step.checks}


def test_an_off_day_by_the_schedule_explains_logs_without_a_consolidation(platform: Platform, home: Path) -> None:
    insert(platform, after(-1))
    write(platform, WITHOUT_TODAY)
    log(home, "Health check OK")
    seen = steps_without_rows(with_due(platform, PRODUCTION), now=LATE)
    assert {said.split()[0] for said in seen.values()} == {"PASS"}, seen
    assert "none due: no games scheduled, the next ones are on 2026-01-18" in seen["consolidations"]
    next_noon = steps_without_rows(with_due(platform, PRODUCTION), now=MORNING_AFTER)
    assert next_noon["consolidations"].startswith("PASS"), "rows of the day after may still come"


def test_games_that_were_due_override_the_coordinator_s_log_line(platform: Platform, home: Path) -> None:
    write(platform, EVERY_DAY)
    log(home, "No games scheduled")
    seen = steps_without_rows(with_due(platform, PRODUCTION), now=MORNING_AFTER)
    assert "there are no rows of 2026-01-17 (2 games due)" in seen["consolidations"]
    assert {name: said.split()[0] for name, said in seen.items()} == {
        "logs_worker": "UNKNOWN",
        "logs_coordinator": "PASS",
        "consolidations": "UNKNOWN",
        "duplicates": "UNKNOWN",
    }
    without = steps_without_rows(platform, now=MORNING_AFTER)
    assert (without["logs_worker"][:4], without["consolidations"][:4]) == ("PASS", "PASS")


def test_rows_written_without_a_log_line_are_not_an_off_day(platform: Platform, home: Path) -> None:
    write(platform, {after(-1): [1], after(1): [1]} | {DAY: [1]})
    insert(platform, after(-1), DAY)
    log(home, "Health check OK")
    seen = steps_without_rows(with_due(platform, PRODUCTION), now=MORNING_AFTER)
    assert seen["consolidations"].startswith("UNKNOWN")


def test_in_the_off_season_no_service_needs_to_log_anything(platform: Platform) -> None:
    last = Days(date(2025, 10, 1), after(-40))
    following = Days(after(80), after(200))
    due = DueSettings(query=PRODUCTION.query, calendar=Calendar((last, following)))
    seen = steps_without_rows(with_due(platform, due), now=LATE)
    assert {said.split()[0] for said in seen.values()} == {"PASS"}, seen
    assert all("off-season, the season starts again on 2026-04-07" in said for said in seen.values())
    weekdays = DueSettings(calendar=Calendar(weekdays=("Mon",)))
    assert steps_without_rows(with_due(platform, weekdays), now=LATE)["logs_coordinator"].startswith("UNKNOWN")
