"""`runbook audit`: what people changed."""

from __future__ import annotations

from dataclasses import asdict

import click

from lib.cli import options
from lib.cli.terminal import printable


@click.command()
@options.environment
@options.as_json
def audit(environment: str, as_json: bool) -> None:
    """Every change on record, newest first: who, when, why, and how it is undone."""
    from lib.consolidation.upkeep.audit import ActionStatus
    from lib.operations.changes.audit import changes, releases
    from lib.platform import connect

    platform = connect(environment)
    known = sorted([*releases(platform), *changes(platform)], key=lambda record: record.filed_at, reverse=True)
    if as_json:
        options.echo_json({"actions": [asdict(record) for record in known]})
        return
    if not known:
        click.echo("No changes: nobody has released, repaired or undone anything.")
    for record in known:
        state = ActionStatus(record.status).words
        click.echo(
            printable(
                f"{record.filed_at:%Y-%m-%d %H:%M:%S} UTC  {record.action} of {record.target}  {state}  "
                f"by {record.actor}: {record.reason}"
            )
        )
        click.echo(printable(f"    undo: {record.undo}"))
