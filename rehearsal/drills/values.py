"""Incidents of wrong values, and of rows missing for a system or a player."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from statistics import mean
from typing import Any

from lib import places
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from rehearsal.drills.drill import Look, Scene, incident, ordinary_night
from rehearsal.drills.stage import Stage
from rehearsal.slates import SYSTEMS, Slate
from rehearsal.stage import batch_name

_DAYS_OF_HISTORY = 10
_OFFERED_ABOVE = (0.0, 0.5, 1.0, 1.5, 2.0)
_SYSTEM = "catboost"
_SUPERSEDING = "superseding"
_MOVED_PLAYERS = 3

Rows = list[dict[str, Any]]


@incident(24, "the highest of five lines per player was always kept: every pick UNDER, +2.0")
def highest_lines(stage: Stage) -> Scene:
    """No single row is wrong: lines, points and picks fit each other."""
    for number in range(1, _DAYS_OF_HISTORY + 1):
        stage.insert(_close_to_lines(_rows(stage, stage.today - timedelta(days=number)), offered=_OFFERED_ABOVE[:1]))
    rows = _close_to_lines(_rows(stage, stage.today), offered=_OFFERED_ABOVE)
    stage.insert(rows)
    biases = [f"bias, {system}: {_bias(rows, system):.1f}" for system in SYSTEMS]
    shares = ("share of OVER 0%", "share of UNDER 100%", "and all 7 others")
    says = (*biases, *shares, "such as which of several rows is kept")
    return Scene([Look("daily_quality", Verdict.FAIL, says, stage.of_today)])


@incident(27, "a regeneration filtered out its own rows: superseded rows without successors")
def lost_players(stage: Stage) -> Scene:
    """Two of five players were superseded, and nothing came after them."""
    stage.past_dates(_DAYS_OF_HISTORY)
    stage.clean_night()
    players = stage.slate().players
    lost = sorted({player.player_lookup for number, player in enumerate(players) if number % 5 < 2})
    stage.run_sql(
        f"UPDATE {stage.platform.table.table.sql} SET is_active = FALSE "  # noqa: S608 - own names and values
        f"WHERE game_date = '{stage.today}' AND player_lookup IN ({', '.join(map(repr, lost))})"
    )
    first = min((player.game_id, player.player_lookup) for player in players if player.player_lookup in lost)
    says = (
        f"{len(SYSTEMS) * len(lost)} of {len(SYSTEMS) * len(players):,} players and systems",
        f"{first[1]} ({len(SYSTEMS)} systems)",
        "regeneration without its own rows",
    )
    return Scene([Look("daily_quality", Verdict.FAIL, says, stage.of_today)])


@incident(28, "a model file missing in the image: one system missing")
def missing_model(stage: Stage) -> Scene:
    """It was deployed after some games of the date had been predicted."""
    stage.past_dates(_DAYS_OF_HISTORY)
    by_game = [list(rows) for _, rows in groupby(_rows(stage, stage.today), lambda row: row["game_id"])]
    before = [row for game in by_game[:2] for row in game]
    after = [row for game in by_game[2:] for row in game if row["system_id"] != _SYSTEM]
    stage.insert([*before, *after])
    last = max(row["updated_at"] for row in before if row["system_id"] == _SYSTEM)
    says = (
        f"no rows of {_SYSTEM} in ",
        f"{_SYSTEM}: {local_time(last, stage.platform.environment.timezone)}",
        *(f"{_SYSTEM} in game {game[0]['game_id']}" for game in by_game[2:]),
    )
    return Scene([Look("daily_quality", Verdict.FAIL, says, stage.of_today)])


@incident(31, "a model disabled on purpose")
def switched_off(stage: Stage) -> Scene:
    """Yesterday was the first date without it, which is reported once; today is not."""
    first = stage.today - timedelta(days=1)
    stage.past_dates(_DAYS_OF_HISTORY, before=first)
    for day in (first, stage.today):
        stage.insert(_without(_SYSTEM, _rows(stage, day)))
    says = (f"{_SYSTEM} stopped for all games at once", f"last rows {first - timedelta(days=1)}", "reported only once")
    return Scene(
        [
            Look("daily_quality", Verdict.WARN, says, {"date": str(first)}),
            Look("daily_quality", Verdict.PASS, (), stage.of_today),
        ]
    )


@incident(30, "deactivation fails in the streaming buffer: two active lines per player")
def two_active_lines(stage: Stage) -> Scene:
    """The table keeps one row of each player, game and system active, but older rows stayed active."""
    moved = _moved_lines(stage)
    groups = _MOVED_PLAYERS * len(SYSTEMS)
    says = (
        f"{groups} of {len(SYSTEMS) * len(stage.slate().players):,} players and systems have several active rows",
        *(f"{player} ({len(SYSTEMS)} systems)" for player in moved),
        "streaming buffer",
    )
    return Scene([Look("daily_quality", Verdict.FAIL, says, stage.of_today)], environment=_SUPERSEDING)


@ordinary_night("lines that moved, with the older ones set inactive")
def superseded_lines(stage: Stage) -> Scene:
    _moved_lines(stage)
    stage.run_sql(
        f"UPDATE {stage.platform.table.table.sql} SET is_active = FALSE "  # noqa: S608 - own names and values
        f"WHERE game_date = '{stage.today}' AND prediction_id LIKE 'old %'"
    )
    return Scene([Look("daily_quality", Verdict.PASS, (), stage.of_today)], environment=_SUPERSEDING)


@ordinary_night("only two games, and a new system")
def thin_slate_with_a_new_system(stage: Stage) -> Scene:
    for number in range(1, _DAYS_OF_HISTORY + 1):
        stage.insert(_without(_SYSTEM, _rows(stage, stage.today - timedelta(days=number))))
    games = sorted({player.game_id for player in stage.slate().players})[:2]
    stage.insert([row for row in _rows(stage, stage.today) if row["game_id"] in games])
    return Scene([Look("daily_quality", Verdict.PASS, (), stage.of_today)])


def _rows(stage: Stage, day: date, slate: Slate | None = None) -> Rows:
    """A date's slate, written that afternoon; today's, before now."""
    evening = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=22)
    return (slate or stage.slate(day)).predict("batch", generated_at=min(evening, stage.now - timedelta(minutes=1)))


def _without(system: str, rows: Iterable[dict[str, Any]]) -> Rows:
    return [row for row in rows if row["system_id"] != system]


def _close_to_lines(rows: Rows, *, offered: Sequence[float]) -> Rows:
    """All systems are off the line by less than the offered lines differ; the highest line is kept."""
    generator = random.Random(len(rows))  # noqa: S311
    for row in rows:
        if (line := row["current_points_line"]) is None:
            continue
        kept = max(line + above for above in offered)
        predicted = round(line + generator.choice((-1, 1)) * generator.uniform(0.1, 1.5), 1)
        row["predicted_points"] = max(0.0, predicted)
        row["current_points_line"] = kept
        row["recommendation"] = "OVER" if row["predicted_points"] > kept else "UNDER"
    return rows


def _bias(rows: Rows, system: str) -> float:
    of_system = (row for row in rows if row["system_id"] == system and row["current_points_line"] is not None)
    return float(mean(row["predicted_points"] - row["current_points_line"] for row in of_system))


def _moved_lines(stage: Stage) -> list[str]:
    """Write one line for each player, and a second active one for some. Returns the names of the latter."""
    local = (places.environments() / "local.yaml").read_text()
    key = "  supersedes: [game_id, player_lookup, system_id]\n  never_update:"
    (places.environments() / f"{_SUPERSEDING}.yaml").write_text(local.replace("  never_update:", key))
    stage.past_dates(_DAYS_OF_HISTORY)
    players = sorted(stage.slate().players, key=lambda player: (player.game_id, player.player_lookup))
    slate = replace(stage.slate(), players=tuple(replace(player, lines=player.lines[:1]) for player in players))
    moved = [player for player in slate.players if player.lines[0] is not None][:_MOVED_PLAYERS]
    names = [player.player_lookup for player in moved]
    rows = _rows(stage, stage.today, slate)
    for row in rows:
        if row["player_lookup"] in names:
            row["prediction_id"] = f"old {row['prediction_id']}"
    newer = replace(slate, players=tuple(replace(player, lines=((player.lines[0] or 0) + 0.5,)) for player in moved))
    stage.insert(rows)
    stage.insert(newer.predict(batch_name("linecheck", stage.today), generated_at=stage.now))
    return names
