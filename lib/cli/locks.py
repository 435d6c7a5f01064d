"""Commands that show and release locks."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import click

from lib.cli import options
from lib.cli.terminal import printable

if TYPE_CHECKING:
    from lib.locking.store import Observation


@click.group()
def locks() -> None:
    """Show consolidation locks, and release one by force."""


@locks.command("list")
@options.environment
@options.as_json
def list_locks(environment: str, as_json: bool) -> None:
    """List every lock with its holder and remaining lease. Other services' locks are marked."""
    from lib.platform import connect

    platform = connect(environment)
    found, others = platform.locks.locks(), platform.locks_of_others()
    if as_json:
        of_others = [{"collection": collection, **observation.as_data()} for collection, observation in others]
        options.echo_json(
            {"locks": [observation.as_data() for observation in found], "locks_of_other_services": of_others}
        )
        return
    if not found:
        click.echo("No locks are held.")
    for observation in found:
        click.echo(printable(_as_line(observation)))
    for collection, observation in others:
        click.echo(printable(f"{_as_line(observation)}  (another service's, in {collection})"))


@locks.command()
@options.locked_date
@options.environment
@options.as_json
def show(game_date: date, environment: str, as_json: bool) -> None:
    """Show the lock of one date."""
    from lib.platform import connect

    lock = connect(environment).locks
    observation = lock.store.read(lock.key_for(game_date))
    if as_json:
        options.echo_json({"lock": observation.as_data() or None})
    elif observation.record is None:
        click.echo(f"{game_date}: not locked")
    else:
        click.echo(printable(_as_line(observation)))


@locks.command()
@click.argument("lock", metavar="DATE")
@click.option("--steal", is_flag=True, help="Release it even if the holder's lease is still valid.")
@options.plan
@options.reason
@options.environment
@options.as_json
def release(lock: str, steal: bool, plan: str | None, reason: str | None, environment: str, as_json: bool) -> None:
    """Show what releasing DATE's lock would do, or release it.

    With --plan and --reason, the lock is removed by force and the fence moves: a fenced holder can no longer write,
    even if it wakes up. A holder that does not use the fence still can.
    """
    from lib.cli.changes import show_or_apply
    from lib.operations.changes.lock_release import LockRelease, locked_date
    from lib.platform import connect

    platform = connect(environment)
    game_date = locked_date(platform, lock)
    words = ("locks", "release", str(game_date), *(["--steal"] if steal else []))
    action, target = LockRelease(platform, game_date, steal), platform.locks.key_for(game_date)
    show_or_apply(platform, action, words, parameter="DATE", target=target, plan=plan, reason=reason, as_json=as_json)


def _as_line(observation: Observation) -> str:
    record = observation.record
    assert record is not None
    left = observation.seconds_until_expiry
    state = f"EXPIRED {-left:.0f}s ago" if observation.is_expired else f"valid for another {left:.0f}s"
    held = (observation.read_at - record.acquired_at).total_seconds()
    return (
        f"{record.claim.lock_key}  {state}  {record.claim.holder}  "
        f"held {held:.0f}s, last heartbeat {record.renewed_at:%Y-%m-%d %H:%M:%S} UTC"
    )
