"""Commands on the fence of a table."""

from __future__ import annotations

import click

from lib.cli import options
from lib.cli.changes import show_or_apply


@click.group()
def fence() -> None:
    """What the fence of the table records."""


@fence.command()
@click.option("--plan", metavar="DIGEST", help="Of the plan that you looked at; without it the plan is shown.")
@click.option("--reason", help="Why; kept in the record of changes.")
@options.environment
def spec(plan: str | None, reason: str | None, environment: str) -> None:
    """Show or change what the table is consolidated by: date, key and active columns.

    All consolidations of a table have to agree on it. To change it, change the settings
    of every environment and service that consolidates the table, then apply the plan.
    """
    from lib.operations.changes.spec_change import SpecChange
    from lib.platform import connect

    platform = connect(environment)
    target = str(platform.table.table)
    show_or_apply(
        platform, SpecChange(platform), ("fence", "spec"), parameter="table", target=target, plan=plan, reason=reason
    )
