"""The daily check: an ordinary night passes, each flaw is named, and a stale table is UNKNOWN."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib import places
from lib.consolidation.identifiers import TableName
from lib.consolidation.ledger import LedgerRun
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.column_rules import ColumnRule
from lib.consolidation.warehouse import Column
from lib.embedded.adapters import EmbeddedAdapters
from lib.embedded.logs import append_entries
from lib.environment import Calendar, Days, DueSettings
from lib.errors import UserError
from lib.operations.duplicates.duplicates import duplicates_of
from lib.operations.freshness.writes import rows_against_ledger, table_freshness, written_at_least
from lib.operations.quality.activity import active_rows, several_active_rows
from lib.operations.quality.night import Night, night_of
from lib.operations.quality.rules import load_rules
from lib.operations.quality.values import null_values, ranges
from lib.operations.quality.volume import volume
from lib.operations.scope import scope_of
from lib.operations.sources.completeness import completeness
from lib.operations.sources.values_by_source import values_by_source
from lib.platform import Platform
from lib.ports.logs import LogEntry
from lib.verdict.check import Check
from lib.verdict.conclusion import conclude
from lib.verdict.section import Section
from lib.verdict.verdict import Verdict
from lib.words.quantities import percent
from tests.consolidation.world import PREDICTIONS
from tests.environments import local
from tests.operations.due.schedule import POSTPONED, PRODUCTION, Games, with_due, write

DAY = date(2026, 1, 17)
MORNING_AFTER = datetime(2026, 1, 18, 14, tzinfo=UTC)
AFTERNOON = datetime(2026, 1, 17, 20, tzinfo=UTC)
GAMES = ("LAL_BOS", "CHI_CLE", "DAL_UTA")
SYSTEMS = ("ensemble", "similarity", "xgboost")
PLAYERS = 8
NAME = PREDICTIONS.table.sql.replace("`", "")
STEPS: Sequence[Callable[[Night], Section]] = (
    table_freshness,
    rows_against_ledger,
    active_rows,
    volume,
    duplicates_of,
    completeness,
    null_values,
    ranges,
    several_active_rows,
    values_by_source,
)


def rows(
    day: date = DAY, *, games: Sequence[str] = GAMES, at: Sequence[float] = (24.5,), generation: str = "a"
) -> list[dict[str, Any]]:
    """A row for each game, player, system and line."""
    made = datetime(day.year, day.month, day.day, 17, tzinfo=UTC)
    return [
        {
            "prediction_id": f"{day}-{game}-{player}-{system}-{line}-{generation}",
            "game_id": f"{day:%Y%m%d}_{game}",
            "player_lookup": f"player{player}",
            "system_id": system,
            "current_points_line": line if player else None,
            "predicted_points": 27.0,
            "confidence_score": 0.7,
            "recommendation": "OVER" if player else "NO_LINE",
            "created_at": made,
            "updated_at": made,
        }
        for game, player, system, line in product(games, range(PLAYERS), SYSTEMS, at)
        if player or line == at[0]
    ]


def consolidate(platform: Platform, written: list[dict[str, Any]], *, batch: str = "batch_1", day: date = DAY) -> None:
    with platform.warehouse.session():
        platform.staging_writer().write(written, batch_id=batch, worker_id="w1", game_date=day)
        platform.consolidator().consolidate_batch(batch_id=batch, game_date=day)


def connected(home: Path) -> Platform:
    environment = local()
    return Platform(environment, EmbeddedAdapters(home, environment))


@pytest.fixture(scope="module")
def past_dates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state after seven ordinary dates; the date itself has no rows yet."""
    home = tmp_path_factory.mktemp("past") / "state"
    platform = connected(home)
    for number in range(1, 8):
        day = DAY - timedelta(days=number)
        consolidate(platform, rows(day), batch=f"batch_{day}", day=day)
    shutil.rmtree(home / "logs")
    return home


@pytest.fixture
def platform(past_dates: Path, home: Path, platform: Platform) -> Platform:
    shutil.copytree(past_dates, home, dirs_exist_ok=True)
    return platform


def execute(platform: Platform, sql: str) -> None:
    """Run a statement as if by hand."""
    with platform.warehouse.connection() as connection:  # type: ignore[attr-defined]
        connection.execute(sql)


