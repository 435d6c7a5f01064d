"""The scenario of a seed: batches, coordinators, late workers, an operator, and faults."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from typing import Any

from proof.faults import FaultRates
from tests.consolidation.world import DAY, NOON, prediction

LOADED_AFTER = timedelta(days=7)
Rows = tuple[dict[str, Any], ...]


class Style(Enum):
    """The emphasis of a world: a bit of everything, all at once, or work that outlasts leases."""

    USUAL = "usual"
    CROWD = "crowd"
    SLOW = "slow"


@dataclass(frozen=True)
class Write:
    """A worker's write.

    Attributes:
        once: True to write a new table with our writer; False for the batch's common table, which other
            workers write to as well and whose write times are not recorded.
    """

    batch_id: str
    worker: str
    rows: Rows
    at: float
    once: bool


@dataclass(frozen=True)
class Coordination:
    """One request to consolidate a batch, and how often it is retried after an error.

    Attributes:
        is_stranger: Whether its settings name another date column, by which the same rows have another date.
    """

    batch_id: str
    at: float
    tries: int
    use_lock: bool
    is_stranger: bool = False


@dataclass(frozen=True)
class Scenario:
    """The plan of a schedule; the faults decide how it turns out.

    Attributes:
        as_jobs: Whether the warehouse runs jobs, like BigQuery, or is part of the program, like DuckDB.
        dates: The game date of each batch.
        steals_at: When an operator forces the release of the lock, even of a live holder.
        repairs_at: When an operator removes the duplicates that existed before.
        lease_seconds: A short lease expires during an ordinary pause, delay or job.
        drift: How far a process's clock may run fast or slow, as a share. Trusting two thirds of a lease
            is safe up to a drift of one third.
    """

    as_jobs: bool
    dates: dict[str, date]
    old_rows: Rows
    writes: tuple[Write, ...]
    coordinations: tuple[Coordination, ...]
    steals_at: tuple[float, ...]
    repairs_at: tuple[float, ...]
    lease_seconds: float
    skew_seconds: float
    drift: float
    rates: FaultRates


def drawn(seed: int) -> Scenario:
    """Return the scenario of a seed; it is small, so that events collide."""
    chance = random.Random(f"scenario {seed}")
    style = chance.choice([Style.USUAL, Style.USUAL, Style.CROWD, Style.SLOW, Style.SLOW])
    batches = [f"batch_{number}" for number in range(chance.choice([1, 1, 2, 3]))]
    dates = {batch: DAY + timedelta(days=chance.random() < 0.15) for batch in batches}
    return Scenario(
        as_jobs=chance.random() < 0.5,
        dates=dates,
        old_rows=_old_rows(chance),
        writes=tuple(_writes(chance, dates, style)),
        coordinations=(*_coordinations(chance, batches, style), *_strangers(seed, batches, style)),
        steals_at=_moments(chance, 0.3, style),
        repairs_at=_moments(chance, 0.15, style),
        lease_seconds=chance.choice([300.0, 45.0, 45.0]),
        skew_seconds=chance.choice([0.0, 3600.0]),
        drift=chance.choice([0.0, 0.05, 0.3]),
        rates=_rates(chance, style),
    )


def _rows(chance: random.Random, label: str, day: date) -> Rows:
    """Return rows with few keys, so that batches share them; every row is distinguishable."""
    players = chance.sample(["a", "b", "c"], chance.choice([1, 2, 3]))
    return tuple(
        prediction(
            prediction_id=f"{label} {player}",
            player_lookup=player,
            current_points_line=chance.choice([None, 24.5]),
            predicted_points=float(chance.randrange(40)),
            game_date=day,
            loaded_on=day + LOADED_AFTER,
            updated_at=NOON + timedelta(seconds=chance.randrange(100)),
        )
        for player in players
    )


def _old_rows(chance: random.Random) -> Rows:
    rows = _rows(chance, "old", DAY) if chance.random() < 0.5 else ()
    twice = tuple({**row, "prediction_id": f"{row['prediction_id']} again"} for row in rows[:1])
    return rows + (twice if chance.random() < 0.5 else ())


def _writes(chance: random.Random, dates: dict[str, date], style: Style) -> list[Write]:
    latest = 600.0 if style is Style.SLOW else 90.0
    writes = []
    for batch, day in dates.items():
        has_common_table = chance.random() < 0.4
        for number in range(chance.choice([1, 2, 3])):
            at = 0.0 if number == 0 or chance.random() < 0.5 else chance.uniform(0, latest)
            worker = f"w{number}"
            once = not (has_common_table and chance.random() < 0.7)
            writes.append(Write(batch, worker, _rows(chance, f"{batch} {worker}", day), at, once))
    return writes


def _coordinations(chance: random.Random, batches: list[str], style: Style) -> list[Coordination]:
    """Return requests for each batch, at least one; redelivered events repeat them."""
    wanted = list(batches)
    wanted += [chance.choice(batches) for _ in range(chance.choice([0, 1, 1, 2]) + 2 * (style is not Style.USUAL))]
    without_lock = style is Style.CROWD or chance.random() < {Style.SLOW: 0.6}.get(style, 0.3)
    within_seconds = {Style.CROWD: 0.1, Style.SLOW: 600.0}.get(style, chance.choice([1.0, 1.0, 60.0]))
    return [
        Coordination(
            batch,
            at=5 + chance.uniform(0, within_seconds),
            tries=chance.choice([1, 3]),
            use_lock=not (without_lock and chance.random() < 0.6),
        )
        for batch in wanted
    ]


def _strangers(seed: int, batches: list[str], style: Style) -> list[Coordination]:
    """Draw separately whether a stranger comes; sometimes it comes before all others."""
    chance = random.Random(f"strangers {seed}")
    if chance.random() > 0.2:
        return []
    within_seconds = 600.0 if style is Style.SLOW else 2.0
    at = 4.9 + chance.uniform(0, within_seconds)
    return [Coordination(chance.choice(batches), at, tries=2, use_lock=chance.random() < 0.7, is_stranger=True)]


def _moments(chance: random.Random, share: float, style: Style) -> tuple[float, ...]:
    return (chance.uniform(5, 900 if style is Style.SLOW else 120),) if chance.random() < share else ()


def _rates(chance: random.Random, style: Style) -> FaultRates:
    if chance.random() < 0.1:
        return FaultRates()

    def some(often: float) -> float:
        return chance.choice([0.0, 0.0, often / 4, often])

    return FaultRates(
        crash=some(0.02),
        pause=some(0.02),
        unavailable=some(0.03),
        lost_answer=some(0.05),
        duplicate=some(0.1),
        abort=some(0.2),
        slow={Style.SLOW: 0.5, Style.CROWD: some(0.4)}.get(style, some(0.1)),
    )
