"""`runbook runs`: list, search, show and compare archived runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from lib.cli import options
from lib.cli.keeping import prune, rerun, verify
from lib.cli.runs import as_data, brief_data
from lib.cli.terminal import echo_checks, printable, redactor, styled_verdict
from lib.words.nouns import agreeing, counted

if TYPE_CHECKING:
    from datetime import datetime

    from lib.archive.archive import Archive, DamagedRun, Run
    from lib.archive.comparison import Changed
    from lib.archive.record import RunRecord
    from lib.archive.search import Selection

_VERDICTS = ("PASS", "WARN", "UNKNOWN", "FAIL")
_LONGEST_SIDE = 100


@click.group()
def runs() -> None:
    """Find, compare, repeat, verify and remove archived runs."""


def _selecting(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        options.as_json,
        click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="At most this many."),
        click.option("--until", metavar="TIME", help="Started before this, such as 2026-01-17T18:00; UTC by default."),
        click.option("--since", metavar="TIME", help="Started at this time or later."),
        click.option("--changed", "has_changed", is_flag=True, help="Only runs that changed something."),
        click.option("--verdict", type=click.Choice(_VERDICTS, case_sensitive=False)),
        click.option("--environment", "--env", default="", metavar="NAME"),
        click.option("--runbook", default="", metavar="NAME"),
    ):
        command = option(command)
    return command


@runs.command("list")
@_selecting
def list_runs(limit: int, as_json: bool, **chosen: Any) -> None:
    """List runs, newest first."""
    from itertools import islice

    from lib.archive.archive import Archive

    archive = Archive()
    found = list(islice(_selection(**chosen).runs(archive), limit))
    if as_json:
        options.echo_json({"runs": [_as_row(run, archive) for run in found]})
        return
    for run in found:
        click.echo(_as_line(run))
    if not found:
        click.echo("No matching runs.")


@runs.command()
@click.argument("text")
@_selecting
def search(text: str, limit: int, as_json: bool, **chosen: Any) -> None:
    """List runs that contain every word of TEXT, newest first.

    Searches headline, checks, figures, next steps, errors and parameters, ignoring case, and
    shows the matching fields.
    """
    from lib.archive.archive import Archive
    from lib.archive.search import searched

    archive = Archive()
    found, damaged = searched(archive, _selection(**chosen), text, limit)
    if damaged:
        click.echo(
            f"runbook: {counted(damaged, 'run')} could not be read and {agreeing(damaged, 'was')} not "
            "searched; see `runbook runs list`",
            err=True,
        )
    if as_json:
        rows = [{**_as_row(run, archive), "hits": [hit._asdict() for hit in where]} for run, where in found]
        options.echo_json({"runs": rows})
        return
    for run, where in found:
        click.echo(_as_line(run))
        for hit in where:
            click.echo(f"         {printable(hit.field)}: {printable(hit.text)}")
    if not found:
        click.echo("No matching runs.")


@runs.command()
@click.argument("run_id")
@click.option("--markdown", "as_markdown", is_flag=True, help="A few lines of Markdown, for an issue or a chat.")
@options.as_json
def show(run_id: str, as_markdown: bool, as_json: bool) -> None:
    """Show what RUN_ID found, with its figures. The first digits of an id are enough."""
    import json

    from lib.archive.archive import Archive
    from lib.archive.record import to_json

    archive = Archive()
    run = archive.run(run_id)
    if as_json:
        options.echo_json({**json.loads(to_json(run.record)), **as_data(run, archive)})
        return
    if as_markdown:
        from lib.runbooks.summary import markdown_summary

        text = markdown_summary(run.record, archive.store.address(run.report))
        click.echo(redactor().text(text), nl=False)
        return
    click.echo(_as_line(run))
    for label, value in _facts(run.record):
        click.echo(f"{label:<11}{printable(value)}")
    for change in run.record.changed:
        click.echo(f"{'changed':<11}{printable(f'{change.action} of {change.target}: {change.what}')}")
        click.echo(f"{'undo':<11}{printable(change.undo or change.note or 'none')}")
    for name, value in run.record.parameters.items():
        click.echo(f"{'parameter':<11}{printable(f'{name} = {value}')}")
    echo_checks(run.record.checks, with_evidence=True, timezone=run.record.timezone)
    for name in sorted(archive.store.names(run.place)):
        click.echo(f"{'file':<11}{printable(archive.store.address(name))}")


@runs.command()
@click.argument("run_id")
@click.argument("other", required=False)
@click.option("--week-before", is_flag=True, help="Compare with the same weekday's run one week earlier.")
@click.option(
    "--tolerance-percent",
    default=10.0,
    show_default=True,
    type=options.NumberRange(0, 1_000),
    help="Ignore figures that differ by less.",
)
@click.option("--all", "shows_all", is_flag=True, help="Also show differences that do not matter.")
@options.as_json
def diff(
    run_id: str, other: str | None, week_before: bool, tolerance_percent: float, shows_all: bool, as_json: bool
) -> None:
    """Show what changed in RUN_ID since OTHER.

    OTHER is by default the last run of the same runbook that passed. Exits 1 when a verdict got worse or a new check
    does not pass, 3 when there is nothing to compare with, otherwise 0.
    """
    from lib.archive import comparison
    from lib.archive.archive import Archive
    from lib.archive.comparison import compare

    if other is not None and week_before:
        raise click.UsageError("give either OTHER or --week-before")
    archive = Archive()
    run = comparison.ended(archive.run(run_id))
    if other is not None:
        before = comparison.ended(archive.run(other))
    else:
        before = comparison.week_before(archive, run) if week_before else comparison.last_green(archive, run)
    found = compare(before.record, run.record, tolerance_percent / 100)
    shown = [change for change in found.changes if shows_all or change.matters]
    if as_json:
        changes = [change.as_data() for change in shown]
        options.echo_json({"run": run.place, "before": before.place, "is_worse": found.is_worse, "changes": changes})
    else:
        click.echo(f"before   {_as_line(before)}\nafter    {_as_line(run)}")
        for change in shown:
            click.echo(_as_change(change))
        hidden = len(found.changes) - len(shown)
        click.echo(f"{len(shown)} changes" + (f"; {hidden} more do not matter (--all shows them)" if hidden else ""))
    raise click.exceptions.Exit(int(found.is_worse))


for _command in (verify, rerun, prune):
    runs.add_command(_command)


def _selection(
    runbook: str, environment: str, verdict: str | None, has_changed: bool, since: str | None, until: str | None
) -> Selection:
    from lib.archive.search import Selection
    from lib.verdict.verdict import Verdict

    return Selection(
        runbook=runbook,
        environment=environment,
        verdict=Verdict(verdict) if verdict else None,
        since=options.moment(since, "UTC"),
        until=options.moment(until, "UTC"),
        has_changed=has_changed,
    )


def _as_row(run: Run | DamagedRun, archive: Archive) -> dict[str, Any]:
    from lib.archive.archive import DamagedRun

    environment, runbook, run_id = run.place.split("/")
    row: dict[str, Any] = {"place": run.place, "environment": environment, "runbook": runbook, "run_id": run_id}
    if isinstance(run, DamagedRun):
        return {**row, "status": run.status, "verdict": "UNKNOWN", "headline": run.reason}
    started_at = run.record.started_at.isoformat()
    return {**row, **brief_data(run, archive), "runbook": runbook, "run_id": run_id, "started_at": started_at}


def _as_line(run: Run | DamagedRun) -> str:
    from lib.archive.archive import DamagedRun

    environment, runbook, run_id = run.place.split("/")
    if isinstance(run, DamagedRun):
        verdict, headline = "UNKNOWN", f"{run.status}: {run.reason}"
    else:
        verdict = str(run.record.verdict or "RUNNING")
        headline = run.record.headline or run.record.status.words
    return f"{styled_verdict(verdict)}  {run_id}  {printable(f'{runbook} ({environment}): {headline}')}"


def _facts(record: RunRecord) -> Iterator[tuple[str, str]]:
    took = "" if record.seconds is None else f", took {record.seconds:.1f} s"
    yield "run", f"{record.status.words}; started {_utc(record.started_at)} by {record.who} on {record.host}{took}"
    origin = record.origin
    if origin.planned_at:
        yield "planned", f"for {_utc(origin.planned_at)}" + (f" by {origin.schedule}" if origin.schedule else "")
    if origin.retry_of:
        yield "retry", f"attempt {origin.attempt}, after {origin.retry_of}"
    if origin.rerun_of:
        yield "rerun", f"of {origin.rerun_of}"
    if origin.agent:
        yield "agent", f"read-only, through {origin.agent}"
    if record.error:
        yield "stopped by", f"{record.error.name} in {record.error.cell or 'no cell'}: {record.error.message}"
    yield "code", record.code_version


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _as_change(change: Changed) -> str:
    from lib.words.quantities import spoken

    before, after = (printable(spoken(side))[:_LONGEST_SIDE] for side in (change.before, change.after))
    return f"{change.kind:<8} {printable(change.where)}: {before} → {after}"
