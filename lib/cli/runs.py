"""Commands on runbooks and their runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lib.cli import options
from lib.cli.terminal import printable, styled_verdict

if TYPE_CHECKING:
    from lib.runbooks.archive import Run


@click.command()
@click.argument("name")
@click.option("-p", "--parameter", "assignments", multiple=True, metavar="KEY=VALUE", help="See `runbook params NAME`.")
@click.option("--timeout-seconds", default=3600.0, show_default=True, type=options.seconds(zero=False))
@options.environment
@options.as_json
def run(name: str, assignments: tuple[str, ...], timeout_seconds: float, environment: str, as_json: bool) -> None:
    """Execute the runbook NAME, archive it, and tell its verdict.

    Exits 0 when healthy, 1 on a FAIL verdict, 2 on bad input, 3 when it could not run
    or could not look.
    """
    from lib.runbooks.catalogue import find_runbook
    from lib.runbooks.execution import execute
    from lib.runbooks.parameters import parse_assignments
    from lib.runbooks.stopping import Limits

    finished = execute(
        find_runbook(name),
        parse_assignments(list(assignments)),
        environment=environment,
        limits=Limits(run_seconds=timeout_seconds),
    )
    if as_json:
        options.echo_json(_as_data(finished))
    else:
        _show(finished)
    raise click.exceptions.Exit(finished.exit_code)


def _as_data(finished: Run) -> dict[str, Any]:
    record = finished.record
    return {
        "runbook": record.runbook,
        "run_id": record.run_id,
        "status": str(record.status),
        "verdict": record.verdict,
        "headline": record.headline,
        "report": str(finished.report),
        "notebook": str(finished.notebook),
        "seconds": record.seconds,
    }


def _show(finished: Run) -> None:
    record = finished.record
    click.echo(f"{styled_verdict(record.verdict)}  {record.runbook}: {printable(record.headline)}")
    for check in record.checks:
        click.echo(f"  {styled_verdict(check.verdict)}  {printable(check.name)}: {printable(check.summary)}")
        if check.next_step:
            click.echo(f"           → {printable(check.next_step)}")
    click.echo(f"Report: {finished.report}")


@click.command("list")
def list_runbooks() -> None:
    """The runbooks there are."""
    from lib.runbooks.catalogue import runbooks

    known = runbooks()
    width = max((len(runbook.name) for runbook in known), default=0)
    for runbook in known:
        click.echo(f"{runbook.name:{width}}  {runbook.title}")


@click.command()
@click.argument("name")
def params(name: str) -> None:
    """The parameters of the runbook NAME, with their types and defaults."""
    from lib.runbooks.catalogue import find_runbook

    for parameter in find_runbook(name).parameters:
        click.echo(f"{parameter.name}: {parameter.type.text} = {parameter.default!r}")
        if parameter.help:
            click.echo(f"    {parameter.help}")


@click.group()
def site() -> None:
    """The index of all runs."""


@site.command()
def build() -> None:
    """Write the index of all archived runs anew."""
    from lib.runbooks.archive import Archive
    from lib.runbooks.index import build_index

    click.echo(f"Index: {build_index(Archive())}")
