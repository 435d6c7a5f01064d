"""`runbook run NAME --over`: one run per date, reported as each ends and in one table."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn

import click

from lib.cli import options
from lib.cli.terminal import printable, styled_verdict
from lib.errors import UserError

if TYPE_CHECKING:
    from lib.runbooks.backfill import Backfill, DateRun, DateSeries
    from lib.runbooks.catalogue import Runbook

_TASK = ("CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT")


def run_over(
    runbook: Runbook,
    over: str,
    parameters: dict[str, str],
    *,
    environment: str,
    jobs: int,
    timeout_seconds: float,
    is_task: bool,
    as_json: bool,
) -> NoReturn:
    """Run the runbook for each date, and exit with the worst exit code.

    Args:
        runbook: The runbook.
        over: The dates, as `lib.runbooks.backfill.DateSeries` parses them.
        parameters: Given on the command line, without the date.
        environment: Name of the environment.
        jobs: Runs at the same time.
        timeout_seconds: Time limit of each run.
        is_task: Run only this Cloud Run task's share of the dates.
        as_json: Print one JSON object instead of a table.
    """
    from lib.runbooks.backfill import DateSeries, backfill

    series = DateSeries.parse(over, runbook)
    if is_task:
        series = series.share(*_cloud_run_task())
    ended = 0

    def show(run: DateRun) -> None:
        nonlocal ended
        ended += 1
        line = f"[{ended}/{len(series.dates)}] {styled_verdict(run.verdict)} {run.day}  {printable(run.headline)}"
        click.echo(line, err=True)

    done = backfill(
        runbook,
        series,
        parameters,
        environment=environment,
        jobs=jobs,
        timeout_seconds=timeout_seconds,
        on_end=show,
    )
    if as_json:
        options.echo_json(_as_data(runbook, series, done))
    else:
        _show(done)
    raise click.exceptions.Exit(done.exit_code)


def _cloud_run_task() -> tuple[int, int]:
    index, count = (os.environ.get(name, "") for name in _TASK)
    if not (index.isdecimal() and count.isdecimal()):
        raise UserError(f"{' and '.join(_TASK)} are not numbers: this is not a task of a Cloud Run job")
    return int(index), int(count)


def _show(done: Backfill) -> None:
    for run in done.runs:
        click.echo(f"{styled_verdict(run.verdict)}  {run.day}  {printable(run.headline)}")
        if run.report:
            click.echo(f"         Report: {printable(run.report)}")
    if done.not_run:
        click.echo(f"Not run: {', '.join(map(str, done.not_run))}")


def _as_data(runbook: Runbook, series: DateSeries, done: Backfill) -> dict[str, Any]:
    runs = [
        {
            series.parameter: str(run.day),
            "exit_code": run.exit_code,
            "verdict": run.verdict,
            "headline": run.headline,
            "run_id": run.run_id,
            "report": run.report,
        }
        for run in done.runs
    ]
    return {"runbook": runbook.name, "runs": runs, "not_run": [str(day) for day in done.not_run]}
