"""Commands that show and run the schedule."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lib.cli import options
from lib.cli.terminal import printable, styled_verdict
from lib.words.nouns import counted

if TYPE_CHECKING:
    from datetime import datetime

    from lib.errors import RunbookError
    from lib.schedule.expected import Overview
    from lib.schedule.firing_record import Occurrence
    from lib.schedule.settings import Schedule

_stop_grace_seconds = click.option(
    "--stop-grace-seconds",
    default=60.0,
    show_default=True,
    type=options.seconds(zero=True),
    help="How long runs may continue after SIGTERM or Ctrl+C.",
)


_of_environment = click.option("--env", "environment", metavar="NAME", help="Only the entries of this environment.")


@click.group()
def schedule() -> None:
    """Show or run the schedule in params/schedule.yaml."""


@schedule.command("list")
@click.option("--count", default=3, show_default=True, type=click.IntRange(0, 100), help="Upcoming firings per entry.")
@click.option("--check", is_flag=True, help="Exit 1 if no scheduler has taken up the newest firing of an entry.")
@_of_environment
@options.as_json
def list_entries(count: int, check: bool, environment: str | None, as_json: bool) -> None:
    """List entries with next firings, last result and missed runs."""
    from lib import places
    from lib.archive.archive import Archive
    from lib.schedule.expected import overviews

    found = list(overviews(_planned(environment), Archive().store, places.now(), count))
    if as_json:
        options.echo_json({"entries": [_as_data(overview) for overview in found]})
    else:
        for overview in found:
            _show(overview)
    if check and any(overview.is_neglected for overview in found):
        raise click.exceptions.Exit(1)


@schedule.command()
@click.option("--entry", metavar="NAME", help="Only this entry.")
@_of_environment
@_stop_grace_seconds
@options.as_json
def once(entry: str | None, environment: str | None, stop_grace_seconds: float, as_json: bool) -> None:
    """Run what is due now, and wait for it.

    For cron and Cloud Scheduler: a firing stays due for its entry's catch_up_seconds. Exits
    with the worst run's exit code; when nothing is due, prints nothing and exits 0.
    """
    from lib import places
    from lib.archive.archive import Archive
    from lib.errors import worst_exit_code
    from lib.schedule.firing import Runner, run_due
    from lib.site.build import build_site

    planned = _planned(environment)
    planned = planned.only(entry) if entry is not None else planned
    problems: list[RunbookError] = []
    runner = Runner(Archive(), stop_grace_seconds, on_change=build_site)
    ended = run_due(planned, runner, places.now(), _echo, problems.append)
    if as_json:
        options.echo_json({"occurrences": [_occurrence_as_data(occurrence) for occurrence in ended]})
    for problem in problems:
        _echo_problem(str(problem))
    codes = [occurrence.exit_code for occurrence in ended] + [problem.exit_code for problem in problems]
    raise click.exceptions.Exit(worst_exit_code(codes))


@schedule.command()
@_of_environment
@_stop_grace_seconds
def run(environment: str | None, stop_grace_seconds: float) -> None:
    """Run every firing at its planned time, until SIGTERM or Ctrl+C.

    Several machines may run this at the same time: each firing is run once, by one of them.
    """
    from lib.archive.archive import Archive
    from lib.schedule.firing import Runner
    from lib.schedule.loop import run_until_stopped
    from lib.site.build import build_site

    planned, archive = _planned(environment), Archive()
    click.echo(f"Running {counted(len(planned.entries), 'entry')}; archive: {printable(archive.address)}", err=True)
    runner = Runner(archive, stop_grace_seconds, on_change=build_site)
    run_until_stopped(planned, runner, _echo, _echo_problem)
    click.echo("Stopped; no runs are left.", err=True)


@schedule.command(hidden=True)
def attempt() -> None:
    """Run one attempt, given as a line of JSON on standard input; the scheduler starts this process for each run."""
    from lib.runbooks.stop import stop_with_caller
    from lib.schedule.attempt import Call
    from lib.schedule.attempt import attempt as run_once
    from lib.site.build import build_site

    call = Call(**json.loads(sys.stdin.buffer.readline()))
    stop_with_caller()
    options.echo_json(asdict(run_once(call, build_site)))


@schedule.command()
@click.argument("entry", metavar="NAME")
def resume(entry: str) -> None:
    """Resume an entry that its on_failure paused. Missed firings are not made up."""
    from lib import places
    from lib.archive.archive import Archive
    from lib.schedule.firings import Ledger
    from lib.schedule.settings import load_schedule
    from lib.site.build import build_site

    [resumed] = load_schedule().only(entry).entries.values()
    archive = Archive()
    Ledger(archive.store).resume(resumed, places.now())
    build_site(archive)
    click.echo(f"Resumed {resumed.name}")


def _planned(environment: str | None) -> Schedule:
    from lib.schedule.settings import load_schedule

    planned = load_schedule()
    return planned if environment is None else planned.of(environment)


def _echo(occurrence: Occurrence) -> None:
    click.echo(_occurrence_as_line(occurrence), err=True)


def _echo_problem(line: str) -> None:
    click.echo(f"runbook: {printable(line)}", err=True)


def _show(overview: Overview) -> None:
    entry = overview.entry
    rests = f"  {click.style(overview.rests, fg='yellow')}" if overview.rests else ""
    click.echo(f"{click.style(entry.name, bold=True)}  {entry.runbook} ({entry.environment}){rests}")
    for upcoming in overview.upcoming:
        values = " ".join(f"{name}={value}" for name, value in upcoming.parameters.items())
        click.echo(f"  next    {_local(upcoming.planned_at, entry.timezone)}  {printable(values)}")
    if overview.last:
        click.echo(f"  last    {_occurrence_as_line(overview.last)}")
    for run in overview.missed:
        line = printable(f"{_local(run.planned_at, entry.timezone)}: {run.reason}")
        click.echo(f"  {click.style('missed', fg='red')}  {line}")


def _occurrence_as_line(occurrence: Occurrence) -> str:
    if not occurrence.attempts:
        state = f"{occurrence.state}: {occurrence.reason}" if occurrence.reason else str(occurrence.state)
        return printable(f"{occurrence.entry}, planned {_utc(occurrence.planned_at)}: {state}")
    last = occurrence.attempts[-1]
    tries = f" (attempt {len(occurrence.attempts)})" if len(occurrence.attempts) > 1 else ""
    line = printable(f"{occurrence.entry}, planned {_utc(occurrence.planned_at)}{tries}: {last.headline}")
    return f"{styled_verdict(last.verdict)} {line}"


def _local(moment: datetime, timezone: str) -> str:
    from lib.words.dates import local_time

    return f"{local_time(moment, timezone)} ({moment:%H:%M} UTC)"


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _as_data(overview: Overview) -> dict[str, Any]:
    entry = overview.entry
    return {
        "entry": entry.name,
        "runbook": entry.runbook,
        "environment": entry.environment,
        "cron": entry.cron,
        "timezone": entry.timezone,
        "rests": overview.rests,
        "next": [
            {"planned_at": upcoming.planned_at.isoformat(), "parameters": upcoming.parameters}
            for upcoming in overview.upcoming
        ],
        "last": _occurrence_as_data(overview.last) if overview.last else None,
        "missed": [{"planned_at": run.planned_at.isoformat(), "reason": run.reason} for run in overview.missed],
    }


def _occurrence_as_data(occurrence: Occurrence) -> dict[str, Any]:
    return {
        "entry": occurrence.entry,
        "runbook": occurrence.runbook,
        "environment": occurrence.environment,
        "planned_at": occurrence.planned_at.isoformat(),
        "state": occurrence.state,
        "reason": occurrence.reason,
        "verdict": occurrence.verdict,
        "exit_code": occurrence.exit_code,
        "run_ids": [attempt.run_id for attempt in occurrence.attempts],
    }
