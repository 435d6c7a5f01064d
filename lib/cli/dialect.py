"""Commands on dialects, which parse the log lines of services."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lib.cli import options
from lib.cli.terminal import printable
from lib.errors import UserError

if TYPE_CHECKING:
    from lib.operations.logs.events import Event
    from lib.operations.logs.timeline import Consolidation

_WIDTH = 24
_NOT_READ = "NOT UNDERSTOOD"
_ORIGINS = {"merge": "the MERGE's start", "start": "before the lock"}


@click.group()
def dialect() -> None:
    """Test the dialects that parse services' log lines."""


@dialect.command()
@click.argument("file", type=click.Path(path_type=Path))
@options.environment
def test(file: Path, environment: str) -> None:
    """Show how log lines are parsed, and which runs they make up.

    FILE holds JSON lines, the output of `gcloud logging read --format=json`, or plain text. Dialects are in
    params/dialects. Lines about anything but the lock, a MERGE or staging are only counted. Exits 0 when all
    other lines are understood, 1 when one is not, 2 when the file cannot be read.
    """
    from lib.environment import load_environment
    from lib.operations.logs.dialects import load_dialects
    from lib.operations.logs.joining import build_timeline
    from lib.operations.logs.lines import parse_events
    from lib.operations.logs.unread import speaks_of_it
    from lib.ports.log_export import read_export

    dialects = load_dialects(load_environment(environment).dialects)
    export = read_export(file, without_time=datetime.fromtimestamp(0, UTC))
    if not export.entries:
        why = f": {export.unread[0].place}: {export.unread[0].why}" if export.unread else ""
        raise UserError(f"{file} contains no log lines{why}")
    counted: Counter[str] = Counter()
    for entry in export.entries:
        event = dialects.event(entry)
        if event is None and not speaks_of_it(entry.message):
            counted["about something else"] += 1
            continue
        counted["understood" if event else "not understood"] += 1
        click.echo(f"{event.kind if event else _NOT_READ:{_WIDTH}}  {_read(event)}{printable(entry.message)[:400]}")
    for part in export.unread:
        counted["not log lines"] += 1
        click.echo(f"{'NOT A LOG LINE':{_WIDTH}}  {part.place}: {printable(part.why)}")
    for run in build_timeline(parse_events(export.entries, dialects)):
        click.echo(f"{'run':{_WIDTH}}  {printable(_described(run))}")
    click.echo(", ".join(f"{count} {what}" for what, count in counted.items()))
    raise click.exceptions.Exit(1 if counted["not understood"] or counted["not log lines"] else 0)


def _read(event: Event | None) -> str:
    """Return ``[batch=b, date=2026-01-17] ``: the values parsed from the line."""
    if event is None:
        return ""
    values = {
        "batch": event.batch_id or None,
        "date": event.game_date,
        "rows": event.rows,
        "staging tables": event.staging_tables,
        "duplicates": event.duplicates,
        "waited": None if event.waited_seconds is None else f"{event.waited_seconds:g} s",
        "columns": ",".join(event.columns) or None,
        "took": None if event.duration_ms is None else f"{event.duration_ms:g} ms{_since(event)}",
    }
    found = ", ".join(f"{name}={value}" for name, value in values.items() if value is not None)
    return f"[{found}] " if found else ""


def _described(run: Consolidation) -> str:
    """Return ``batch b of 2026-01-17, completed, waited 0.3 s for the lock, MERGE 8.2 s, dialect a1 or a2``."""
    from lib.words.quantities import spoken_seconds

    parts = [f"batch {run.batch_id or 'not named'} of {run.likely_game_date or 'an unknown date'}"]
    parts.append(run.progress(run.last_at, 0).value if run.failure is None else run.failure.in_words)
    if run.lock_wait_seconds is not None:
        parts.append(f"waited {spoken_seconds(run.lock_wait_seconds)} for the lock")
    if run.merge_seconds is not None:
        parts.append(f"MERGE {spoken_seconds(run.merge_seconds)}")
    most = max(run.dialects.values())
    names = [name for name, lines in run.dialects.items() if lines == most]
    return ", ".join([*parts, f"dialect {' or '.join(names)}"])


def _since(event: Event) -> str:
    """Return where the duration starts; if dialects differ, the other lines of the run decide."""
    by_origin: dict[str, list[str]] = {}
    for name, origin in event.counts_from.items():
        by_origin.setdefault(_ORIGINS[origin], []).append(name)
    return "".join(f" from {origin} ({', '.join(names)})" for origin, names in by_origin.items())
