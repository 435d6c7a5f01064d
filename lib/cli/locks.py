"""Commands on locks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lib.cli import options
from lib.cli.terminal import printable

if TYPE_CHECKING:
    from lib.locking.store import Observation


@click.group()
def locks() -> None:
    """Look at consolidation locks, and release one by force."""


@locks.command("list")
@options.environment
@options.as_json
def list_locks(environment: str, as_json: bool) -> None:
    """Every lock, with its holder and how long it lasts."""
    from lib.platform import connect

    found = connect(environment).locks.locks()
    if as_json:
        options.echo_json({"locks": [_as_data(observation) for observation in found]})
        return
    if not found:
        click.echo("No locks: all are released.")
    for observation in found:
        click.echo(printable(_as_line(observation)))


@locks.command()
@click.argument("game_date", metavar="GAME_DATE")
@options.environment
@options.as_json
def show(game_date: str, environment: str, as_json: bool) -> None:
    """The lock of one date."""
    from lib.consolidation.identifiers import checked_game_date
    from lib.platform import connect

    lock = connect(environment).locks
    observation = lock.store.read(lock.key_for(checked_game_date(game_date)))
    if as_json:
        options.echo_json({"lock": _as_data(observation) if observation.record else None})
    elif observation.record is None:
        click.echo(f"{game_date}: no lock, it is free")
    else:
        click.echo(printable(_as_line(observation)))


@locks.command()
@click.argument("game_date", metavar="GAME_DATE")
@click.option("--reason", required=True, help="Why; kept in the audit record.")
@click.option("--steal", is_flag=True, help="Take it even from a holder whose lease is alive.")
@click.option("--plan", metavar="DIGEST", help="Release it only if it is as it was when its release was planned.")
@options.environment
@options.as_json
def release(game_date: str, reason: str, steal: bool, plan: str | None, environment: str, as_json: bool) -> None:
    """Remove the lock of GAME_DATE by force, and file why.

    The fence moves too, so that its holder can write nothing even if it wakes up. Without
    --plan exactly the lock that is there now is released.
    """
    from datetime import UTC, datetime

    from lib.consolidation.identifiers import checked_game_date
    from lib.operations.lock_release import LockRelease
    from lib.platform import connect

    platform = connect(environment)
    day = checked_game_date(game_date)
    found = LockRelease(platform, day, steal).plan()
    if plan is not None:
        found.ensure_unmoved(platform, plan, datetime.now(UTC))
    entry = platform.locks.force_release(day, reason, steal=steal, expected=found.found)
    if as_json:
        options.echo_json(entry.as_data())
        return
    removed = entry.removed.claim
    click.echo(printable(f"Released {removed.lock_key}, which {removed.holder} held."))
    click.echo("The fence was moved: that holder can write nothing any more.")


def _as_data(observation: Observation) -> dict[str, Any]:
    record = observation.record
    if record is None:
        return {}
    return {
        "lock_key": record.claim.lock_key,
        "batch_id": record.claim.batch_id,
        "holder_id": record.claim.holder_id,
        "host": record.claim.host,
        "token": record.token,
        "acquired_at": record.acquired_at.isoformat(),
        "renewed_at": record.renewed_at.isoformat(),
        "expires_at": record.expires_at.isoformat(),
        "is_expired": observation.is_expired,
        "seconds_until_expiry": round(observation.seconds_until_expiry, 3),
    }


def _as_line(observation: Observation) -> str:
    record = observation.record
    assert record is not None
    left = observation.seconds_until_expiry
    state = f"EXPIRED {-left:.0f}s ago" if observation.is_expired else f"alive for another {left:.0f}s"
    held = (observation.read_at - record.acquired_at).total_seconds()
    return (
        f"{record.claim.lock_key}  {state}  {record.claim.holder}  "
        f"held {held:.0f}s, last heartbeat {record.renewed_at:%Y-%m-%d %H:%M:%S} UTC"
    )
