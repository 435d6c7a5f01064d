"""Tools for the catalogue and the archive: status of runbooks, their runs, and comparisons."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Literal

from pydantic import Field

from lib.agents.answers import (
    Answer,
    CheckItem,
    Compared,
    Cursor,
    EvidenceItem,
    Found,
    Looked,
    RunItem,
    Untrusted,
    evidence,
)
from lib.agents.desk import Desk
from lib.archive import comparison
from lib.archive.archive import DamagedRun, Run
from lib.archive.record import utc_now
from lib.archive.search import Selection, searched
from lib.operations.changes.plan import is_digest
from lib.runbooks.catalogue import find_runbook, runbooks
from lib.runbooks.parameters import APPROVALS, ENVIRONMENT_PARAMETER
from lib.schedule.expected import expected_runs
from lib.site.build import current_rows
from lib.site.groups import histories, statuses
from lib.site.index import Row, kept_rows
from lib.verdict.check import Check
from lib.verdict.verdict import Verdict
from lib.words.choices import no_such
from lib.words.dates import moment_of
from lib.words.quantities import spoken

_MOST_RUNS = 200


def list_runbooks(desk: Desk, *, runbook: str = "", cursor: Cursor = 0) -> Found[Answer[EvidenceItem]]:
    """List the runbooks that look can run; with a name, that runbook and its parameters."""
    chosen = [find_runbook(runbook)] if runbook else runbooks()
    items = [evidence(one.name, {"title": one.title, "purpose": one.purpose}) for one in chosen]
    if runbook:
        items += [
            evidence(f"parameter {each.name}", {"type": each.type.text, "default": each.default, "help": each.help})
            for each in chosen[0].parameters
            if each.name not in (*APPROVALS, ENVIRONMENT_PARAMETER)
        ]
    return Found(Answer[EvidenceItem](), items, cursor)


def status(desk: Desk, *, cursor: Cursor = 0) -> Found[Answer[RunItem]]:
    """Show each runbook's status from its archived runs, worst first, and missed runs."""
    store = desk.archive.store
    rows = current_rows(desk.archive, kept_rows(store) or [])
    known = {each.environment: each for each in statuses(histories(rows), expected_runs(store, utc_now()))}
    found = known.get(desk.environment.name)
    if found is None:
        return Found(Answer[RunItem](untrusted=Untrusted(headline="no runs are archived yet")))
    missed = [
        RunItem(runbook=run.entry.runbook, verdict="MISSED", headline=run.headline, next_step=run.next_step)
        for run, _ in found.overdue
    ]
    items = [*missed, *(_standing(history.lead) for history in found.histories)]
    headline = f"{found.verdict}: {found.headline} ({found.tally})"
    return Found(Answer[RunItem](untrusted=Untrusted(headline=headline)), items, cursor)


def _standing(lead: Row) -> RunItem:
    shown = {name: getattr(lead, name) for name in ("verdict", "headline", "when", "about", "next_step")}
    return RunItem(runbook=lead.runbook, run_id=lead.run_id, **shown)


def runs_search(
    desk: Desk,
    *,
    text: Annotated[str, Field(description="Words that the run contains; empty: any run.")] = "",
    runbook: str = "",
    verdict: Literal["", "PASS", "WARN", "UNKNOWN", "FAIL"] = "",
    since: Annotated[str, Field(description="Started at this time (UTC) or later, such as 2026-01-17T18:00.")] = "",
    cursor: Cursor = 0,
) -> Found[Answer[RunItem]]:
    """List archived runs, newest first."""
    selection = Selection(
        runbook=runbook,
        environment=desk.environment.name,
        verdict=Verdict(verdict) if verdict else None,
        since=moment_of(since, "UTC") if since else None,
    )
    most = cursor + _MOST_RUNS
    if not text.strip():
        return Found(Answer[RunItem](), [_run(run) for run in islice(selection.runs(desk.archive), most)], cursor)
    found, _ = searched(desk.archive, selection, text, most)
    items = [_run(run, [f"{hit.field}: {hit.text}" for hit in hits]) for run, hits in found]
    return Found(Answer[RunItem](), items, cursor)


def _run(run: Run | DamagedRun, found: list[str] | None = None) -> RunItem:
    _, runbook, run_id = run.place.split("/")
    if isinstance(run, DamagedRun):
        return RunItem(runbook=runbook, run_id=run_id, verdict="UNKNOWN", headline=f"{run.status}: {run.reason}")
    record = run.record
    return RunItem(
        runbook=runbook,
        run_id=run_id,
        verdict=str(record.verdict or "RUNNING"),
        headline=record.headline or record.status.words,
        when=f"{record.started_at:%Y-%m-%d %H:%M:%S} UTC",
        found=found or [],
    )


def run_get(
    desk: Desk,
    *,
    run_id: str,
    check: Annotated[str, Field(description="Show only this check, with its evidence and commands.")] = "",
    cursor: Cursor = 0,
) -> Found[Looked]:
    """Show what an archived run found: its checks, worst first, or one check with its evidence."""
    run = desk.run(run_id)
    if not check:
        return looked(run, cursor)
    known: dict[str, Check] = {each.id: each for each in run.record.checks}
    if check not in known:
        raise no_such("check", check, known)
    whole = known[check]
    values = {label: spoken(value) for label, value in whole.evidence.items()}
    shown = {"evidence": values, "commands": list(whole.commands)}
    return looked(run)._replace(items=[_check(whole).model_copy(update=shown)])


def looked(run: Run, cursor: int = 0) -> Found[Looked]:
    """Return a run's answer."""
    record = run.record
    answer = Looked(
        run_id=run.run_id,
        status=str(record.status),
        verdict=str(record.verdict or "RUNNING"),
        plan=record.plan if record.plan and is_digest(record.plan) else "",
        report=f"runbook://runs/{run.run_id}/report",
        untrusted=Untrusted[CheckItem](headline=f"{record.runbook}: {record.headline}"),
    )
    return Found(answer, [_check(check) for check in record.checks], cursor)


def _check(check: Check) -> CheckItem:
    shown = {name: getattr(check, name) for name in ("id", "summary", "next_step", "since")}
    return CheckItem(title=check.name, verdict=str(check.verdict), **shown)


def runs_diff(
    desk: Desk,
    *,
    run_id: str,
    before: Annotated[str, Field(description="The run to compare with; empty: the last one that passed.")] = "",
    cursor: Cursor = 0,
) -> Found[Compared]:
    """Show what changed between two archived runs of a runbook, worse verdicts first."""
    run = comparison.ended(desk.run(run_id))
    other = comparison.ended(desk.run(before)) if before else comparison.last_green(desk.archive, run)
    found = comparison.compare(other.record, run.record)
    items = [
        evidence(f"{change.kind}: {change.where}", {"before": change.before, "after": change.after})
        for change in found.changes
        if change.matters
    ]
    return Found(Compared(run_id=run.run_id, before=other.run_id, is_worse=found.is_worse), items, cursor)
