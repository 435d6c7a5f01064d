"""Tools for the table, its locks and the services' logs in their current state, and for plans of changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from lib.agents.answers import Answer, Cursor, EvidenceItem, Found, Planned, Untrusted, evidence
from lib.agents.desk import Desk
from lib.consolidation.identifiers import checked_batch_id
from lib.errors import UserError
from lib.operations.changes.action import Action, shown
from lib.operations.changes.lock_release import LockRelease
from lib.operations.changes.repair import Repair, UndoRepair
from lib.operations.changes.staging_cleanup import StagingCleanup
from lib.operations.duplicates.duplicates import explanation
from lib.operations.investigation.key import explain_key
from lib.operations.logs.history import LogHistory
from lib.operations.logs.timeline import Consolidation, overlapping_merges
from lib.operations.pictures.timeline import timeline_of_runs
from lib.operations.scope import scope_of
from lib.platform import Platform
from lib.words.dates import checked_game_date, local_time
from lib.words.nouns import counted

Day = Annotated[str, Field(description="YYYY-MM-DD, today or yesterday.")]
_Answer = Answer[EvidenceItem]


def locks(desk: Desk, *, cursor: Cursor = 0) -> Found[Answer[EvidenceItem]]:
    """List the consolidation locks held now, with holder and lease. stuck_lock_release checks them."""
    platform = desk.platform
    held = [evidence("lock", seen.as_data()) for seen in platform.locks.locks()]
    others = [evidence(f"another service's, in {name}", seen.as_data()) for name, seen in platform.locks_of_others()]
    headline = f"{counted(len(held), 'lock')} held" if held else "no lock is held"
    return Found(_Answer(untrusted=Untrusted(headline=headline)), [*held, *others], cursor)


def timeline(
    desk: Desk,
    *,
    date: Annotated[str, Field(description="Consolidations of this date; empty: all in the last hours.")] = "",
    hours: float = 24,
    cursor: Cursor = 0,
) -> Found[Answer[EvidenceItem]]:
    """List consolidations as logged by the services, ordered by start, and which MERGEs overlapped."""
    scope = scope_of(desk.platform, date=date or "today", hours=hours)
    history = scope.history_of_date if date else scope.history
    runs = history.of_date(scope.game_date) if date else history.consolidations
    picture = timeline_of_runs(history, runs)
    pairs = [(id(one), other.batch_id) for pair in overlapping_merges(runs) for one, other in (pair, pair[::-1])]
    items = [_consolidation(history, run, [batch for at, batch in pairs if at == id(run)]) for run in runs]
    headline = picture.finding if picture else "no consolidation was logged"
    return Found(_Answer(untrusted=Untrusted(headline=headline)), items, cursor)


def _consolidation(history: LogHistory, run: Consolidation, overlaps: list[str]) -> EvidenceItem:
    timezone = history.platform.environment.timezone
    values = {
        "batch": run.batch_id,
        "date": run.likely_game_date,
        "started": local_time(run.started_at, timezone),
        "last line": local_time(run.last_at, timezone),
        "state": str(history.progress(run)),
        "MERGE overlaps that of batch": overlaps,
        "lock": "no lock line" if run.merged_without_lock else "",
        "lock wait, s": run.lock_wait_seconds,
        "MERGE, s": run.merge_seconds,
        "rows": run.rows,
        "duplicate keys found by validation": run.duplicates,
        "failed with": run.failure.anchor if run.failure else "",
    }
    return evidence("consolidation", values)


def explain(
    desk: Desk,
    *,
    date: Day,
    key: Annotated[
        dict[str, str | bool | int | float | None], Field(description="Values by column: only this key.")
    ] = {},  # noqa: B006
    cursor: Cursor = 0,
) -> Found[Answer[EvidenceItem]]:
    """Explain how a date's duplicates arose, key by key; with a key, show its rows and everything that wrote them."""
    scope = scope_of(desk.platform, date=date)
    if key:
        story = explain_key(scope, **key).as_data()
        headline = f"{story.pop('likely')}. Next: {story.pop('next_step')}"
        return Found(_Answer(untrusted=Untrusted(headline=headline)), list(_of_story(story)), cursor)
    causes = [check.summary for check in explanation(scope).checks]
    explained = scope.duplicates.explained(scope.game_date)
    number = f"{counted(explained.count.duplicate_keys, 'duplicate key')} on {scope.game_date}"
    items = [
        evidence(
            "duplicate key",
            {
                "key": json.dumps(dict(group.key), default=str),
                "rows": group.rows,
                "how they differ": str(group.kind),
                "differ in": group.differs,
                "created apart, ms": group.gap_ms,
                "batches in staging": group.batches,
            },
        )
        for group in explained.groups
    ]
    return Found(_Answer(untrusted=Untrusted(headline="; ".join([number, *causes]))), items, cursor)


