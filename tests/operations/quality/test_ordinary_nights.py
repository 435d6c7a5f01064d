"""The daily check on thirty nights with ordinary noise: no false alarm, and no missed incident.

Over twelve seeds, 360 nights, two warn: of volume, and one of them of NULLs too, both on slates of one game.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from lib.operations.quality.night import Night, night_of
from lib.operations.scope import scope_of
from lib.operations.sources.completeness import completeness
from lib.operations.sources.values_by_source import values_by_source
from lib.platform import Platform
from lib.verdict.section import Section
from lib.verdict.verdict import Verdict
from tests.operations.quality.ordinary_nights import ADDED, DATES, SWITCHED_OFF, WITHOUT_GAMES, fill
from tests.operations.quality.test_quality import NAME, STEPS, connected, execute

SEED = 2
NIGHTS = [day for day in DATES[-31:] if day not in WITHOUT_GAMES]
REPORTED_ONCE = (SWITCHED_OFF, "completeness", Verdict.WARN)
# On fewer games two points of bias, or no pick OVER, may be chance.
FEWEST_GAMES = 4


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    platform = connected(tmp_path_factory.mktemp("ordinary") / "state")
    fill(platform, seed=SEED)
    with platform.warehouse.session():
        yield platform


def night(platform: Platform, day: date) -> Night:
    now = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1, hours=14)
    return night_of(scope_of(platform, game_date=str(day), now=now), days=28)


def alarms(
    platform: Platform, days: list[date], steps: tuple[Callable[[Night], Section], ...]
) -> dict[tuple[date, str, Verdict], str]:
    found = {}
    for day in days:
        seen = night(platform, day)
        for check in (check for step in steps for check in step(seen).checks if check.verdict is not Verdict.PASS):
            found[day, check.id, check.verdict] = check.summary
    return found


def test_thirty_nights_raise_no_alarm_except_for_the_system_switched_off(platform: Platform) -> None:
    assert len(NIGHTS) == 30
    assert NIGHTS[0] < ADDED < SWITCHED_OFF < NIGHTS[-1]
    assert alarms(platform, NIGHTS, tuple(STEPS)).keys() == {REPORTED_ONCE}


INCIDENTS = {
    "lines two points too high": (
        f"UPDATE {NAME} SET current_points_line = current_points_line + 2 WHERE {{}} AND recommendation <> 'NO_LINE'",
        "bias ",
    ),
    "one system off by two points": (
        f"UPDATE {NAME} SET predicted_points = predicted_points + 2 WHERE {{}} AND system_id = 'ensemble'",
        "bias ",
    ),
    "no pick OVER": (
        f"UPDATE {NAME} SET recommendation = 'UNDER' WHERE {{}} AND recommendation = 'OVER'",
        "share of ",
    ),
    "one value only": (
        f"UPDATE {NAME} SET confidence_score = 0.5 WHERE {{}} AND system_id = 'catboost'",
        "different values of confidence_score 1 (usual ",
    ),
    "a system is missing": (f"DELETE FROM {NAME} WHERE {{}} AND system_id = 'catboost'", "catboost stopped for all"),
}


@pytest.mark.parametrize("incident", INCIDENTS)
def test_an_incident_is_found_on_each_of_these_nights(platform: Platform, incident: str) -> None:
    statement, says = INCIDENTS[incident]
    days = [day for day in NIGHTS if games_of(platform, day) >= FEWEST_GAMES and day != SWITCHED_OFF][::2]
    missed = []
    for day in days:
        with changed(platform, day, statement.format(f"game_date = '{day}'")):
            found = alarms(platform, [day], (completeness, values_by_source))
        missed += [(day, found)] if not any(says in summary for summary in found.values()) else []
    assert (len(days) > 5, missed) == (True, [])


def test_failed_dates_do_not_count_as_good(platform: Platform) -> None:
    day = NIGHTS[-1]
    last, first = day - timedelta(days=1), day - timedelta(days=5)
    spoil = (
        f"UPDATE {NAME} SET predicted_points = 400 + predicted_points WHERE game_date BETWEEN '{first}' AND '{last}'"
    )
    with changed(platform, last, spoil, since=first):
        (check,) = values_by_source(night(platform, day)).checks
        few = replace(night(platform, day), days=11)
        (unknown,) = values_by_source(few).checks
    assert (check.verdict, check.evidence["good dates compared with"]) == (Verdict.PASS, 22)
    assert check.evidence["dates left out"][0] == f"{first}: predicted_points, recommendation"  # type: ignore[index]
    assert unknown.verdict is Verdict.UNKNOWN
    assert unknown.summary.startswith("only 6 of the 11 days before are good, with rows (5 others failed)")


def games_of(platform: Platform, day: date) -> int:
    sql = f"SELECT COUNT(DISTINCT game_id) AS games FROM {NAME} WHERE game_date = '{day}'"
    return int(platform.warehouse.query(sql)[0]["games"])


@contextmanager
def changed(platform: Platform, day: date, statement: str, *, since: date | None = None) -> Iterator[None]:
    """Run a statement on the rows of these dates, and restore them afterwards."""
    dates = f"game_date BETWEEN '{since or day}' AND '{day}'"
    execute(platform, f"CREATE TABLE kept AS FROM {NAME} WHERE {dates}")
    try:
        execute(platform, statement)
        yield
    finally:
        execute(platform, f"DELETE FROM {NAME} WHERE {dates}; INSERT INTO {NAME} FROM kept; DROP TABLE kept")
