"""Commands that run, list and create runbooks."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from lib.cli import options
from lib.cli.backfill import run_over
from lib.cli.terminal import echo_conclusion, printable
from lib.errors import UserError

if TYPE_CHECKING:
    from lib.archive.archive import Archive, Run
    from lib.archive.record import Origin
    from lib.verdict.check import Check


@click.command()
@click.argument("name")
@options.assignments
@options.timeout_seconds
@click.option(
    "--over", metavar="DATES", help="One run per date: date=2026-01-01..2026-01-31, or a comma-separated list."
)
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 64), help="With --over: parallel runs.")
@click.option("--cloud-run-task", is_flag=True, help="With --over: only this Cloud Run task's share of the dates.")
@click.option("--planned-at", metavar="TIME", help="Run as of this time, even if late: 2026-01-18T09:00:00-05:00.")
@click.option("--schedule", "entry", default="", metavar="ENTRY", help="For the record: the schedule entry.")
@click.option("--retry-of", metavar="ID", help="For the record: the run that this one retries.")
@click.option("--progress", "has_progress", is_flag=True, hidden=True, help="Report progress even without a terminal.")
@click.option("--stop-with-caller", "has_caller", is_flag=True, hidden=True, help="Stop when standard input ends.")
@click.option("--agent", default="", hidden=True, help="For the record: the client through which an agent asked.")
@options.environment
@options.as_json
def run(
    name: str,
    assignments: tuple[str, ...],
    timeout_seconds: float,
    over: str | None,
    jobs: int,
    cloud_run_task: bool,
    planned_at: str | None,
    entry: str,
    retry_of: str | None,
    has_progress: bool,
    has_caller: bool,
    agent: str,
    environment: str,
    as_json: bool,
) -> None:
    """Execute the runbook NAME, archive it, print its verdict.

    With --over, executes it once per date. Exits 0 when healthy, 1 on a FAIL verdict, 2 on bad input, 3 when it could
    not run or could not read what it checks.
    """
    from lib import read_only
    from lib.archive.archive import Archive
    from lib.runbooks.catalogue import find_runbook
    from lib.runbooks.execution import execute
    from lib.runbooks.parameters import parse_assignments
    from lib.runbooks.stop import Limits, stop_with_caller
    from lib.site.build import build_site

    if has_caller:
        stop_with_caller()
    if agent and read_only.VARIABLE not in os.environ:
        raise click.UsageError(f"--agent needs a read-only run: set {read_only.VARIABLE}")
    runbook, parameters = find_runbook(name), parse_assignments(list(assignments))
    if over is not None:
        if planned_at or entry or retry_of:
            raise click.UsageError(
                "--planned-at, --schedule and --retry-of are for one run; leave them out with --over"
            )
        run_over(
            runbook,
            over,
            parameters,
            environment=environment,
            jobs=jobs,
            timeout_seconds=timeout_seconds,
            is_task=cloud_run_task,
            as_json=as_json,
        )
    if cloud_run_task or jobs != 1:
        raise click.UsageError("--jobs and --cloud-run-task need --over")
    archive = Archive()
    finished = execute(
        runbook,
        parameters,
        environment=environment,
        archive=archive,
        limits=Limits(run_seconds=timeout_seconds),
        origin=replace(_origin(archive, planned_at, entry, retry_of), agent=agent),
        progress=has_progress or None,
        on_change=build_site,
    )
    echo_run(finished, archive, as_json=as_json)
    raise click.exceptions.Exit(finished.exit_code)


def echo_run(finished: Run, archive: Archive, *, as_json: bool) -> None:
    """Print what an ended run found.

    Args:
        finished: The run.
        archive: Where it is kept.
        as_json: Print one JSON object.
    """
    if as_json:
        options.echo_json(as_data(finished, archive))
    else:
        _show_run(finished, archive)


def _origin(archive: Archive, planned_at: str | None, entry: str, retry_of: str | None) -> Origin:
    from lib import places
    from lib.archive.record import Origin

    origin = Origin(entry, places.moment(planned_at, "--planned-at") if planned_at else None)
    if retry_of is None:
        return origin
    first = archive.run(retry_of)
    return replace(origin, retry_of=first.run_id, attempt=first.record.origin.attempt + 1)


def as_data(finished: Run, archive: Archive) -> dict[str, Any]:
    """Return what `runbook run --json` prints: a summary, the checks, and the digest of the plan shown, if any."""
    record = finished.record
    return {
        **brief_data(finished, archive),
        "refused": record.refused,
        "plan": record.plan,
        "checks": [_check_data(check) for check in record.checks],
    }


def _check_data(check: Check) -> dict[str, Any]:
    data = check.as_data()
    return {"id": data.pop("id"), "title": data.pop("name"), **data}


def brief_data(finished: Run, archive: Archive) -> dict[str, Any]:
    """Return a run's summary, as one row of a list."""
    record = finished.record
    return {
        "runbook": record.runbook,
        "run_id": record.run_id,
        "status": str(record.status),
        "verdict": record.verdict,
        "headline": record.headline,
        "report": archive.store.address(finished.report),
        "notebook": archive.store.address(finished.notebook),
        "seconds": record.seconds,
        "exit_code": record.exit_code,
    }


def _show_run(finished: Run, archive: Archive) -> None:
    record = finished.record
    echo_conclusion(record.runbook, record.verdict, record.headline, record.checks, record.timezone)
    click.echo(f"Report: {archive.store.address(finished.report)}")


@click.command("list")
def list_runbooks() -> None:
    """List the runbooks."""
    from lib import places
    from lib.runbooks.catalogue import hidden_notebooks, runbooks

    titles: dict[str, str] = {}
    for path in hidden_notebooks():
        click.echo(f"runbook: {printable(str(path))} is a hidden file, not a runbook; delete it", err=True)
    for runbook in runbooks():
        try:
            titles[runbook.name] = runbook.title
        except UserError as error:
            click.echo(f"runbook: {printable(str(error))}", err=True)
    if not titles:
        raise UserError(f"no runbooks in {' or '.join(map(str, places.notebooks()))}")
    width = max(map(len, titles), default=0)
    for name, title in titles.items():
        click.echo(f"{printable(name):{width}}  {printable(title)}")


@click.command()
@click.argument("name")
def params(name: str) -> None:
    """Show the parameters of the runbook NAME, with defaults."""
    from lib.runbooks.catalogue import find_runbook

    for parameter in find_runbook(name).parameters:
        click.echo(f"{parameter.name}: {parameter.type.text} = {parameter.default!r}")
        if parameter.help:
            click.echo(f"    {parameter.help}")


@click.command()
@click.argument("name")
@click.option("--title", default="", metavar="QUESTION", help="The question it answers, such as: Is a lock stuck?")
def new(name: str, title: str) -> None:
    """Create the runbook NAME: a notebook and a first step."""
    from lib.runbooks.frame import write_frame

    notebook, step = write_frame(name, title or f"{name.replace('_', ' ').capitalize()}?")
    click.echo(f"Notebook: {printable(str(notebook))}")
    click.echo(f"Step:     {printable(str(step))}, UNKNOWN until you write it")
    click.echo(f"Try it:   runbook run {printable(name)}")
    click.echo("Then:     make readme, which adds it to docs/reference/runbooks.md")