def night(platform: Platform, *, games: int | None = None, now: datetime = MORNING_AFTER, day: str = str(DAY)) -> Night:
    return night_of(scope_of(platform, game_date=day, now=now), days=28, units=games)


def checks(seen: Night) -> list[Check]:
    with seen.scope.platform.warehouse.session():
        return [check for step in STEPS for check in step(seen).checks]


def found(seen: Night) -> dict[str, str]:
    """The checks that do not pass, by name."""
    return {check.name: f"{check.verdict} {check.summary}" for check in checks(seen) if check.verdict != Verdict.PASS}


def log(home: Path, message: str, *, service: str = "prediction-coordinator", day: date = DAY) -> None:
    at = datetime(day.year, day.month, day.day, 18, tzinfo=UTC)
    append_entries(home, service, [LogEntry(at, message, service)])


@pytest.mark.parametrize(
    "batches",
    [
        pytest.param([rows()], id="ordinary"),
        pytest.param([rows(games=GAMES[:1])], id="one game"),
        pytest.param([rows(), rows(generation="b")], id="regeneration"),
        pytest.param([rows(), rows(at=[25.0]), rows(at=[25.5])], id="lines that moved"),
        pytest.param([rows(at=[23.0, 23.5, 24.0, 24.5, 25.0, 25.5, 26.0])], id="backfill"),
    ],
)
def test_an_ordinary_night_is_green(platform: Platform, batches: list[list[dict[str, Any]]]) -> None:
    for number, written in enumerate(batches):
        consolidate(platform, written, batch=f"batch_{DAY}_{number}")
    for now in (MORNING_AFTER, datetime(2026, 1, 18, 4, 30, tzinfo=UTC)):
        late = night(platform, now=now, day="today" if now.hour == 4 else "yesterday")
        assert late.game_date == DAY
        assert found(late) == {}
        assert conclude(checks(late)).verdict is Verdict.PASS


def test_superseded_rows_are_fine_next_to_an_active_one(platform: Platform) -> None:
    consolidate(platform, rows())
    execute(platform, f"UPDATE {NAME} SET is_active = FALSE WHERE game_date = '{DAY}'")
    consolidate(platform, rows(generation="b"), batch="regen_1")
    seen = night(platform)
    assert found(seen) == {}
    (active,) = active_rows(seen).checks
    assert active.evidence["inactive rows, share"] == percent(50)


@pytest.mark.parametrize(
    ("older", "expected"),
    [
        ("TRUE", "FAIL 63 of 72 players and systems have several active rows, up to 2: player1 (3 systems), "),
        ("current_points_line <> 24.5", ""),
    ],
)
def test_one_row_stays_active_where_the_table_says_so(platform: Platform, older: str, expected: str) -> None:
    """A line moved; without `supersedes` both rows are fine."""
    spec = replace(platform.table, supersedes=("game_id", "player_lookup", "system_id"))
    superseding = replace(platform, environment=replace(platform.environment, table_spec=spec))
    for batch, line in (("batch_1", 24.5), ("linecheck_1", 25.0)):
        consolidate(platform, rows(at=[line]), batch=batch)
    execute(platform, f"UPDATE {NAME} SET is_active = {older} WHERE {OF_DAY} AND current_points_line IS NOT NULL")
    assert found(night(platform)) == {}
    said = found(night(superseding))
    assert said.keys() == ({"One active row"} if expected else set())
    assert said.get("One active row", "").startswith(expected)


def test_names_of_players_and_systems_are_bounded_lines(platform: Platform) -> None:
    consolidate(platform, rows())
    hostile = "chr(10) || '<b>' || chr(27) || '[31m' || repeat('x', 5000)"
    execute(platform, f"UPDATE {NAME} SET player_lookup = player_lookup || {hostile} WHERE {OF_DAY}")
    execute(platform, f"UPDATE {NAME} SET is_active = FALSE WHERE {OF_DAY} AND system_id <> 'ensemble'")
    execute(platform, f"UPDATE {NAME} SET system_id = system_id || {hostile} WHERE {OF_DAY}")
    summaries = [check.summary for check in checks(night(platform))]
    assert any("player0 <b>xxx" in summary for summary in summaries)
    assert max(map(len, summaries)) < 1_500
    assert [summary for summary in summaries if not summary.isprintable()] == []


