"""Batches that never complete or are never consolidated; and batches of ordinary nights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from rehearsal.drills.drill import Look, Scene, incident, ordinary_night
from rehearsal.drills.stage import Stage
from rehearsal.drills.staging import write_generations
from rehearsal.stage import batch_name

_PLAYERS, _INJURED = 130, 17
_WAITING_ROWS, _WAITING_TABLES = 19_940, 60
_STARTED_BEFORE = timedelta(minutes=40)
_LOOKED_AT_AFTER = timedelta(hours=2)


@incident(26, "17 injured players retried forever; the batch stays at 87%")
def injured_players(stage: Stage) -> Scene:
    """Each retry writes the batch's document, so only the players' documents show when the last one was done."""
    stage.past_dates(1)
    looked_at = stage.now + _LOOKED_AT_AFTER
    done, injured = _players("player", _PLAYERS - _INJURED), _players("injured", _INJURED)
    batch = batch_name("batch", stage.today)
    document = _document(
        stage.today,
        batch,
        done + injured,
        completed_count=len(done),
        failed_players=injured,
        updated_at=looked_at,
        completions=_completions(done, stage.now),
    )
    stage.record_batches(_consolidated_night(stage, "linecheck"), document)
    rows = stage.slate().predict(batch, generated_at=datetime.now(UTC))
    stage.stage(batch, rows)
    zone = stage.platform.environment.timezone
    says = (
        f"{batch} is stuck at 87%: {_INJURED} of {_PLAYERS} players missing since {local_time(stage.now, zone)}",
        f"all failed: {', '.join(injured[:10])} and {_INJURED - 10} more",
        injured[-1],
        f"runbook consolidate --batch {batch} --date {stage.today}",
    )
    return _looked_at(stage, batch, says, f"{len(rows):,} rows")


@incident(29, "/complete fails on a field path; 19,940 rows wait, and the batch says 100%")
def complete_fails(stage: Stage) -> Scene:
    """All players are done, but the coordinator never marks the batch as complete, and nobody consolidates."""
    stage.past_dates(1)
    players = _players("player", _PLAYERS)
    batch = batch_name("batch", stage.today)
    counted = {"completed_count": _PLAYERS, "total_predictions": _WAITING_ROWS, "updated_at": stage.now}
    document = _document(stage.today, batch, players, completions=_completions(players, stage.now), **counted)
    stage.record_batches(_consolidated_night(stage, "linecheck"), document)
    write_generations(stage, batch, _WAITING_ROWS, _WAITING_TABLES)
    says = (
        f"{batch} is complete ({_PLAYERS} of {_PLAYERS} players)",
        f"not consolidated: {_WAITING_ROWS:,} rows in {_WAITING_TABLES} staging tables wait",
        f"runbook consolidate --batch {batch} --date {stage.today}",
    )
    return _looked_at(stage, batch, says, f"{_WAITING_ROWS:,} rows")


@ordinary_night("a batch in progress: players are done every few seconds")
def batch_under_way(stage: Stage) -> Scene:
    stage.past_dates(1)
    players = _players("player", _PLAYERS)
    batch = batch_name("batch", stage.today)
    document = _document(stage.today, batch, players, completed_players=players[:60], updated_at=stage.now)
    stage.record_batches(_consolidated_night(stage, "linecheck"), document)
    stage.stage(batch, stage.slate().predict(batch, generated_at=datetime.now(UTC)))
    looks = ("day1_monitoring", "duplicate_diagnosis", "consolidation_timeout")
    return Scene([Look(runbook, Verdict.PASS, (), stage.of_today) for runbook in looks])


@ordinary_night("all batches complete and consolidated, also in their documents")
def batches_consolidated(stage: Stage) -> Scene:
    stage.past_dates(1)
    documents = [_consolidated_night(stage, kind) for kind in ("batch", "linecheck")]
    stage.record_batches(*documents)
    looks = ("day1_monitoring", "duplicate_diagnosis", "consolidation_timeout")
    return Scene([Look(runbook, Verdict.PASS, (), stage.of_today) for runbook in looks], now=_later(stage))


def _consolidated_night(stage: Stage, kind: str) -> dict[str, Any]:
    """Run a successful night, and return its document."""
    players = [player.player_lookup for player in stage.slate().players]
    ended = {"is_complete": True, "completion_time": datetime.now(UTC), "completed_players": players}
    result = stage.clean_night(kind=kind)
    return _document(stage.today, result.batch_id, players, total_predictions=result.staged, **ended)


def _looked_at(stage: Stage, batch: str, says: Sequence[str], waits: str) -> Scene:
    monitoring = Look("day1_monitoring", Verdict.FAIL, (*says, waits), stage.of_today)
    timeout = Look("consolidation_timeout", Verdict.FAIL, tuple(says), {**stage.of_today, "batch": batch})
    # It shows the batches, but judges only duplicates.
    diagnosis = Look("duplicate_diagnosis", Verdict.PASS, ("none in",), stage.of_today)
    return Scene([monitoring, timeout, diagnosis], now=_later(stage))


def _later(stage: Stage) -> datetime:
    return stage.now + _LOOKED_AT_AFTER


def _document(game_date: date, batch_id: str, players: Sequence[str], **fields: object) -> dict[str, Any]:
    started_at = datetime.now(UTC) - _STARTED_BEFORE
    return {
        "batch_id": batch_id,
        "game_date": game_date,
        "expected_players": players,
        "is_complete": False,
        "start_time": started_at,
        **fields,
    }


def _completions(players: Sequence[str], last_at: datetime) -> Mapping[str, Any]:
    """A document for each player, a second apart, up to the given time."""
    late = [timedelta(seconds=number) for number in reversed(range(len(players)))]
    return {
        player: {"completed_at": last_at - before, "predictions_count": 8}
        for player, before in zip(players, late, strict=True)
    }


def _players(kind: str, number: int) -> list[str]:
    return [f"{kind}{index:03}" for index in range(number)]
