"""`runbook doctor`: what is missing, and the command that adds it."""

from __future__ import annotations

import click

from lib.cli import options
from lib.cli.terminal import echo_conclusion


@click.command()
@options.environment
@options.as_json
def doctor(environment: str, as_json: bool) -> None:
    """Report what an environment lacks, with the command that adds it.

    Only looks. Exits 0 when nothing is in the way of a runbook, 1 when something is
    missing, 3 when something could not be looked at.
    """
    from lib.operations.doctor.doctor import examine
    from lib.platform import connect

    conclusion = examine(connect(environment))
    if as_json:
        options.echo_json({"environment": environment, **conclusion.as_data()})
    else:
        echo_conclusion(environment, conclusion.verdict, conclusion.headline, conclusion.checks)
    raise click.exceptions.Exit(conclusion.verdict.exit_code)
