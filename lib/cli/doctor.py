"""`runbook doctor`: what is missing, and the command that adds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lib.cli import options
from lib.cli.terminal import printable, styled_verdict

if TYPE_CHECKING:
    from lib.verdict.check import Check
    from lib.verdict.conclusion import Conclusion


@click.command()
@options.environment
@options.as_json
def doctor(environment: str, as_json: bool) -> None:
    """Tell what an environment lacks, with the command that adds it.

    Only looks. Exits 0 when nothing is in the way of a runbook, 1 when something is
    missing, 3 when something could not be looked at.
    """
    from lib.operations.doctor.doctor import examine
    from lib.platform import connect
    from lib.verdict.verdict import Verdict

    conclusion = examine(connect(environment))
    if as_json:
        options.echo_json({"environment": environment, **conclusion.as_data()})
    else:
        _show(environment, conclusion)
    exit_codes = {Verdict.PASS: 0, Verdict.WARN: 0, Verdict.FAIL: 1, Verdict.UNKNOWN: 3}
    raise click.exceptions.Exit(exit_codes[conclusion.verdict])


def _show(environment: str, conclusion: Conclusion) -> None:
    click.echo(f"{styled_verdict(conclusion.verdict)}  {environment}: {printable(conclusion.headline)}")
    for check in conclusion.checks:
        _show_check(check)


def _show_check(check: Check) -> None:
    click.echo(f"  {styled_verdict(check.verdict)}  {printable(check.name)}: {printable(check.summary)}")
    if check.next_step:
        click.echo(f"           → {printable(check.next_step)}")
