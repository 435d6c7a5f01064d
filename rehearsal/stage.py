"""The stage for replaying the incident: the embedded platform, its batches, workers and deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.consolidation.staging import StagingWrite
from lib.consolidation.upkeep.past_rows import insert_as_they_are
from lib.errors import UserError
from lib.platform import Platform
from lib.ports.services import LATEST

if TYPE_CHECKING:
    from lib.embedded.duckdb_warehouse import DuckdbWarehouse

# A rollback goes back to the old ones.
OLD_WORKER, NEW_WORKER = "prediction-worker-00065-jb8", "prediction-worker-00066-q4n"
OLD_COORDINATOR, NEW_COORDINATOR = "prediction-coordinator-00048-xyz", "prediction-coordinator-00049-m7d"
_ONE_WEEK = timedelta(days=7)
# Everything that the embedded platform keeps there. Other files belong to others, and stay.
_STATE = ("warehouse.duckdb*", "locks.sqlite*", "logs", "deployment.json")


def embedded_warehouse(platform: Platform) -> DuckdbWarehouse:
    """Return the platform's warehouse, whose file is in the folder with all of its state.

    Raises:
        UserError: The platform is not an embedded one.
    """
    if platform.environment.platform != "embedded":
        raise UserError(f"the incident can only be replayed on an embedded platform, not on {platform.name}")
    from lib.embedded.duckdb_warehouse import DuckdbWarehouse

    assert isinstance(platform.warehouse, DuckdbWarehouse)
    return platform.warehouse


def batch_name(kind: str, game_date: date, *, reason: str = "", started_at: datetime | None = None) -> str:
    """Return a name such as ``batch_2026-01-17_1768650000`` or ``regen_2026-01-17_reason_1768650000``.

    Args:
        kind: What started the batch.
        game_date: Its date.
        reason: Why a person started it; may be empty.
        started_at: When it started, noon UTC of the date by default; the name ends in that time in seconds.
    """
    started = started_at or datetime.combine(game_date, time(12), UTC)
    parts = (kind, game_date.isoformat(), reason, str(int(started.timestamp())))
    return "_".join(part for part in parts if part)


def stage_batch(
    platform: Platform, rows: Sequence[Mapping[str, Any]], *, batch_id: str, tables: int
) -> list[StagingWrite]:
    """Write the rows as the workers do: in order, in parts of nearly equal size.

    Args:
        platform: An embedded platform.
        rows: The batch (see `rehearsal.slates`).
        batch_id: Its name.
        tables: How many staging tables to write, at most one a row; 15 to 175 are usual.
    """
    parts = min(tables, len(rows))
    bounds = [len(rows) * part // parts for part in range(parts + 1)]
    writer = platform.staging_writer()
    # Keep the file open: opening it again takes most of the time of a small write.
    with embedded_warehouse(platform).session():
        return [
            write
            for part in range(parts)
            for write in writer.write(
                rows[bounds[part] : bounds[part + 1]], batch_id=batch_id, worker_id=f"worker-{part:03}"
            )
        ]


def insert_rows(platform: Platform, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows directly, without a consolidation."""
    with embedded_warehouse(platform).session():
        insert_as_they_are(platform.warehouse, platform.table, rows)


def run_sql(platform: Platform, statement: str) -> None:
    """Run a GoogleSQL statement as if typed by hand."""
    from lib.embedded.googlesql import translate

    with embedded_warehouse(platform).connection() as connection:
        connection.execute(translate(statement)[0])


def deploy_fix(platform: Platform, deployed_at: datetime) -> None:
    """Deploy the fix to both services with all traffic, the coordinator ten minutes after the worker."""
    from lib.embedded.deployment import Deployment, Revision

    services = platform.environment.services
    deployment = Deployment()
    for service, old, new, at in (
        (services.worker, OLD_WORKER, NEW_WORKER, deployed_at),
        (services.coordinator, OLD_COORDINATOR, NEW_COORDINATOR, deployed_at + timedelta(minutes=10)),
    ):
        fixed = replace(
            deployment.service(service),
            revisions=(Revision(new, at), Revision(old, at - _ONE_WEEK)),
            traffic={LATEST: 100},
        )
        deployment = deployment.with_service(service, fixed)
    deployment.save(embedded_warehouse(platform).path.parent)


def move_aside(home: Path) -> Path | None:
    """Move the embedded platform's state to ``<home>/replaced/<timestamp>/``.

    Call it before connecting the platform. To restore the state, move the files back.

    Returns:
        The new folder of the state; None if there was no state.

    Raises:
        UserError: The folder cannot be changed; the message names what was moved.
    """
    try:
        state = sorted(path for pattern in _STATE for path in home.glob(pattern))
        if not state:
            return None
        aside = home / "replaced" / datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        aside.mkdir(parents=True)
        for path in state:
            path.rename(aside / path.name)
    except OSError as error:
        raise UserError(f"the state in {home} cannot be moved aside: {error.strerror or error}") from error
    return aside
