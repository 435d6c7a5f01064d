"""Write the incident report: one HTML and one Markdown file with the same content.

Both are rendered from the same tables of text, masked before rendering.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from os.path import dirname, relpath
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lib.account import account
from lib.archive.archive import REPORT, Archive, Run
from lib.archive.local_store import LocalStore
from lib.archive.record import utc_now
from lib.consolidation.upkeep.audit import ActionStatus
from lib.environment import redactor_of
from lib.errors import Unavailable, UserError
from lib.operations.changes.audit import spoken_state
from lib.operations.logs.timeline import Consolidation, Progress
from lib.runbooks.incident import Incident, verdict_of
from lib.runbooks.pictures import timeline
from lib.verdict.verdict import Verdict
from lib.words.pages import in_zone, render, render_markdown
from lib.words.quantities import in_one_line, spoken_seconds
from lib.words.text import text_of

_FOLDER = "incidents"
_MOST_ROWS = 300


@dataclass(frozen=True)
class Part:
    """A table of the report.

    Attributes:
        heading: Its heading.
        columns: Names of the columns.
        rows: Texts; one per column in each row.
        empty: Shown when there are no rows.
        note: How to read it; may be empty.
        is_folded: Whether the page shows it folded, because it is long evidence.
    """

    heading: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str
    note: str = ""
    is_folded: bool = False


def write_incident(incident: Incident, archive: Archive, folder: Path | None = None) -> tuple[str, str]:
    """Write ``incident-<UTC time>-<random>.html`` and ``.md``.

    Args:
        incident: The content.
        archive: Where its runs are kept.
        folder: Where to write the files, created if missing; by default ``incidents`` in the archive.

    Returns:
        The addresses of the HTML and the Markdown file.

    Raises:
        UserError: They cannot be written there.
    """
    store = LocalStore(folder) if folder else archive.store
    made_at = utc_now()
    name = f"incident-{made_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    page, text = (f"{name}.{ending}" if folder else f"{_FOLDER}/{name}.{ending}" for ending in ("html", "md"))
    values = _values(incident, archive, store.address(page), made_at)
    try:
        store.write(page, render("incident.html.jinja", values).encode("utf-8", "replace"))
        store.write(text, render_markdown("incident.md.jinja", values).encode("utf-8", "replace"))
    except Unavailable as error:
        raise UserError(str(error)) from error
    return store.address(page), store.address(text)


def _link(run: Run, archive: Archive, page: str) -> str:
    """Return the link from the page to the run's report, or to the run's folder if it was killed."""
    target = archive.store.address(run.report if REPORT in archive.store.children(run.place) else run.place)
    if "://" in target and "://" not in page:
        return quote(target, safe=":/")
    return quote(relpath(target, dirname(page)))


def _values(incident: Incident, archive: Archive, page: str, made_at: datetime) -> dict[str, Any]:
    redactor = redactor_of(incident.platform.environment)
    worst_run = incident.worst_run
    headline = worst_run.record.headline if worst_run else "No runs in this period"
    evidence = (
        replace(part, is_folded=True) for part in (_findings(incident), _timeline(incident), _log_lines(incident))
    )
    parts = [_actions(incident), _open(incident), *evidence]
    links = [_link(run, archive, page) for run in incident.runs]
    return {
        "links": links,
        "verdict": str(incident.verdict),
        "pictures": [timeline(redactor.data(picture.as_data())) for picture in incident.pictures],
        **redactor.data(
            {
                "title": incident.title or headline,
                "headline": headline,
                "environment": incident.platform.name,
                "table": str(incident.platform.table.table),
                "period": f"{_when(incident, incident.since)} to {_when(incident, incident.until)}",
                "made": f"{_when(incident, made_at)}, by {account()}",
                "unread": [list(item) for item in incident.unread.items()],
                "happened": [picture.finding for picture in incident.pictures],
                "impact": [list(item) for item in _impact(incident)],
                "runs": [_run_row(incident, run) for run in incident.runs],
                "parts": [asdict(part) for part in parts],
            }
        ),
    }


def _when(incident: Incident, moment: datetime | None) -> str:
    """Return the time in the environment's zone and in UTC."""
    if moment is None:
        return "-"
    return f"{in_zone(moment, incident.platform.environment.timezone)} ({moment.astimezone(UTC):%H:%M:%S} UTC)"


def _run_row(incident: Incident, run: Run) -> dict[str, str]:
    record = run.record
    return {
        "verdict": str(verdict_of(run)),
        "title": record.title,
        "run_id": run.run_id,
        "headline": record.headline,
        "when": _when(incident, record.started_at),
        "who": f"{record.who} on {record.host}",
        "took": spoken_seconds(record.seconds),
    }


