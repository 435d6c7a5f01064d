"""Ordinary nights: nothing is wrong, and no runbook may raise a false alarm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from lib.verdict.verdict import Verdict
from rehearsal.drills.drill import Look, Scene, incident, ordinary_night
from rehearsal.drills.stage import Stage
from rehearsal.history import PastConsolidation, append_past
from rehearsal.slates import Slate, slate_of
from rehearsal.stage import batch_name

_BACKFILL_ROWS = 3_400
_DAYS_OF_HISTORY = 10
_SEEDS = 12
_CLOCKS_GO_BACK = date(2026, 11, 1)


@ordinary_night("an ordinary slate")
def usual_night(stage: Stage) -> Scene:
    stage.deploy()
    stage.past_dates(_DAYS_OF_HISTORY)
    result = stage.clean_night()
    quiet = [Look(runbook, Verdict.PASS, (), stage.of_today) for runbook in ("deploy_verify", "rollback")]
    return Scene([*_all_green(stage.today, result.inserted), *quiet])


@ordinary_night("only one game")
def one_game(stage: Stage) -> Scene:
    stage.past_dates(_DAYS_OF_HISTORY)
    slate = stage.slate()
    first = slate.players[0].game_id
    game = replace(slate, players=tuple(player for player in slate.players if player.game_id == first))
    batch = batch_name("batch", stage.today)
    stage.stage(batch, game.predict(batch, generated_at=datetime.now(UTC)), tables=5)
    stage.consolidate(batch)
    return Scene(_all_green(stage.today, game.rows))


@ordinary_night("a backfill of 3,400 rows")
def backfill(stage: Stage) -> Scene:
    stage.past_dates(_DAYS_OF_HISTORY)
    batch = batch_name("batch", stage.today, reason="backfill")
    rows = _whole_slate(stage).predict(batch, generated_at=datetime.now(UTC))[:_BACKFILL_ROWS]
    assert len(rows) == _BACKFILL_ROWS
    stage.stage(batch, rows, tables=60)
    stage.consolidate(batch)
    return Scene(_all_green(stage.today, _BACKFILL_ROWS))


@ordinary_night("a regeneration: the same keys, new ids and figures")
def regeneration(stage: Stage) -> Scene:
    stage.past_dates(_DAYS_OF_HISTORY)
    first = stage.clean_night()
    batch = batch_name("regen", stage.today, reason="injuries")
    stage.stage(batch, stage.slate().predict(batch, generated_at=datetime.now(UTC)))
    assert stage.consolidate(batch).updated == first.inserted
    return Scene([*_all_green(stage.today, first.inserted), _clean(stage)])


@ordinary_night("lines that moved from 24.5 to 25.0 to 25.5")
def moved_lines(stage: Stage) -> Scene:
    """Three keys of one player; the rounded count takes two of them for duplicates."""
    stage.past_dates(_DAYS_OF_HISTORY)
    slate = stage.slate()
    star = replace(slate.players[0], lines=(24.5,))
    others = slate.players[1:]
    inserted = 0
    for kind, line in (("batch", 24.5), ("linecheck", 25.0), ("regen", 25.5)):
        batch = batch_name(kind, stage.today)
        players = [replace(star, lines=(line,)), *(others if kind == "batch" else ())]
        stage.stage(batch, slate.predict(batch, generated_at=datetime.now(UTC), players=players))
        inserted += stage.consolidate(batch).inserted
    return Scene([*_all_green(stage.today, inserted), _clean(stage)])


@ordinary_night("23:30 Eastern: in the warehouse it is already tomorrow")
def late_evening(stage: Stage) -> Scene:
    stage.past_dates(_DAYS_OF_HISTORY)
    result = stage.clean_night()
    zone = ZoneInfo(stage.platform.environment.timezone)
    late = datetime.combine(stage.today, time(23, 30), zone).astimezone(UTC)
    assert late.date() > stage.today
    looks = _all_green(stage.today, result.inserted, asked="today")
    return Scene(looks, now=max(late, datetime.now(UTC)))


@ordinary_night("the night when the clocks go back: 01:30 comes twice")
def clocks_go_back(stage: Stage) -> Scene:
    """A batch is consolidated at the first 01:30, and monitored at the second."""
    zone = ZoneInfo(stage.platform.environment.timezone)
    day = _CLOCKS_GO_BACK
    first, second = (datetime.combine(day, time(1, 30, fold=fold), zone).astimezone(UTC) for fold in (0, 1))
    assert second - first == timedelta(hours=1)
    stage.past_dates(_DAYS_OF_HISTORY, before=day)
    rows = stage.slate(day).predict("batch", generated_at=first)
    stage.insert(rows)
    stage.log(stage.worker, ["Staged its rows"], at=first)
    batch = batch_name("batch", day, started_at=first)
    consolidation = PastConsolidation(batch, day, first, len(rows), 15, 8.2, 0.5, 1.0)
    append_past(stage.platform, [consolidation])
    return Scene([Look("day1_monitoring", Verdict.PASS, (_counted(day, len(rows)),), _on(day))], now=second)


@incident(15, "the daily check raised false alarms on off-days")
def off_day(stage: Stage) -> Scene:
    """The day after an ordinary night has no games, and the coordinator logs so."""
    stage.past_dates(_DAYS_OF_HISTORY, before=stage.today)
    stage.clean_night()
    day = stage.today + timedelta(days=1)
    zone = ZoneInfo(stage.platform.environment.timezone)
    morning, night = (datetime.combine(day, at, zone).astimezone(UTC) for at in (time(9), time(23, 59)))
    stage.log(stage.coordinator, [f"No games on {day}, no batch to start"], at=morning)
    now = max(night, datetime.now(UTC) + timedelta(hours=25))
    return Scene(
        [
            Look("day1_monitoring", Verdict.PASS, (), {**_on(day), "hours": "16"}),
            Look("daily_quality", Verdict.PASS, (f"No games on {day}",), _on(day)),
        ],
        now=now,
    )


def _whole_slate(stage: Stage) -> Slate:
    """Every player of any slate, with a second line for those who have one."""
    slate = stage.slate()
    players = {
        (player.game_id, player.player_lookup): player
        for seed in range(_SEEDS)
        for player in slate_of(stage.today, seed=seed).players
    }
    moved = [
        replace(player, lines=(line, line + 1)) if (line := player.lines[0]) else player for player in players.values()
    ]
    return replace(slate, players=tuple(moved))


def _all_green(day: date, rows: int, *, asked: str = "") -> Sequence[Look]:
    """The hourly and the daily runbook; both must see all rows of the date."""
    parameters = {"date": asked or str(day)}
    return [
        Look("day1_monitoring", Verdict.PASS, (_counted(day, rows),), parameters),
        Look("daily_quality", Verdict.PASS, (), parameters),
    ]


def _counted(day: date, rows: int) -> str:
    return f"duplicate keys {day}: 0\nkeys {day}: {rows:,}\nrows {day}: {rows:,}"


def _clean(stage: Stage) -> Look:
    return Look("duplicate_diagnosis", Verdict.PASS, ("none in",), stage.of_today)


def _on(day: date) -> dict[str, str]:
    return {"date": str(day)}