OF_DAY = f"game_date = '{DAY}'"
FLAWS = {
    "deleted by hand": (
        f"DELETE FROM {NAME} WHERE {OF_DAY} AND player_lookup = 'player3' AND system_id = 'xgboost'",
        {"Rows against the ledger": "FAIL 3 rows are gone: 72 were written, 69 are left"},
    ),
    "key without system": (
        f"UPDATE {NAME} SET is_active = FALSE WHERE {OF_DAY} AND system_id <> 'ensemble'",
        {
            "Active rows": "FAIL 48 of 72 players and systems (67%) are invisible to readers; 48 rows are inactive",
            "Completeness by game and system": "FAIL no rows of similarity (last ones 2026-01-16 12:00:00 EST); "
            "xgboost (last ones 2026-01-16 12:00:00 EST)",
        },
    ),
    "same rows twice": (
        f"INSERT INTO {NAME} FROM {NAME} WHERE {OF_DAY} AND player_lookup = 'player1'",
        {"Duplicates": f"FAIL 9 duplicate keys of 72 on {DAY}"},
    ),
    "no points": (
        f"UPDATE {NAME} SET predicted_points = NULL WHERE {OF_DAY} AND player_lookup = 'player1'",
        {"NULLs": "FAIL predicted_points: 9 NULLs (12.5%, usually 0.0%)"},
    ),
    "no key": (
        f"UPDATE {NAME} SET player_lookup = NULL WHERE {OF_DAY} AND player_lookup = 'player1' "
        "AND system_id = 'xgboost'",
        {"NULLs": "FAIL player_lookup: 3 NULLs"},
    ),
    "no lines": (
        f"UPDATE {NAME} SET current_points_line = NULL, recommendation = 'NO_LINE' WHERE {OF_DAY}",
        {
            "Values by system": "FAIL share of NO_LINE 100% (usual 12%) of ensemble and all 2 others",
            "NULLs": "WARN current_points_line: 72 NULLs (100.0%, usually 12.5%)",
        },
    ),
    "quarter points": (
        f"UPDATE {NAME} SET current_points_line = 24.25 WHERE {OF_DAY} AND player_lookup = 'player1'",
        {"Ranges": "FAIL current_points_line: 9 not 0 to 100 and a multiple of 0.5"},
    ),
    "impossible points": (
        f"UPDATE {NAME} SET predicted_points = 'nan' WHERE {OF_DAY} AND player_lookup = 'player0'",
        {"Ranges": "FAIL predicted_points: 9 not 0 to 100"},
    ),
    "unknown word": (
        f"UPDATE {NAME} SET recommendation = '<b>over' WHERE {OF_DAY} AND player_lookup = 'player1'",
        {"Ranges": "FAIL recommendation: 9 not one of OVER, UNDER, PASS, NO_LINE"},
    ),
    "contradiction": (
        f"UPDATE {NAME} SET recommendation = 'UNDER' WHERE {OF_DAY} AND player_lookup = 'player1'",
        {"Ranges": "FAIL recommendation: 9 contradict predicted_points and current_points_line"},
    ),
    "other scale": (
        f"UPDATE {NAME} SET confidence_score = 70 WHERE {OF_DAY}",
        {"Scale of confidence_score": "FAIL values go up to 70, on earlier dates to 0.7"},
    ),
    "written long before": (
        f"UPDATE {NAME} SET created_at = created_at - INTERVAL 9 DAY, updated_at = updated_at - INTERVAL 9 DAY "
        f"WHERE {OF_DAY}",
        {"Freshness of the table": f"UNKNOWN stale: rows for {DAY} were last written 8 d 12 h before that date began"},
    ),
    "clock ahead": (
        f"UPDATE {NAME} SET updated_at = updated_at + INTERVAL 9 DAY WHERE {OF_DAY}",
        {"Freshness of the table": "UNKNOWN its newest row is 8 d 3 h in the future"},
    ),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flaw_is_named_by_its_check_and_is_the_headline(platform: Platform, flaw: str) -> None:
    sql, expected = FLAWS[flaw]
    consolidate(platform, rows())
    execute(platform, sql)
    seen = night(platform)
    said = found(seen)
    assert said.keys() == expected.keys()
    assert all(said[name].startswith(text) for name, text in expected.items()), said
    assert conclude(checks(seen)).headline.startswith(next(iter(expected)))


def test_several_flaws_of_one_kind_are_all_kept(platform: Platform) -> None:
    consolidate(platform, rows())
    execute(platform, f"UPDATE {NAME} SET confidence_score = 70, predicted_points = 70 WHERE {OF_DAY}")
    for player, word in ((1, "MAYBE"), (2, "UNDER")):
        execute(
            platform,
            f"UPDATE {NAME} SET recommendation = '{word}' WHERE {OF_DAY} AND player_lookup = 'player{player}'",
        )
    rules = load_rules(places.ROOT / "params" / "quality.yaml")
    columns = [replace(rule, scales=(50, 100)) if rule.column == "predicted_points" else rule for rule in rules.columns]
    values, scales = ranges(replace(night(platform), rules=replace(rules, columns=tuple(columns)))).checks
    assert values.evidence["recommendation: not one of OVER, UNDER, PASS, NO_LINE"] == 9
    assert values.evidence["recommendation: contradict predicted_points and current_points_line"] == 9
    assert (scales.id, scales.name) == ("scales", "Scale of predicted_points, confidence_score")
    assert scales.summary.startswith("predicted_points: values go up to 70, on earlier dates to 27;")


@pytest.mark.parametrize(
    ("is_there", "expected"),
    [
        (
            lambda row: row["system_id"] != "xgboost",
            {
                "Completeness by game and system": "WARN xgboost stopped for all games at once, perhaps switched off; "
                "last rows 2026-01-16 12:00:00 EST"
            },
        ),
        (
            lambda row: row["system_id"] == "ensemble",
            {
                "Completeness by game and system": "FAIL no rows of similarity "
                "(last ones 2026-01-16 12:00:00 EST); xgboost (last ones"
            },
        ),
        (
            lambda row: row["system_id"] != "xgboost" or "CLE" not in row["game_id"],
            {"Completeness by game and system": "FAIL no rows of xgboost in game 20260117_CHI_CLE"},
        ),
        (
            lambda row: (
                row["system_id"] != "xgboost" or "CLE" not in row["game_id"] or row["player_lookup"] < "player3"
            ),
            {
                "Completeness by game and system": "WARN few rows of xgboost in game 20260117_CHI_CLE (3 rows, u",
            },
        ),
        (
            lambda row: row["player_lookup"] < "player5",
            {"Volume": "WARN 45 rows of 3 games by 3 systems: 62% of the usual rows per game and system"},
        ),
        (
            lambda row: row["player_lookup"] < "player3",
            {
                "Volume": "FAIL 27 rows of 3 games by 3 systems: 38% of the usual rows per game and system",
                "Completeness by game and system": "WARN few rows of ensemble in game 20260117_CHI_CLE (3 rows, u",
            },
        ),
    ],
)
def test_missing_rows_are_reported(
    platform: Platform, is_there: Callable[[dict[str, Any]], bool], expected: dict[str, str]
) -> None:
    consolidate(platform, [row for row in rows() if is_there(row)])
    said = found(night(platform))
    assert said.keys() == expected.keys()
    assert all(said[name].startswith(text) for name, text in expected.items()), said


@pytest.mark.parametrize(("systems", "expected"), [(2, ""), (1, "FAIL no rows of similarity (last ones")])
def test_a_stopped_system_is_reported_once_but_half_of_all_systems_always(
    platform: Platform, systems: int, expected: str
) -> None:
    """The second date without them."""
    for day in (DAY - timedelta(days=1), DAY):
        execute(platform, f"DELETE FROM {NAME} WHERE game_date = '{day}'")
        consolidate(platform, [row for row in rows(day) if row["system_id"] in SYSTEMS[:systems]], day=day)
    said = found(night(platform))
    assert said.get("Completeness by game and system", "").startswith(expected)
    assert bool(said) == bool(expected)


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_a_game_that_was_due_but_has_no_rows_is_reported(platform: Platform, is_confirmed: bool) -> None:
    """A confirmed number overrides the schedule."""
    consolidate(platform, rows())

    def seen(games: int, now: datetime = MORNING_AFTER) -> dict[str, str]:
        write(platform, {DAY: [3] * (1 if is_confirmed else games)})
        return found(night(with_due(platform, PRODUCTION), games=games if is_confirmed else None, now=now))

    assert seen(3) == seen(2) == {}
    assert seen(4) == {"Volume": "FAIL 72 rows of 3 games by 3 systems; 4 games due"}
    assert seen(4, AFTERNOON) == {"Volume": "WARN so far 72 rows of 3 games by 3 systems; 4 games due"}
    late = [{**row, "system_id": "late"} for row in rows(games=GAMES[:1])]
    platform.staging_writer().write(late, batch_id=f"batch_{DAY}_2", worker_id="w1", game_date=DAY)
    waits = f"its batches wait in staging: batch_{DAY}_2"
    assert seen(4, AFTERNOON) == {"Volume": f"WARN so far 72 rows of 3 games by 3 systems; 4 games due; {waits}"}


def test_a_schedule_that_does_not_reach_the_date_makes_the_volume_unknown(platform: Platform) -> None:
    """A calendar has no games, so it does not."""
    consolidate(platform, rows())
    write(platform, {DAY - timedelta(days=1): [3]})
    said = found(night(with_due(platform, PRODUCTION)))
    assert said.keys() == {"Volume"}
    assert "100% of the usual rows" in said["Volume"]
    assert f"unknown whether any were due: the schedule lists nothing from {DAY} on" in said["Volume"]
    assert found(night(with_due(platform, DueSettings(calendar=Calendar(weekdays=("Sat",)))))) == {}


def test_rows_that_wait_in_staging_are_not_missing_yet(platform: Platform) -> None:
    consolidate(platform, [row for row in rows() if row["system_id"] != "xgboost"])
    waiting = [row for row in rows() if row["system_id"] == "xgboost"]
    platform.staging_writer().write(waiting, batch_id=f"batch_{DAY}_2", worker_id="w1", game_date=DAY)
    assert found(night(platform, now=AFTERNOON)) == {
        "Completeness by game and system": "WARN so far no rows of xgboost (last ones 2026-01-16 12:00:00 EST); "
        f"its batches wait in staging: batch_{DAY}_2"
    }
    afterwards = found(night(platform))["Completeness by game and system"]
    assert afterwards == "FAIL no rows of xgboost (last ones 2026-01-16 12:00:00 EST)"


def test_rows_without_a_ledger_row_were_written_without_the_fence(platform: Platform) -> None:
    consolidate(platform, rows())
    execute(platform, f"UPDATE {platform.table.ledger} SET day = day - INTERVAL 1 DAY")
    said = found(night(platform))
    assert said == {
        "Rows against the ledger": "WARN 72 rows written without the fence: the ledger has no consolidation of the date"
    }


@pytest.mark.parametrize("games", [{DAY + timedelta(days=1): [1]}, {DAY: [POSTPONED] * 3}], ids=["none", "postponed"])
def test_a_day_without_games_is_no_alarm(platform: Platform, home: Path, games: Games) -> None:
    write(platform, games)
    seen = night(with_due(platform, PRODUCTION))
    assert found(seen) == {}
    assert conclude(checks(seen)).verdict is Verdict.PASS


NOBODY_KNOWS = "UNKNOWN no rows: unknown whether any were due"


@pytest.mark.parametrize(
    ("line", "games", "due", "expected"),
    [
        ("", None, None, "UNKNOWN no rows: prediction-coordinator logged nothing that day"),
        ("", 0, None, ""),
        ("ready", None, None, "WARN no rows: 1 of the 4 Saturdays before had rows"),
        ("ready", 7, None, "FAIL no rows: 7 games due"),
        (f"No games on {DAY}, nothing to do", None, None, ""),
        (f"No players found for {DAY}", None, None, "UNKNOWN no rows: the services logged lines about the date: No"),
        (f"Starting batch for {DAY}", None, None, "UNKNOWN no rows: the services logged lines about the date: S"),
        ("ready", None, {DAY: [1, 2, POSTPONED]}, "FAIL no rows: 2 games due"),
        ("ready", 0, {DAY: [1, 2]}, ""),
        (f"No games on {DAY}", None, {DAY: [1]}, "FAIL no rows: 1 game due, but prediction-coordinator logged: No g"),
        (f"No games on {DAY}", None, {}, f"{NOBODY_KNOWS}: the schedule lists nothing"),
    ],
)  # fmt: skip
def test_no_rows_need_a_reason(
    platform: Platform, home: Path, line: str, games: int | None, due: Games | None, expected: str
) -> None:
    if line:
        log(home, line)
    if due is not None:
        write(platform, due)
        platform = with_due(platform, PRODUCTION)
    said = found(night(platform, games=games))
    assert said.keys() == ({"Volume"} if expected else set())
    assert said.get("Volume", "").startswith(expected), said


def test_without_due_and_earlier_dates_of_the_weekday_it_is_unknown(platform: Platform, home: Path) -> None:
    execute(platform, f"DELETE FROM {NAME} WHERE game_date <= '{DAY - timedelta(days=7)}'")
    log(home, "ready")
    said = found(night(platform))["Volume"]
    assert said == f"{NOBODY_KNOWS}: params/environments/local.yaml has no due: section"


def test_unreadable_logs_do_not_hide_missing_rows(platform: Platform, home: Path) -> None:
    write(platform, {DAY: [1]})
    (home / "logs" / "prediction-coordinator.jsonl").mkdir(parents=True)
    assert found(night(with_due(platform, PRODUCTION))) == {"Volume": "FAIL no rows: 1 game due"}
    assert "could not read the logs" in found(night(platform))["Volume"]


def test_a_night_written_under_the_next_date_is_reported(platform: Platform, home: Path) -> None:
    following = DAY + timedelta(days=1)
    write(platform, {DAY: [1, 1, 1], following: [1]})
    consolidate(platform, rows(following), day=following)
    late = night(with_due(platform, PRODUCTION), now=datetime(2026, 1, 18, 4, tzinfo=UTC))
    assert found(late) == {
        "Volume": "FAIL no rows: 3 games due, but 72 rows are under the next date, which has not begun"
    }


def test_no_rows_though_a_batch_waits_in_staging_is_a_failure(platform: Platform, home: Path) -> None:
    log(home, "ready")
    platform.staging_writer().write(rows(), batch_id=f"batch_{DAY}_1", worker_id="w1", game_date=DAY)
    assert found(night(platform)) == {"Volume": f"FAIL no rows, although batches ran: batch_{DAY}_1"}
    during = night(platform, now=datetime(2026, 1, 18, 1, tzinfo=UTC))
    assert found(during)["Volume"].startswith("WARN no rows: not yet; ")


def test_it_is_reported_when_all_rows_are_gone(platform: Platform) -> None:
    consolidate(platform, rows())
    execute(platform, f"DELETE FROM {NAME} WHERE {OF_DAY}")
    assert found(night(platform)) == {
        "Volume": "FAIL no rows, although batches ran: batch_1",
        "Rows against the ledger": "FAIL 72 rows are gone: 72 were written, 0 are left",
    }


def days_later(platform: Platform, days: int) -> Night:
    """The night this many days after the first one without rows, the morning after."""
    scope = scope_of(platform, game_date=str(DAY + timedelta(days=days)), now=MORNING_AFTER + timedelta(days=days))
    return night_of(scope, days=28)


@pytest.mark.parametrize(("days", "expected"), [(1, "WARN"), (6, "WARN"), (10, "UNKNOWN")])
def test_a_stale_table_does_not_pass(platform: Platform, home: Path, days: int, expected: str) -> None:
    log(home, "ready", day=DAY + timedelta(days=days))
    said = found(days_later(platform, days))
    assert said["Freshness of the table"].startswith(expected)
    assert f"no rows for {days + 1} days, the last ones are for 2026-01-16" in said["Freshness of the table"]
    assert said["Volume"].startswith(("UNKNOWN no rows: ", "WARN no rows: 1 of the 4 "))


def test_only_a_break_that_the_schedule_explains_passes(platform: Platform, home: Path) -> None:
    """A break of ten days; the volume judges the night's own date."""
    write(platform, {DAY + timedelta(days=11): [1]})
    assert found(days_later(with_due(platform, PRODUCTION), 10)) == {}
    write(platform, {DAY + timedelta(days=days): [1] * games for days, games in {3: 2, 5: 4, 11: 1}.items()})
    missing = "missing: 2026-01-20 (2 games due), 2026-01-22 (4 games due)"
    assert found(days_later(with_due(platform, PRODUCTION), 10)) == {
        "Freshness of the table": f"FAIL no rows for 11 days, the last ones are for 2026-01-16; {missing}"
    }
    seasons = (Days(date(2025, 10, 21), DAY), Days(date(2026, 10, 20), date(2027, 6, 20)))
    off_season = days_later(with_due(platform, DueSettings(calendar=Calendar(seasons))), 100)
    assert found(off_season) == {}
    assert "the season starts again on 2026-10-20" in conclude(checks(off_season)).checks[0].summary


def test_without_a_past_nothing_is_usual(platform: Platform) -> None:
    execute(platform, f"DELETE FROM {NAME}")
    consolidate(platform, rows())
    said = found(night(platform))
    assert {name: text.split()[0] for name, text in said.items()} == {
        "Volume": "UNKNOWN",
        "Completeness by game and system": "UNKNOWN",
        "Values by system": "UNKNOWN",
    }
    assert "only 0 of the 28 days before have rows; 3 are needed" in said["Volume"]


def test_another_table_is_checked_as_far_as_its_columns_allow(platform: Platform) -> None:
    spec = TableSpec(TableName("other", "odds"), key_columns=("event",), date_column="game_date")
    columns = [Column("event", "STRING"), Column("game_date", "DATE"), Column("predicted_points", "STRING")]
    other = replace(platform, environment=replace(platform.environment, table_spec=spec))
    other.warehouse.create_table(spec.table, columns)
    execute(other, f"INSERT INTO other.odds VALUES ('e1', '{DAY}', 'many'), (NULL, '{DAY}', '2')")
    said = found(night(other))
    assert {name: text.split()[0] for name, text in said.items()} == {"Volume": "UNKNOWN", "NULLs": "FAIL"}
    assert "event: 1 NULLs" in said["NULLs"]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=6))
