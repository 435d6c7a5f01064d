"""Slates: the players of a date, and the systems' predictions for them.

Players, games and points are real (two NBA nights, in ``data/``); lines and predictions
are drawn around the points. One seed and date always give the same slate.
"""

from __future__ import annotations

import csv
import random
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from itertools import groupby, product
from pathlib import Path
from typing import Any

SYSTEMS = (
    "moving_average",
    "zone_matchup",
    "similarity",
    "xgboost",
    "ensemble",
    "catboost",
    "ridge_regression",
    "season_baseline",
)
FEWEST_GAMES = 5
MOST_ROWS = 1_700

_BOX_SCORES = Path(__file__).parent / "data" / "nba_player_games.csv"
# Letters that Unicode does not decompose into a base letter and a mark.
_WHOLE_LETTERS = str.maketrans({"đ": "d", "ð": "d", "ł": "l", "ø": "o", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe"})  # noqa: RUF001
_SHORTEST_TIME_WITH_LINE_MINUTES = 15


@dataclass(frozen=True)
class Player:
    """A player of a slate.

    Attributes:
        game_id: ``YYYYMMDD_AWAY_HOME``.
        player_lookup: See `player_lookup`.
        points: The points that the player scored that night.
        lines: The points lines offered for the player, each predicted separately; a
            line that moved counts as two. ``(None,)`` if there was none.
    """

    game_id: str
    player_lookup: str
    points: int
    lines: tuple[float | None, ...]

    @property
    def has_one_line(self) -> bool:
        return len(self.lines) == 1


@dataclass(frozen=True)
class Slate:
    """A date's players and the systems that predict them; 400 to 1,700 rows."""

    game_date: date
    seed: int
    systems: tuple[str, ...]
    players: tuple[Player, ...]

    @property
    def rows(self) -> int:
        return len(self.systems) * sum(len(player.lines) for player in self.players)

    def predict(
        self, generation: str, *, generated_at: datetime, players: Sequence[Player] | None = None
    ) -> list[dict[str, Any]]:
        """Return one generation of predictions: rows of the main table, player by player.

        Args:
            generation: Its name. Another generation has the same keys, with new
                `prediction_id` and figures.
            generated_at: `created_at` of the first row; each next one is 1 ms later.
            players: Only these players of the slate.
        """
        rows: list[dict[str, Any]] = []
        for player in self.players if players is None else players:
            generator = _generator(self.game_date, self.seed, generation, player.player_lookup)
            for line, system in product(player.lines, self.systems):
                created_at = generated_at + timedelta(milliseconds=len(rows))
                rows.append(_prediction(self.game_date, player, line, system, created_at, generator))
        return rows


def slate_of(game_date: date, *, seed: int = 0) -> Slate:
    """Return the slate of any date: a real night's games, moved to that date.

    Args:
        game_date: The date.
        seed: Another seed gives another slate.
    """
    generator = _generator(game_date, seed)
    night = generator.choice(_nights())
    games = generator.sample(night, generator.randint(FEWEST_GAMES, len(night)))
    players: list[Player] = []
    for game in games:
        more = [_player(box_score, game_date, generator) for box_score in game]
        if len(SYSTEMS) * sum(len(player.lines) for player in (*players, *more)) > MOST_ROWS:
            break
        players += more
    return Slate(game_date, seed, SYSTEMS, tuple(players))


def player_lookup(name: str) -> str:
    """Reduce a name to lower-case ASCII letters and digits: ``Nikola Jokić`` → ``nikolajokic``."""
    letters = unicodedata.normalize("NFKD", name.lower().translate(_WHOLE_LETTERS))
    return "".join(letter for letter in letters if letter.isascii() and letter.isalnum())


def _generator(*seeds: object) -> random.Random:
    return random.Random(" ".join(map(str, seeds)))  # noqa: S311


@cache
def _nights() -> tuple[tuple[tuple[dict[str, str], ...], ...], ...]:
    """The box scores of the players who played, by night and game."""
    with _BOX_SCORES.open(encoding="utf-8", newline="") as file:
        played = [row for row in csv.DictReader(file) if int(row["minutes"])]
    played.sort(key=lambda row: (row["game_date"], row["game_id"], row["player_name"]))
    return tuple(
        tuple(tuple(game) for _, game in groupby(night, key=lambda row: row["game_id"]))
        for _, night in groupby(played, key=lambda row: row["game_date"])
    )


def _player(box_score: dict[str, str], game_date: date, generator: random.Random) -> Player:
    points = int(box_score["points"])
    return Player(
        game_id=f"{game_date:%Y%m%d}_{box_score['away']}_{box_score['home']}",
        player_lookup=player_lookup(box_score["player_name"]),
        points=points,
        lines=_lines(points, int(box_score["minutes"]), generator),
    )


def _lines(points: int, minutes: int, generator: random.Random) -> tuple[float | None, ...]:
    """Bookmakers offer no line for players who rarely play, and sometimes move a line."""
    chance = generator.random()
    if minutes < _SHORTEST_TIME_WITH_LINE_MINUTES or chance < 0.04:
        return (None,)
    line = max(0.5, round(2 * (points + generator.gauss(0, 3))) / 2)
    return (line, line + 0.5) if chance > 0.97 else (line,)


def _prediction(
    game_date: date,
    player: Player,
    line: float | None,
    system: str,
    created_at: datetime,
    generator: random.Random,
) -> dict[str, Any]:
    predicted_points = round(max(0.0, player.points + generator.gauss(0, 4)), 1)
    return {
        "prediction_id": str(uuid.UUID(int=generator.getrandbits(128), version=4)),
        "game_id": player.game_id,
        "player_lookup": player.player_lookup,
        "system_id": system,
        "current_points_line": line,
        "predicted_points": predicted_points,
        "confidence_score": round(generator.uniform(0.5, 0.95), 3),
        "recommendation": _recommendation(predicted_points, line),
        "game_date": game_date,
        "is_active": True,
        "created_at": created_at,
        "updated_at": created_at,
    }


def _recommendation(predicted_points: float, line: float | None) -> str:
    if line is None:
        return "NO_LINE"
    edge = predicted_points - line
    return "PASS" if abs(edge) < 1.5 else "OVER" if edge > 0 else "UNDER"
