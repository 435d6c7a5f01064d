"""Commands that write the files with which other schedulers run the schedule; they call none of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lib.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lib.deploy.cloud_run import Target
    from lib.deploy.cloud_run_jobs import Deployment


@click.group()
def deploy() -> None:
    """Run the schedule on Cloud Run or Airflow."""


def _target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--image", required=True, help="The pushed container image."),
        click.option(
            "--outputs", envvar="RUNBOOK_OUTPUTS", required=True, metavar="URL", help="The archive: gs://bucket/prefix."
        ),
        click.option(
            "--service-account", metavar="EMAIL", help="Account that the jobs run as.  [default: runbooks@PROJECT]"
        ),
        click.option(
            "--output", type=click.Path(path_type=Path, file_okay=False), help="A folder.  [default: deploy/ENV]"
        ),
        options.environment,
    ):
        command = option(command)
    return command


@deploy.command("cloud-run")
@_target_options
def cloud_run(image: str, outputs: str, service_account: str | None, output: Path | None, environment: str) -> None:
    """Write the schedule as Cloud Run and Scheduler jobs.

    For each entry, writes a Cloud Run job and a Cloud Scheduler job. Prints a shell script that
    creates or updates them.
    """
    from lib.deploy.cloud_run_jobs import scheduled
    from lib.deploy.entries import entries_of
    from lib.schedule.settings import load_schedule

    target = _target(environment, image, outputs, service_account)
    _write(scheduled(target, entries_of(load_schedule(), environment)), target, output)


@deploy.command("cloud-run-backfill")
@click.argument("name")
@click.option("--over", required=True, metavar="DATES", help="As in `runbook run`.")
@click.option("--tasks", default=10, show_default=True, type=click.IntRange(1, 100), help="Containers in parallel.")
@options.assignments
@options.timeout_seconds
@_target_options
def cloud_run_backfill(
    name: str,
    over: str,
    tasks: int,
    assignments: tuple[str, ...],
    timeout_seconds: float,
    image: str,
    outputs: str,
    service_account: str | None,
    output: Path | None,
    environment: str,
) -> None:
    """Write a Cloud Run job that runs NAME for many dates.

    Its tasks share the dates. Prints a shell script that creates and starts it.
    """
    from lib.deploy.cloud_run_jobs import over_dates
    from lib.runbooks.catalogue import find_runbook
    from lib.runbooks.parameters import parse_assignments

    target = _target(environment, image, outputs, service_account)
    parameters = parse_assignments(list(assignments))
    job = over_dates(target, find_runbook(name), over, parameters, tasks=tasks, timeout_seconds=timeout_seconds)
    _write([job], target, output)


@deploy.command()
@click.option("--command", default="runbook", show_default=True, help="How a worker calls `runbook`.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="A file.  [default: standard output]")
@options.environment
def airflow(command: str, output: Path | None, environment: str) -> None:
    """Write the schedule as Airflow DAGs, in one Python file."""
    from lib.deploy.airflow import dag_file
    from lib.deploy.entries import entries_of
    from lib.schedule.settings import load_schedule

    text = dag_file(entries_of(load_schedule(), environment), command)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
        click.echo(f"DAGs: {output}")


def _target(environment: str, image: str, outputs: str, service_account: str | None) -> Target:
    from lib.deploy.cloud_run import Target
    from lib.environment import load_environment

    settings = load_environment(environment)
    account = service_account or f"runbooks@{settings.project_id}.iam.gserviceaccount.com"
    return Target(settings, image, outputs, account)


def _write(deployments: Sequence[Deployment], target: Target, folder: Path | None) -> None:
    from lib.deploy.cloud_run_jobs import commands, write_files

    folder = folder or Path("deploy", target.environment.name)
    write_files(deployments, folder)
    for line in commands(deployments, folder, target):
        click.echo(line)
