"""``runbook metrics``: figures for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock

import click

from lib.cli import options
from lib.errors import UserError

_FRESH_SECONDS = 60.0


@click.command()
@click.option(
    "--textfile",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Replace this file, for node_exporter's textfile collector; it ends in .prom.",
)
@options.environment
def metrics(textfile: Path | None, environment: str) -> None:
    """Print what Prometheus can scrape: last verdicts, overdue runs, locks, consolidations, duplicates, backlog.

    A source that cannot be read leaves its metrics out, and has consolidation_source_up 0.
    """
    text = metrics_of([environment])
    if textfile is None:
        click.echo(text, nl=False)
    else:
        write_textfile(textfile, text)


def metrics_of(environments: Sequence[str]) -> bytes:
    """Of the archive, and of these environments' tables."""
    from lib import places
    from lib.archive.archive import Archive
    from lib.metrics.exposition import as_text
    from lib.metrics.runs import RunMetrics
    from lib.metrics.table import TableMetrics
    from lib.platform import connect

    now = places.now()
    return as_text([RunMetrics(Archive(), now), *(TableMetrics(connect(name), now) for name in environments)])


def live_metrics(environments: Sequence[str]) -> Callable[[], bytes]:
    """The same for a server: however often it is scraped, sources are asked once a minute at most."""
    from lib.environment import load_environment

    for name in environments:
        load_environment(name)
    asking = Lock()
    answers: list[tuple[float, bytes]] = []

    def answer() -> bytes:
        with asking:
            if not answers or time.monotonic() - answers[-1][0] > _FRESH_SECONDS:
                answers[:] = [(time.monotonic(), metrics_of(environments))]
            return answers[-1][1]

    return answer


def write_textfile(path: Path, text: bytes) -> None:
    """Replace the file in one step: the collector never reads half of it.

    Raises:
        UserError: It does not end in .prom, which the collector would not read, or may not be written there.
    """
    if path.suffix != ".prom":
        raise UserError(f"--textfile {str(path)!r:.200} must end in .prom; node_exporter reads no other files")
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.write_bytes(text)
        temporary.replace(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        raise UserError(
            f"--textfile {str(path)!r:.200} cannot be written: {error.strerror}; name a file in a folder "
            "that is there and yours to write in"
        ) from error
