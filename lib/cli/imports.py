"""Commands that bring an incident from elsewhere to this machine: exports of logs, and of the table."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lib import places
from lib.cli import options
from lib.cli.terminal import printable
from lib.errors import UserError
from lib.words.nouns import counted

if TYPE_CHECKING:
    from lib.consolidation.warehouse import Column
    from lib.embedded.log_import import LogImport, UnreadLine
    from lib.platform import Platform

_MOST_SHOWN = 20
_MOST_LISTED = 1_000

files = click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))


@click.group("import")
def imports() -> None:
    """Bring exports of Cloud Logging and BigQuery onto this machine, to look into an incident here."""


@imports.command()
@files
@click.option("--service", help="Whose lines they are that name no service; the coordinator's if left out.")
@options.environment
@options.as_json
def logs(files: tuple[Path, ...], service: str | None, environment: str, as_json: bool) -> None:
    """Add the lines of FILE... to the logs: `gcloud logging read --format=json`, JSON lines or plain text.

    A line that is there already is not added again. What cannot be read is named; exits 2 only if nothing could be.
    """
    from lib.embedded.log_import import import_logs

    platform = _embedded(environment, "Cloud Logging")
    service = service or platform.environment.services.coordinator
    done = import_logs(places.home(), files, service=service)
    for line in _unread(done.unread):
        click.echo(printable(line), err=True)
    if as_json:
        options.echo_json(
            {
                "services": {name: asdict(lines) for name, lines in done.services.items()},
                "doubled": done.doubled,
                "without_service": done.without_service,
                "not_read": len(done.unread),
                "unread": [asdict(one) for one in done.unread[:_MOST_LISTED]],
            }
        )
        return
    for line in _said_of_logs(platform, done, service):
        click.echo(printable(line))


@imports.command()
@files
@options.environment
@options.as_json
def rows(files: tuple[Path, ...], environment: str, as_json: bool) -> None:
    """Fill the empty main table with FILE..., a table's export (.parquet, .jsonl): all files or none.

    A table that is missing, or the empty one that this platform starts with, is made with the columns of the files.
    """
    from lib.embedded.adapters import MAIN_TABLE
    from lib.embedded.duckdb_warehouse import DuckdbWarehouse
    from lib.embedded.row_import import import_rows

    platform = _embedded(environment, "BigQuery")
    warehouse = platform.adapters.warehouse
    assert isinstance(warehouse, DuckdbWarehouse), "an embedded environment has no other"
    done = import_rows(warehouse, platform.table, files, MAIN_TABLE)
    total = sum(done.rows.values())
    if as_json:
        options.echo_json(
            {
                "table": str(done.table),
                "rows": total,
                "files": {str(file): rows for file, rows in done.rows.items()},
                "columns": {column.name: column.type for column in done.columns},
                "what_happened": done.what_happened,
            }
        )
        return
    for file, number in done.rows.items():
        click.echo(printable(f"{file}: {counted(number, 'row')}"))
    click.echo(f"{done.table}: {done.what_happened}: {_by_type(done.columns)}")
    click.echo(f"{counted(total, 'row')} of {done.first or 'no date'} to {done.last or 'no date'}")
    if done.last:
        click.echo(f"Next: {platform.commands.run('duplicate_diagnosis', {'date': done.last})}")


def _by_type(columns: Sequence[Column]) -> str:
    counts = Counter(column.type for column in columns)
    return ", ".join(f"{number} {type_}" for type_, number in counts.most_common())


def _embedded(environment: str, source: str) -> Platform:
    from lib.environment import load_environment
    from lib.platform import connect

    if load_environment(environment).platform != "embedded":
        raise UserError(
            f"environment {environment} is on Google Cloud, where runbooks read {source} itself; "
            "import into an embedded one, such as --env local"
        )
    return connect(environment)


def _unread(unread: Sequence[UnreadLine]) -> list[str]:
    said = [f"not read: {one}" for one in unread[:_MOST_SHOWN]]
    more = len(unread) - len(said)
    return [*said, f"not read: {more:,} more"] if more else said


def _said_of_logs(platform: Platform, done: LogImport, service: str) -> list[str]:
    from lib.words.dates import local_time

    zone = platform.environment.timezone
    said = [
        f"{name}: {counted(lines.added, 'line')} added, {lines.known:,} were there already; "
        f"{local_time(lines.first, zone)} to {local_time(lines.last, zone)}"
        for name, lines in done.services.items()
    ]
    if done.doubled:
        said.append(f"{counted(done.doubled, 'entry', 'is')} in a file more than once; each counts once")
    if done.without_service:
        said.append(
            f"{counted(done.without_service, 'line', 'names')} no service: taken for {service}'s (--service NAME)"
        )
    if done.unread:
        said.append(f"{counted(len(done.unread), 'line')} could not be read")
    newest = max(lines.last for lines in done.services.values()) + timedelta(seconds=1)
    look = platform.commands.run("day1_monitoring")
    return [
        *said,
        f"Next, as of the newest line: RUNBOOK_NOW={shlex.quote(newest.isoformat(timespec='seconds'))} {look}",
    ]