def _impact(incident: Incident) -> Iterator[tuple[str, str]]:
    merged = [run.rows for run in incident.consolidations if run.rows is not None]
    states = [incident.history.progress(run) for run in incident.consolidations]
    if "logs" not in incident.unread:
        yield "Consolidations", text_of(len(incident.consolidations))
        yield "Failed or unfinished", text_of(sum(s in (Progress.FAILED, Progress.UNFINISHED) for s in states))
        yield "MERGEs without the lock", text_of(sum(run.merged_without_lock for run in incident.consolidations))
        yield "Rows merged", text_of(sum(merged))
        duplicates = sum(run.duplicates or 0 for run in incident.consolidations)
        yield "Duplicate keys found by validation", text_of(duplicates)
        yield "Error lines", text_of(len(incident.history.errors))
    yield "Runbook runs that did not pass", text_of(sum(verdict_of(run) is not Verdict.PASS for run in incident.runs))
    yield "Changes by people", text_of(len(incident.actions))


def _findings(incident: Incident) -> Part:
    rows = [
        (str(check.verdict), check.name, check.summary, in_one_line(check.evidence), run.run_id)
        for run in incident.runs
        for check in run.record.checks
        if check.verdict is not Verdict.PASS
    ]
    columns = ("Verdict", "Check", "Found", "Figures", "Run")
    return _part("Findings", columns, rows, "All checks of these runs passed.")


def _actions(incident: Incident) -> Part:
    rows = [
        (
            _when(incident, record.filed_at),
            f"{record.action} of {record.target}",
            record.who,
            record.reason,
            ActionStatus(record.status).words,
            spoken_state(record.before),
            spoken_state(record.after),
            record.undo,
        )
        for record in incident.actions
    ]
    columns = ("When", "What", "Who", "Why", "State", "Before", "After", "Undo")
    return _part("Changes", columns, rows, "No changes recorded.", _unread(incident, "record of"))


def _open(incident: Incident) -> Part:
    steps = [
        (str(check.verdict), f"{check.name}: {check.summary}", check.next_step or "Investigate.", run.record.runbook)
        for run in incident.newest_runs
        for check in run.record.checks
        if check.verdict is not Verdict.PASS
    ]
    cut_short = [
        (str(Verdict.UNKNOWN), record.headline, f"Run it again: runbook run {record.runbook}", record.runbook)
        for record in (run.record for run in incident.newest_runs)
        if not record.checks
    ]
    begun = [
        (str(Verdict.WARN), f"{record.action} of {record.target}: {ActionStatus.BEGUN.words}", record.undo, "changes")
        for record in incident.actions
        if record.status == ActionStatus.BEGUN
    ]
    rows = [*steps, *cut_short, *begun]
    columns = ("Verdict", "What", "Next step", "Runbook")
    note = "From the newest run of each runbook."
    return _part("Open issues", columns, rows, "None: the newest run of each runbook passed.", note=note)


def _timeline(incident: Incident) -> Part:
    rows = [_consolidation_row(incident, run) for run in incident.consolidations]
    date = incident.platform.environment.nouns.date_heading
    columns = ("Started", "Batch", date, "State", "Took", "Rows", "Duplicates", "Instance")
    return _part("Consolidations", columns, rows, "None were logged.", _unread(incident, "logs"))


def _consolidation_row(incident: Incident, run: Consolidation) -> tuple[str, ...]:
    state = f"{incident.history.progress(run)}{', without the lock' if run.merged_without_lock else ''}"
    return (
        _when(incident, run.started_at),
        run.batch_id or "not named",
        text_of(run.likely_game_date),
        state,
        spoken_seconds(run.work_seconds),
        text_of(run.rows),
        text_of(run.duplicates),
        f"{run.service} {run.instance}".strip(),
    )


def _log_lines(incident: Incident) -> Part:
    rows = [
        (_when(incident, entry.timestamp), f"{entry.service} {entry.instance}".strip(), entry.severity, entry.message)
        for entry in incident.lines
    ]
    columns = ("When", "Service", "Severity", "Line")
    note = "Lines about the lock, the MERGE and validation, and errors."
    return _part("Log lines", columns, rows, "None were logged.", _unread(incident, "logs"), note=note)


def _unread(incident: Incident, sources: str) -> list[str]:
    return [reason for source, reason in incident.unread.items() if source.startswith(sources)]


def _part(
    heading: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    empty: str,
    unread: Sequence[str] = (),
    note: str = "",
) -> Part:
    """Build the part with its newest rows; if a source could not be read, do not claim that there are none."""
    hidden = len(rows) - _MOST_ROWS
    notes = [note, *(f"Could not be read: {reason}" for reason in unread)]
    notes += [f"{hidden:,} earlier rows are not shown."] if hidden > 0 else []
    empty = "" if unread else empty
    return Part(heading, columns, rows[-_MOST_ROWS:], empty, " ".join(filter(None, notes)))
