"""The incident: the old coordinator consolidates twice at once, and duplicates stay.

One player's rows come late, and the batch is consolidated twice at once for them: every
row is there twice, with one `prediction_id`. Two more players are predicted by two
batches 0.4 s apart, and those race: the same keys with different ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from lib.platform import Platform
from rehearsal import old_coordinator
from rehearsal.slates import Slate, slate_of
from rehearsal.stage import batch_name, stage_batch

GENERATIONS_APART = timedelta(milliseconds=400)
_LATE_PLAYERS = 1
_CONTESTED_PLAYERS = 2


@dataclass(frozen=True)
class RacePlan:
    """Who is late, who is contested, and what must come of it.

    Attributes:
        game_date: The date.
        slate: Its slate.
        batch_id: The batch whose last rows come late; consolidated twice.
        rival_ids: Two batches with the same players; the second is the newer one.
    """

    game_date: date
    slate: Slate
    batch_id: str
    rival_ids: tuple[str, str]

    @property
    def batch_ids(self) -> tuple[str, ...]:
        return (self.batch_id, *self.rival_ids)

    @property
    def same_id_twice(self) -> int:
        """Keys that will have two rows with one id."""
        return _LATE_PLAYERS * len(self.slate.systems)

    @property
    def same_key_different_ids(self) -> int:
        """Keys that will have two rows with different ids."""
        return _CONTESTED_PLAYERS * len(self.slate.systems)

    @property
    def duplicate_keys(self) -> int:
        return self.same_id_twice + self.same_key_different_ids


def plan_race(game_date: date, *, seed: int = 0) -> RacePlan:
    """The race of a date; one seed and date always give the same."""
    return RacePlan(
        game_date,
        slate_of(game_date, seed=seed),
        batch_name("batch", game_date),
        (batch_name("linecheck", game_date), batch_name("regen", game_date, reason="lineups")),
    )


def stage_race(platform: Platform, plan: RacePlan) -> None:
    """All that is staged when the race begins; the punctual rows are consolidated already."""
    now = datetime.now(UTC)
    slate, batch = plan.slate, plan.batch_id
    # A player with one line has one row a system, and the old MERGE can't lose one of them.
    ours = [player for player in slate.players if player.has_one_line]
    late, contested = ours[:_LATE_PLAYERS], ours[_LATE_PLAYERS : _LATE_PLAYERS + _CONTESTED_PLAYERS]
    punctual = [player for player in slate.players if player not in (*late, *contested)]
    stage_batch(platform, slate.predict(batch, generated_at=now, players=punctual), batch_id=batch, tables=15)
    old_coordinator.consolidate(platform, batch)
    stage_batch(platform, slate.predict(batch, generated_at=now, players=late), batch_id=batch, tables=1)
    for rival, generated_at in zip(plan.rival_ids, (now, now + GENERATIONS_APART), strict=True):
        rows = slate.predict(rival, generated_at=generated_at, players=contested)
        stage_batch(platform, rows, batch_id=rival, tables=len(contested))


def run_race(platform: Platform, plan: RacePlan) -> None:
    """Both races, by the old code."""
    old_coordinator.consolidate_at_once(platform, [plan.batch_id, plan.batch_id])
    old_coordinator.consolidate_at_once(platform, plan.rival_ids)
