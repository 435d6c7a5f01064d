"""``runbook metrics``: metrics for Prometheus."""

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
    help="Write to this file, for node_exporter's textfile collector; must end in .prom.",
)
@options.environment
def metrics(textfile: Path | None, environment: str) -> None:
    """Print metrics of the archive and the table for Prometheus.

    Last verdicts, overdue runs, locks, consolidations, duplicates and backlog. If a source cannot be read, its
    metrics are left out and its consolidation_source_up is 0.
    """
    text = metrics_of([environment])
    if textfile is None:
        click.echo(text, nl=False)
    else:
        write_textfile(textfile, text)


def metrics_of(environments: Sequence[str]) -> bytes:
    """Return the metrics of the archive and of these environments' tables, in Prometheus' text format."""
    from lib import places
    from lib.archive.archive import Archive
    from lib.metrics.exposition import as_text
    from lib.metrics.runs import RunMetrics
    from lib.metrics.table import TableMetrics
    from lib.platform import connect

    now = places.now()
    return as_text([RunMetrics(Archive(), now), *(TableMetrics(connect(name), now) for name in environments)])


def live_metrics(environments: Sequence[str]) -> Callable[[], bytes]:
    """Return a function like `metrics_of` for a server, which reads the sources at most once a minute."""
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
    """Replace the file atomically, so that the collector never reads half of it.

    Raises:
        UserError: The name does not end in .prom, as the collector requires, or the file cannot be written.
    """
    if path.suffix != ".prom":
        raise UserError(f"--textfile {str(path)!r:.200} must end in .prom; node_exporter ignores other files")
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.write_bytes(text)
        temporary.replace(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        raise UserError(
            f"--textfile {str(path)!r:.200} cannot be written: {error.strerror}; give a file in an existing "
            "folder that you may write to"
        ) from error