def _of_story(story: Mapping[str, Any]) -> Iterator[EvidenceItem]:
    """Yield the facts about the key as one item, then each row, batch and line as its own item."""
    lists = {
        name: rows for name, rows in story.items() if rows and isinstance(rows, list) and isinstance(rows[0], dict)
    }
    about = {name: value for name, value in story.items() if name not in lists and value}
    for name, rows in {"key": [about], **lists}.items():
        for row in rows:
            values = {n: json.dumps(v, default=str) if isinstance(v, dict | list) else v for n, v in row.items()}
            yield evidence(name.replace("_", " "), values)


def plan_get(
    desk: Desk,
    *,
    change: Literal["repair", "undo_repair", "release_lock", "cleanup"],
    date: Annotated[str, Field(description="Date of the repair, its undo, or the lock: YYYY-MM-DD.")] = "",
    backup: Annotated[str, Field(description="undo_repair: the backup table.")] = "",
    batch: Annotated[str, Field(description="cleanup: batch whose merged staging tables would be dropped.")] = "",
    steal: Annotated[bool, Field(description="release_lock: even if its holder is alive.")] = False,
) -> Found[Planned]:
    """Show a change's plan, its digest, and the commands that a person types. No tool applies it: stop there.

    Raises:
        UserError: The change's target is not given, or there is nothing to plan.
        Finding: It would be refused in the current state.
    """
    platform = desk.platform
    targets = {"date": date, "backup": backup, "batch": batch}
    if missing := [name for name in _NEEDS[change] if not targets[name].strip()]:
        raise UserError(f"{change} needs {missing[0]}: give the target of the change")
    plan = _ACTIONS[change](platform, targets, steal).plan()
    check, *cautions = shown(platform, plan, datetime.now(UTC)).checks
    state = dict(check.evidence)  # with the digest only where there is something to do
    answer = Planned(
        changed=False,
        plan=str(state.pop("plan", "")),
        holds_until=str(state.pop("valid until", "")),
        commands=list(check.changes),
        untrusted=Untrusted[EvidenceItem](headline=check.summary),
    )
    items = [evidence("facts the plan is based on", state), evidence("undo", {"how": plan.undo})] if answer.plan else []
    return Found(answer, [*items, *(evidence("caution", {one.name: one.summary}) for one in cautions)])


_NEEDS = {"repair": ["date"], "undo_repair": ["date", "backup"], "release_lock": ["date"], "cleanup": ["batch"]}
_ACTIONS: Mapping[str, Callable[[Platform, Mapping[str, str], bool], Action]] = {
    "repair": lambda platform, of, _: Repair(platform, checked_game_date(of["date"])),
    "undo_repair": lambda platform, of, _: UndoRepair(platform, checked_game_date(of["date"]), of["backup"].strip()),
    "release_lock": lambda platform, of, steal: LockRelease(platform, checked_game_date(of["date"]), steal),
    "cleanup": lambda platform, of, _: StagingCleanup(platform, checked_batch_id(of["batch"].strip())),
}
