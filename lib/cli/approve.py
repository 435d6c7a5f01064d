"""`runbook approve`: a person reviews a plan and signs it, at a terminal that no program has typed into."""

from __future__ import annotations

import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from lib.cli import options
from lib.cli.changes import plan_lines
from lib.cli.terminal import printable
from lib.errors import UserError

if TYPE_CHECKING:
    from lib.operations.changes.plan import Plan, PlanDigest
    from lib.platform import Platform

_NO_TERMINAL = "no terminal: a person has to type the approval at one; nothing was approved"


@click.command()
@click.argument("plan", metavar="PLAN")
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your SSH key, or the public key of one in your SSH agent.  [default: one that may approve]",
)
@options.environment
def approve(plan: str, key: Path | None, environment: str) -> None:
    """Show what PLAN would change now, and sign it with your SSH key.

    PLAN is the plan's digest. For environments whose `approval` is person or two_people; see
    docs/how-to/approve.md. The answer must be typed at a terminal. The approval expires with the
    plan and can be used once.
    """
    from lib.operations.changes.plan import PlanDigest
    from lib.operations.changes.signed_approval import approve as sign
    from lib.operations.changes.signed_approval import ensure_short
    from lib.operations.every_action import waiting_plan
    from lib.operations.ssh_signature import own_key
    from lib.platform import connect

    digest = PlanDigest.parse(plan)
    platform = connect(environment)
    if not platform.environment.needs_approval:
        raise UserError(f"environment {environment} needs no approval (approval: digest); nothing was approved")
    ensure_short(digest, datetime.now(UTC))
    with _terminal() as (reading, writing):
        chosen = key or own_key(platform.environment.signers, Path.home())
        found = waiting_plan(platform, digest)
        found.ensure_unmoved(platform, digest.text, datetime.now(UTC))
        for line in _shown(platform, found, digest):
            click.echo(line, file=writing)
        _ensure_typed(found.target, reading, writing)
        signed = sign(platform, found, digest, chosen, datetime.now(UTC))
    click.echo(printable(f"Approved by {signed.approver} with {signed.fingerprint}, for one use."))
    click.echo(f"Next, by the person who requested it: {found.command(platform.commands, digest)}")


@contextmanager
def _terminal() -> Iterator[tuple[TextIO, TextIO]]:
    """Open this process's terminal for reading and writing, even if standard output is redirected."""
    if not (sys.stdin and sys.stdin.isatty()):
        raise UserError(_NO_TERMINAL)
    try:
        reading = open("/dev/tty", encoding="utf-8", errors="replace")  # noqa: SIM115
    except OSError as error:
        raise UserError(_NO_TERMINAL) from error
    with reading, open("/dev/tty", "w", encoding="utf-8", errors="replace") as writing:
        yield reading, writing


def _shown(platform: Platform, plan: Plan, digest: PlanDigest) -> Iterator[str]:
    from lib.operations.changes.signed_approval import archive_of

    for name, value in {**plan.identity(platform), "archive": archive_of(platform)}.items():
        yield printable(f"{name}: {value}")
    yield from plan_lines(plan)
    yield printable(f"To undo it: {plan.undo}")
    yield f"The plan and your approval, for one use, expire at {digest.expires_at:%Y-%m-%d %H:%M} UTC."


def _ensure_typed(target: str, reading: TextIO, writing: TextIO) -> None:
    """Ask for the target's name; what was typed before the question was shown does not count."""
    termios.tcflush(reading, termios.TCIFLUSH)
    click.echo(f"To sign it, type the name of the target, {printable(target)}: ", file=writing, nl=False)
    typed = reading.readline().strip()
    if typed != target:
        raise UserError(f"{typed!r:.80} is not the name of the target; nothing was approved")