def test_rows_never_seem_gone_unless_some_were_deleted(sizes: list[tuple[int, int]]) -> None:
    """Each run inserts new keys and updates some of the others."""
    at = datetime(2026, 1, 17, tzinfo=UTC)
    keys, runs = 0, []
    for inserted, wanted in sizes:
        updated = min(wanted, keys)
        keys += inserted
        counts = (inserted + updated, inserted, updated, 0, 0, 0)
        runs.append(LedgerRun("r", "b", DAY, "k", 1, "", "", "", *counts, (), at, at))
    assert written_at_least(runs) == keys


@pytest.mark.parametrize("wrong", [{"days": 0}, {"days": 4_000}, {"days": 7, "units": -1}])
def test_numbers_out_of_range_are_refused(platform: Platform, wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="must be"):
        night_of(scope_of(platform, game_date=str(DAY)), **wrong)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "columns: 1",
        "fewest_dates: many",
        "groups: {unit: 'x; DROP'}",
        "game_column: game_id",
        "volume: {per: [store]}",
        "\x00",
        "{",
    ],
)
def test_invalid_rules_are_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "quality.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as error:
        load_rules(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_column_must_be_an_identifier() -> None:
    with pytest.raises(UserError):
        ColumnRule("x` OR TRUE --")


def test_limits_must_rise(tmp_path: Path) -> None:
    rules = (places.ROOT / "params" / "quality.yaml").read_text(encoding="utf-8")
    path = tmp_path / "quality.yaml"
    path.write_text(rules.replace("warn: 1.2, fail: 1.5", "warn: 1.2, fail: 1.1"), encoding="utf-8")
    with pytest.raises(UserError, match="rise from steady to warn to fail"):
        load_rules(path)


@pytest.mark.parametrize("limit", ["  fail_below: 0.5", "highest: 100\n    step: 0.5"])
def test_a_limit_that_nothing_can_exceed_is_refused(tmp_path: Path, limit: str) -> None:
    rules = (places.ROOT / "params" / "quality.yaml").read_text(encoding="utf-8")
    path = tmp_path / "quality.yaml"
    path.write_text(rules.replace(limit, limit.replace("0.5", ".nan")), encoding="utf-8")
    with pytest.raises(UserError, match="finite number"):
        load_rules(path)
