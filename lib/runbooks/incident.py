"""Gather an incident: what runs found, what services logged, and what people changed.

A source that cannot be read is named with the reason; the others are still shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from lib.archive.archive import Archive, Run
from lib.archive.record import RunStatus, utc_now
from lib.archive.search import Selection
from lib.errors import RunbookError, UserError
from lib.operations.changes.audit import changes, releases
from lib.operations.logs.history import LogHistory
from lib.runbooks.pictures import timelines_in
from lib.verdict.verdict import Verdict, worst

if TYPE_CHECKING:
    from lib.consolidation.upkeep.audit import ActionRecord
    from lib.operations.logs.timeline import Consolidation
    from lib.platform import Platform
    from lib.ports.logs import LogEntry
    from lib.verdict.timeline.data import Timeline

_BEFORE_THE_RUNS = timedelta(hours=24)
_MOST_PICTURES = 3
_T = TypeVar("_T")


@dataclass(frozen=True)
class Incident:
    """The content of an incident report.

    Attributes:
        title: May be empty.
        platform: Where it happened.
        since: Start of the period (UTC), included.
        until: End of the period (UTC), excluded.
        runs: The runs that investigated it, oldest first.
        history: The logs of the period.
        consolidations: Reconstructed from the log lines, ordered by start.
        lines: The relevant log lines, oldest first.
        actions: What people changed, oldest first.
        pictures: Timelines that the runs showed, each once, starting with those of the worst run.
        unread: The reason why a source could not be read, by source.
    """

    title: str
    platform: Platform
    since: datetime
    until: datetime
    runs: Sequence[Run]
    history: LogHistory
    consolidations: Sequence[Consolidation]
    lines: Sequence[LogEntry]
    actions: Sequence[ActionRecord]
    pictures: Sequence[Timeline]
    unread: Mapping[str, str]

    @property
    def newest_runs(self) -> list[Run]:
        """The newest run of each runbook, for the current state."""
        return list({run.record.runbook: run for run in self.runs}.values())

    @property
    def worst_run(self) -> Run | None:
        """The first run with the worst verdict, which describes best what happened; None without runs."""
        return max(self.runs, key=lambda run: verdict_of(run).badness, default=None)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of any run."""
        return worst([verdict_of(run) for run in self.runs])


def verdict_of(run: Run) -> Verdict:
    """Return the run's verdict, or UNKNOWN if it has none."""
    return run.record.verdict or Verdict.UNKNOWN


def gather(
    platform: Platform,
    archive: Archive,
    run_ids: Sequence[str] = (),
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    title: str = "",
) -> Incident:
    """Gather what is known about an incident.

    Args:
        platform: Where it happened.
        archive: Where runs are kept.
        run_ids: The runs that investigated it; by default all runs of the period.
        since: Start of the period (UTC); by default a day before the first of those runs, or a day ago.
        until: End of the period (UTC), excluded; by default now.
        title: Title of the report; by default the headline of the worst run.

    Raises:
        UserError: There is no such run, or the period is empty.
    """
    runs = _ended_runs(platform, archive)
    until = until or utc_now()
    if run_ids:
        runs = _chosen(runs, run_ids, f"environment {platform.name} in {archive.address}")
    first = min((run.record.started_at for run in runs), default=until) if run_ids else until
    since = since or first - _BEFORE_THE_RUNS
    if since >= until:
        raise UserError(f"the period from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC is empty; check --since")
    if not run_ids:
        runs = [run for run in runs if since <= run.record.started_at < until]
    history = LogHistory(platform, since, until)
    unread: dict[str, str] = {}
    known = [
        *_read("record of releases", lambda: releases(platform), unread),
        *_read("record of changes", lambda: changes(platform), unread),
    ]
    return Incident(
        title=title,
        platform=platform,
        since=since,
        until=until,
        runs=runs,
        history=history,
        consolidations=_read("logs", lambda: history.consolidations, unread),
        lines=_read("logs", lambda: history.entries, unread),
        actions=sorted(
            (record for record in known if since <= record.filed_at < until), key=lambda record: record.filed_at
        ),
        pictures=_read("pictures of the runs", lambda: _pictures(archive, runs), unread),
        unread=unread,
    )


def _pictures(archive: Archive, runs: Sequence[Run]) -> list[Timeline]:
    """Return one timeline per finding, from the archived notebooks."""
    newest = {run.record.runbook: run for run in runs}.values()
    found: dict[str, Timeline] = {}
    for run in sorted(newest, key=lambda run: -verdict_of(run).badness):
        for picture in timelines_in(_notebook(archive, run)):
            found.setdefault(picture.finding, picture)
    return [*found.values()][:_MOST_PICTURES]


def _notebook(archive: Archive, run: Run) -> Any:
    """Read the archived notebook; without a valid one, as of a killed run, return one without cells."""
    from nbformat.validator import isvalid

    with suppress(FileNotFoundError, ValueError):
        notebook = json.loads(archive.store.read(run.notebook))
        if isinstance(notebook, dict) and notebook.get("nbformat") == 4 and isvalid(notebook):  # type: ignore[no-untyped-call]
            return notebook
    return {"cells": ()}


def _ended_runs(platform: Platform, archive: Archive) -> list[Run]:
    """Return the environment's ended runs, oldest first."""
    runs = [run for run in Selection(environment=platform.name).runs(archive) if isinstance(run, Run)]
    return [run for run in reversed(runs) if run.record.status is not RunStatus.RUNNING]


def _chosen(runs: Sequence[Run], run_ids: Sequence[str], where: str) -> list[Run]:
    missing = sorted(set(run_ids) - {run.run_id for run in runs})
    if missing:
        raise UserError(f"there is no ended run {missing[0]!r:.80} of {where}")
    return [run for run in runs if run.run_id in run_ids]


def _read(source: str, read: Callable[[], list[_T]], unread: dict[str, str]) -> list[_T]:
    try:
        return read()
    except RunbookError as error:
        unread[source] = str(error)
        return []
