"""Commands on dialects: what is understood of lines that services wrote."""

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
    """How services write their log lines (params/dialects)."""


@dialect.command()
@click.argument("file", type=click.Path(path_type=Path))
@options.environment
def test(file: Path, environment: str) -> None:
    """Show line by line what is understood of the log lines in FILE.

    FILE holds JSON lines, what `gcloud logging read --format=json` prints, or plain text. Lines that speak
    neither of the lock, nor a MERGE, nor staging are only counted. Exits 0 when all others are understood,
    1 when one is not, 2 when the file cannot be read. The runs that the lines make are shown last.
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
        raise UserError(f"{file} holds no log line{why}")
    counted: Counter[str] = Counter()
    for entry in export.entries:
        event = dialects.event(entry)
        if event is None and not speaks_of_it(entry.message):
            counted["of something else"] += 1
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
    """``[batch=b, date=2026-01-17] ``: what is read from the line."""
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
    """``batch b of 2026-01-17, completed, waited 0.3 s for the lock, MERGE 8.2 s, as a1 or a2 writes``"""
    from lib.words.quantities import spoken_seconds

    said = [f"batch {run.batch_id or 'not named'} of {run.likely_game_date or 'an unknown date'}"]
    said.append(run.progress(run.last_at, 0).value if run.failure is None else run.failure.in_words)
    if run.lock_wait_seconds is not None:
        said.append(f"waited {spoken_seconds(run.lock_wait_seconds)} for the lock")
    if run.merge_seconds is not None:
        said.append(f"MERGE {spoken_seconds(run.merge_seconds)}")
    most = max(run.dialects.values())
    names = [name for name, lines in run.dialects.items() if lines == most]
    return ", ".join([*said, f"as {' or '.join(names)} writes"])


def _since(event: Event) -> str:
    """From when the duration counts; where dialects differ, the other lines of its run decide."""
    by_origin: dict[str, list[str]] = {}
    for name, origin in event.counts_from.items():
        by_origin.setdefault(_ORIGINS[origin], []).append(name)
    return "".join(f" from {origin} ({', '.join(names)})" for origin, names in by_origin.items())
