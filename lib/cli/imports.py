"""Commands that import an incident's exported logs and table rows, to investigate it on this machine."""

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
    """Import exported logs and rows, to investigate them locally."""


@imports.command()
@files
@click.option("--service", help="Service of lines that do not name one.  [default: the coordinator]")
@options.environment
@options.as_json
def logs(files: tuple[Path, ...], service: str | None, environment: str, as_json: bool) -> None:
    """Add the lines of FILE... to the logs.

    FILE holds the output of `gcloud logging read --format=json`, JSON lines or plain text. Lines that were imported
    before are skipped. Unreadable lines are listed; exits 2 only if no line can be read.
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
    for line in _log_summary(platform, done, service):
        click.echo(printable(line))


@imports.command()
@files
@options.environment
@options.as_json
def rows(files: tuple[Path, ...], environment: str, as_json: bool) -> None:
    """Load FILE..., a table's export, into the empty main table.

    Files are .parquet or .jsonl; either all are loaded or none. If the table is missing, or is still the empty
    default table, it is created with the columns of the files.
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
            f"environment {environment} is on Google Cloud, where runbooks read {source} directly; "
            "import into an embedded environment, such as --env local"
        )
    return connect(environment)


def _unread(unread: Sequence[UnreadLine]) -> list[str]:
    shown = [f"not read: {line}" for line in unread[:_MOST_SHOWN]]
    more = len(unread) - len(shown)
    return [*shown, f"not read: {more:,} more"] if more else shown


def _log_summary(platform: Platform, done: LogImport, service: str) -> list[str]:
    from lib.words.dates import local_time

    zone = platform.environment.timezone
    summary = [
        f"{name}: {counted(lines.added, 'line')} added, {lines.known:,} already known; "
        f"{local_time(lines.first, zone)} to {local_time(lines.last, zone)}"
        for name, lines in done.services.items()
    ]
    if done.doubled:
        summary.append(f"{counted(done.doubled, 'entry', 'is')} in a file more than once; each counts once")
    if done.without_service:
        summary.append(
            f"{counted(done.without_service, 'line', 'names')} no service: attributed to {service} (--service NAME)"
        )
    if done.unread:
        summary.append(f"{counted(len(done.unread), 'line')} could not be read")
    newest = max(lines.last for lines in done.services.values()) + timedelta(seconds=1)
    look = platform.commands.run("day1_monitoring")
    return [
        *summary,
        f"Next, as of the newest line: RUNBOOK_NOW={shlex.quote(newest.isoformat(timespec='seconds'))} {look}",
    ]
