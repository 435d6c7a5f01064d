"""`runbook notify`: whether notifications arrive."""

from __future__ import annotations

import click

from lib.cli import options
from lib.cli.terminal import printable
from lib.errors import Unavailable, UserError


@click.group()
def notify() -> None:
    """Try the channels that verdicts are sent to."""


@notify.command()
@options.environment
def test(environment: str) -> None:
    """Send a message to every channel of an environment.

    Exits 0 when all took it, 3 when one did not.
    """
    from lib.environment import load_environment, redactor_of
    from lib.runbooks.notification import Message, alert_key, send
    from lib.verdict.verdict import Verdict

    settings = load_environment(environment)
    channels = settings.notifications.channels
    if not channels:
        raise UserError(f"environment {environment} has no notifications.channels; see params/environments")
    text = "Somebody tried whether this channel works."
    message = Message(f"A test from {environment}", text, Verdict.PASS, alert_key(environment, "test"))
    timeout_seconds = settings.notifications.timeout_seconds
    sent = send(message, channels, redactor_of(settings), timeout_seconds=timeout_seconds)
    for line in sent:
        click.echo(printable(line))
    failed = [line for line in sent if not line.startswith("told ")]
    if failed:
        raise Unavailable(f"{len(failed)} of {len(sent)} channels could not be notified")
