"""Sixty dates with ordinary noise, written straight to the table: the daily check must pass on them.

Slates of 1 to 13 games, players ruled out, lines that are missing or moved, a bias of each system that
differs from date to date and one that drifts, a system that is added and one that is switched off.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from lib.platform import Platform
from rehearsal.stage import embedded_warehouse

FIRST = date(2026, 1, 1)
DATES = [FIRST + timedelta(days=number) for number in range(60)]
ADDED, SWITCHED_OFF = DATES[38], DATES[44]
OLD = ("catboost", "ensemble", "moving_average", "similarity", "xgboost", "zone_matchup")
WITHOUT_GAMES = {DATES[19], DATES[41]}
_DRIFT_OF_A_DATE = 0.015
_PLAYERS = 22


def fill(platform: Platform, *, seed: int) -> None:
    """Fill the table with all dates; a seed always gives the same rows."""
    import pyarrow as pa

    generator = random.Random(seed)
    rows = [row for day in DATES if day not in WITHOUT_GAMES for row in _night(day, generator)]
    with embedded_warehouse(platform).connection() as connection:
        connection.register("ordinary", pa.Table.from_pylist(rows))
        connection.execute(f"INSERT INTO {platform.table.table} BY NAME SELECT * FROM ordinary")


def _systems(day: date) -> list[str]:
    left = [system for system in OLD if system != "similarity" or day < SWITCHED_OFF]
    return [*left, "ridge"] if day >= ADDED else left


def _night(day: date, generator: random.Random) -> Iterator[dict[str, Any]]:
    made = datetime(day.year, day.month, day.day, 17, tzinfo=UTC)
    biases = {system: generator.gauss(0, 0.15) for system in _systems(day)}
    biases["xgboost"] += _DRIFT_OF_A_DATE * (day - FIRST).days
    of_the_date, missing_lines = generator.gauss(0, 0.15), generator.uniform(0.1, 0.3)
    for game in range(generator.choice([1, 2, 4, 5, 6, 7, 8, 9, 11, 13])):
        for player in range(_PLAYERS):
            if generator.random() < 0.12:
                continue  # injured
            scores = generator.gammavariate(2.2, 5.5)
            line: float | None = max(0.5, round(2 * scores) / 2)
            if generator.random() < missing_lines:
                line = None
            moved = [line, line + 0.5] if line and generator.random() < 0.04 else [line]
            for system, bias in biases.items():
                predicted = max(0.0, scores + bias + of_the_date + generator.gauss(0, 2))
                for number, each in enumerate(moved):
                    yield {
                        "prediction_id": f"{day} {game} {player} {system} {number}",
                        "game_id": f"{day:%Y%m%d}_{game}",
                        "player_lookup": f"player{player}",
                        "system_id": system,
                        "current_points_line": each,
                        "predicted_points": round(predicted, 1),
                        "confidence_score": round(generator.betavariate(8, 4), 3),
                        "recommendation": _recommendation(round(predicted, 1), each),
                        "game_date": day,
                        "is_active": generator.random() > 0.02,
                        "created_at": made,
                        "updated_at": made,
                    }


def _recommendation(predicted: float, line: float | None) -> str:
    if line is None:
        return "NO_LINE"
    return "PASS" if abs(predicted - line) < 1 else "OVER" if predicted > line else "UNDER"
