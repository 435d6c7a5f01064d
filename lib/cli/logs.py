"""`runbook logs`: what a service logged, on either platform."""

from __future__ import annotations

from datetime import timedelta

import click

from lib import places
from lib.cli import options
from lib.cli.terminal import printable


@click.command()
@click.argument("service")
@click.option("--errors", is_flag=True, help="Only error lines.")
@click.option("--any", "any_line", is_flag=True, help="Every line, not only those of the lock and the consolidation.")
@click.option("--hours", default=24.0, show_default=True, type=options.NumberRange(min=0, max=24 * 400, min_open=True))
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1), help="Only the newest lines.")
@options.environment
def logs(service: str, errors: bool, any_line: bool, hours: float, limit: int, environment: str) -> None:
    """What SERVICE logged about the lock, the MERGE and the validation; oldest first."""
    from lib.operations.logs.lines import ANCHORS, ERROR_WORDS, is_error
    from lib.platform import connect
    from lib.words.dates import local_time

    platform = connect(environment)
    now = places.now()
    wanted = () if any_line else ERROR_WORDS if errors else tuple(ANCHORS)
    found = platform.logs.entries(
        [service], since=now - timedelta(hours=hours), until=now, containing=wanted, or_errors=errors
    )
    entries = [entry for entry in found if not errors or is_error(entry)]
    for entry in entries[-limit:]:
        at = local_time(entry.timestamp, platform.environment.timezone)
        click.echo(f"{at}  {entry.instance or '-':24}  {printable(entry.message)}")
    if not entries:
        click.echo("No such line; --any shows every line.", err=True)
