"""Commands that check an environment, read its services' logs, and test its notification channels."""

from __future__ import annotations

from datetime import timedelta

import click

from lib import places
from lib.cli import options
from lib.cli.terminal import echo_conclusion, printable
from lib.errors import Unavailable, UserError


@click.command()
@options.environment
@options.as_json
def doctor(environment: str, as_json: bool) -> None:
    """Report what an environment lacks, and how to add it.

    Read-only. Exits 0 when runbooks can run, 1 when something is missing, 3 when something
    could not be checked.
    """
    from lib.operations.doctor import examine
    from lib.platform import connect

    conclusion = examine(connect(environment))
    if as_json:
        options.echo_json({"environment": environment, **conclusion.as_data()})
    else:
        echo_conclusion(environment, conclusion.verdict, conclusion.headline, conclusion.checks)
    raise click.exceptions.Exit(conclusion.verdict.exit_code)


@click.command()
@click.argument("service")
@click.option("--errors", is_flag=True, help="Only error lines.")
@click.option("--any", "any_line", is_flag=True, help="All lines, not only those about the lock or a consolidation.")
@click.option("--hours", default=24.0, show_default=True, type=options.NumberRange(min=0, max=24 * 400, min_open=True))
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1), help="Only the newest lines.")
@options.environment
def logs(service: str, errors: bool, any_line: bool, hours: float, limit: int, environment: str) -> None:
    """Show what SERVICE logged about consolidations, oldest first."""
    from lib.operations.logs.dialects import load_dialects
    from lib.operations.logs.lines import ERROR_WORDS, is_error
    from lib.platform import connect
    from lib.words.dates import local_time

    platform = connect(environment)
    now = places.now()
    dialects = load_dialects(platform.environment.dialects)
    wanted = () if any_line else ERROR_WORDS if errors else dialects.anchors
    found = platform.logs.entries(
        [service], since=now - timedelta(hours=hours), until=now, containing=wanted, or_errors=errors
    )
    entries = [entry for entry in found if not errors or is_error(entry, dialects)]
    for entry in entries[-limit:]:
        at = local_time(entry.timestamp, platform.environment.timezone)
        click.echo(f"{at}  {entry.instance or '-':24}  {printable(entry.message)}")
    if not entries:
        click.echo("No matching lines; --any shows all lines.", err=True)


@click.group()
def notify() -> None:
    """Test the channels that receive verdicts."""


@notify.command()
@options.environment
def test(environment: str) -> None:
    """Send a test message to every channel of an environment.

    Exits 0 when all accepted it, 3 when one did not.
    """
    import apprise  # noqa: F401 - report a missing extra here, not from each delivery's own process

    from lib.environment import load_environment, redactor_of
    from lib.runbooks.notification import Message, alert_key, send
    from lib.verdict.verdict import Verdict

    settings = load_environment(environment)
    channels = settings.notifications.channels
    if not channels:
        raise UserError(f"environment {environment} has no notifications.channels; see params/environments")
    text = "Someone is testing this channel."
    message = Message(f"A test from {environment}", text, Verdict.PASS, alert_key(environment, "test"))
    timeout_seconds = settings.notifications.timeout_seconds
    sent = send(message, channels, redactor_of(settings), timeout_seconds=timeout_seconds)
    for line in sent:
        click.echo(printable(line))
    failed = [line for line in sent if not line.startswith("notified ")]
    if failed:
        raise Unavailable(f"{len(failed)} of {len(sent)} channels could not be notified")
