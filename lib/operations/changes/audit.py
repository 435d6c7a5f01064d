"""The audit trail of all changes, from both places that keep it, in one table.

The warehouse records changes of rows and of services. The lock store records a forced
release, in one commit with it: a release has to work while the warehouse is down.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from lib.consolidation.upkeep.audit import ActionRecord, ActionStatus, AuditTrail, as_json
from lib.errors import CouldNotLook
from lib.locking.store import AuditEntry, LockRecord
from lib.operations.changes.signed_approval import approval_in_words, approver_in
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, facts, section
from lib.words.dates import local_time
from lib.words.quantities import in_one_line

CHANGES_ON_RECORD = Question(
    "changes_on_record",
    "Changes on record",
    affects="the target of the change: it may be in the state before it or after it",
    can_wait="until the next change of the same kind",
)
RECORD = Question(
    "record",
    "Record",
    affects="the list of changes: some may be missing",
    can_wait="yes: no row depends on it",
)

RELEASE = "forced release"
NO_UNDO_OF_A_RELEASE = "not needed; consolidate the holder's batch again"


def lock_facts(lock: LockRecord) -> dict[str, str]:
    """Return the facts that change with each acquisition of a lock, and with each heartbeat."""
    return {
        "holder": f"{lock.claim.holder}, {lock.claim.holder_id}",
        "acquired": lock.acquired_at.isoformat(),
        "last heartbeat": lock.renewed_at.isoformat(),
        "version": lock.version,
    }


def releases(platform: Platform) -> list[ActionRecord]:
    """Return the recorded forced releases, newest first. Raises `LockServiceUnavailable`."""
    return [_of_release(platform, entry) for entry in platform.locks.store.audit_entries()]


def changes(platform: Platform) -> list[ActionRecord]:
    """Return all other recorded actions, newest first. Raises `WarehouseUnavailable`."""
    return AuditTrail(platform.warehouse, platform.table).records()


def record_of(platform: Platform, record: ActionRecord) -> ActionRecord | None:
    """Return the record of an action that was just made; None: there is none."""
    if record.action == RELEASE:
        holder = json.loads(record.before)["holder"]
        found = (known for known in releases(platform) if json.loads(known.before)["holder"] == holder)
        return next((replace(known, digest=record.digest) for known in found), None)
    return next(iter(AuditTrail(platform.warehouse, platform.table).records(action_id=record.action_id)), None)


@section(CHANGES_ON_RECORD)
def audit_trail(scope: Scope) -> Section:
    """Show every recorded change, newest first. One whose outcome is unknown is a WARN."""
    known: list[ActionRecord] = []
    checks: list[Check] = []
    for source, read in (("releases", releases), ("changes", changes)):
        try:
            known += read(scope.platform)
        except CouldNotLook as error:
            checks.append(replace(RECORD, id=f"record_of_{source}", name=f"Record of {source}").could_not_look(error))
    known.sort(key=lambda record: record.filed_at, reverse=True)
    return Section((*checks, *_unfinished(known)), (audit_table(scope.platform, known),))


def audit_table(platform: Platform, known: Sequence[ActionRecord]) -> Table:
    """Return the records as a table, one row each."""
    zone = platform.environment.timezone
    rows = [
        (
            local_time(record.filed_at, zone),
            record.action,
            record.target,
            record.who,
            record.reason,
            progress_of(record),
            record.undo,
            spoken_state(record.before),
            spoken_state(record.after),
        )
        for record in known
    ]
    columns = ("When", "Action", "Target", "Who", "Why", "State", "Undo", "Before", "After")
    return Table("Changes on record", columns, rows, shown=10)


def record_table(platform: Platform, record: ActionRecord) -> Table:
    """Return one record with all its fields."""
    return facts(
        "Audit record",
        {
            "action": record.action,
            "target": record.target,
            "who": f"{record.actor} on {record.host}" if record.host else record.actor,
            **({"approved by": approval_in_words(record.approval)} if record.approver else {}),
            "when": local_time(record.filed_at, platform.environment.timezone),
            "why": record.reason,
            "before": spoken_state(record.before),
            "after": spoken_state(record.after) or "-",
            "undo": record.undo,
            "plan": record.digest or "planned and applied at once",
            "state": progress_of(record),
        },
    )


def spoken_state(state: str) -> str:
    """Return the JSON of a record's state in words."""
    return in_one_line(json.loads(state)) if state else ""


def progress_of(record: ActionRecord) -> str:
    """Return the record's status in words."""
    words = ActionStatus(record.status).words
    return f"{words}: {record.note}" if record.note else words


def _unfinished(known: Sequence[ActionRecord]) -> tuple[Check, ...]:
    begun = [record for record in known if record.status == ActionStatus.BEGUN]
    if not begun:
        return ()
    summary = f"{len(begun)} begun, outcome unknown: {begun[0].action} of {begun[0].target}"
    evidence = {f"{record.action} of {record.target}": f"by {record.who}: {record.reason}" for record in begun}
    step = "Check whether it took effect: the state is as before or as after the change, never in between."
    return (CHANGES_ON_RECORD.on(evidence).warns(summary, step),)


def _of_release(platform: Platform, entry: AuditEntry) -> ActionRecord:
    return ActionRecord(
        action_id=f"release-{entry.token}",
        action=RELEASE,
        target=entry.removed.claim.lock_key,
        environment=platform.name,
        actor=entry.actor,
        approver=approver_in(entry.approval),
        host="",
        reason=entry.reason,
        digest="",
        before=as_json(lock_facts(entry.removed)),
        after=as_json({"lock": "released", "lease": "was live" if entry.was_live else "had expired"}),
        undo=NO_UNDO_OF_A_RELEASE,
        status=ActionStatus.DONE,
        filed_at=entry.released_at,
        note="",
        approval=entry.approval,
    )
