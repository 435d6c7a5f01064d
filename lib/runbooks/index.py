"""``index.html`` of the archive: the newest verdict of each runbook, then all runs."""

from __future__ import annotations

import fcntl
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from lib.errors import Unavailable
from lib.operations.verdict import Verdict
from lib.runbooks.archive import RECORD, REPORT, Archive, DamagedRun, Run, write_atomically
from lib.runbooks.record import RunStatus, utc_now
from lib.runbooks.templating import in_words, in_zone, render

INDEX = "index.html"


@dataclass(frozen=True)
class Row:
    """One run as the index shows it.

    `verdict` is None while it runs; `where` is the cell that stopped it, unless the headline says so;
    `was_refused`: it asked for what could not be done.
    """

    environment: str
    runbook: str
    title: str
    link: str
    verdict: str | None
    status: str
    headline: str
    where: str
    when: str
    took: str
    was_refused: bool = False


def build_index(archive: Archive) -> Path:
    """Write the archive's index anew; runs that end at once do not lose each other.

    Raises:
        Unavailable: It cannot be written.
    """
    path = archive.root / INDEX
    with _one_at_a_time(archive.root):
        runs = list(archive.runs())
        rows = [_row(archive.root, run) for run in runs]
        latest = sorted(_newest_of_each(rows), key=_worst_first)
        tally = Counter(row.verdict or "RUNNING" for row in latest)
        # In the zone of the newest run, to be compared with the times above it.
        timezone = next((run.record.timezone for run in runs if isinstance(run, Run)), "UTC")
        now = in_zone(utc_now(), timezone)
        page = render("index.html.jinja", {"rows": rows, "latest": latest, "tally": tally.most_common(), "now": now})
        write_atomically(path, page.encode("utf-8", "replace"))
    return path


@contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    # Otherwise the slower of two could replace the index with one that lacks the other's run.
    try:
        root.mkdir(parents=True, exist_ok=True)
        with (root / ".index.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise Unavailable(f"the index of {root} cannot be written: {error.strerror}") from error


def _newest_of_each(rows: list[Row]) -> list[Row]:
    """Somebody's mistyped approval must not hide what the runbook found last."""
    newest: dict[tuple[str, str], Row] = {}
    for row in sorted(rows, key=lambda row: row.was_refused):
        newest.setdefault((row.environment, row.runbook), row)
    return list(newest.values())


def _worst_first(row: Row) -> tuple[int, str, str]:
    return (-Verdict(row.verdict).badness if row.verdict else 0, row.environment, row.runbook)


def _row(root: Path, run: Run | DamagedRun) -> Row:
    # The place and the links come from the path: a record is no authority on where it lies.
    environment, runbook, run_id = run.folder.relative_to(root).parts
    place = quote(f"{environment}/{runbook}/{run_id}/")
    if isinstance(run, DamagedRun):
        return Row(environment, runbook, runbook, place, Verdict.UNKNOWN, "damaged", run.reason, "", run_id, "-")
    record = run.record
    has_report = record.status not in (RunStatus.RUNNING, RunStatus.ABANDONED)
    return Row(
        environment=environment,
        runbook=runbook,
        title=record.title,
        link=place + (REPORT if has_report else RECORD),
        verdict=record.verdict,
        status=record.status.words,
        headline=record.headline[:300],
        where=record.error.cell if record.error and record.error.says_it_all else "",
        when=in_zone(record.started_at, record.timezone),
        took=in_words(record.seconds),
        was_refused=record.was_refused,
    )
