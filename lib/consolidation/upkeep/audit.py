"""The audit trail: who changed what, when, why, from what to what, and how it is undone.

An append-only table beside the ledger. Before an action changes anything it files that it
has begun, and afterwards what became of it; of an action that was killed in between the
trail says that its end is not known. Rows are inserted by DML: a table admits 1,500 load
jobs a day (https://cloud.google.com/bigquery/quotas#load_jobs), and they are the workers'.
"""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from lib.consolidation.errors import TableNotFound, WarehouseUnavailable
from lib.consolidation.warehouse import Column, Execute, Parameters, Partitions
from lib.errors import RunbookError, Unavailable

if TYPE_CHECKING:
    from lib.consolidation.table_spec import TableSpec
    from lib.consolidation.warehouse import Warehouse


class ActionStatus(StrEnum):
    """What is known of an action; the last one filed counts."""

    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"

    @property
    def words(self) -> str:
        return "begun, not known to have finished" if self is ActionStatus.BEGUN else self.value


@dataclass(frozen=True, kw_only=True)
class ActionRecord:
    """One action, as the trail knows it; without an id, one that begins now on this machine.

    Attributes:
        action_id: Names the action; its rows share it.
        action: What kind, such as ``repair``.
        target: What was changed.
        actor: Who asked for it and applied it, as the platform knows them.
        approver: Who approved it, as their line of allowed signers names them; empty: nobody had to.
        host: From which machine.
        reason: Why, in the operator's words.
        digest: Of the plan that was applied.
        before: The state that the plan was made on, as JSON.
        after: The state afterwards, as JSON; empty until it is done.
        undo: How it is undone.
        filed_at: When this was filed (UTC).
        note: Why it failed; may be empty.
        approval: The signed approval, as JSON; empty: none was needed.
    """

    action_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    action: str
    target: str
    environment: str
    actor: str
    approver: str = ""
    host: str = field(default_factory=lambda: socket.gethostname())
    reason: str
    digest: str
    before: str
    after: str = ""
    undo: str
    status: str = ActionStatus.BEGUN
    filed_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    note: str = ""
    approval: str = ""

    @property
    def who(self) -> str:
        """Requester and approver, in words."""
        return f"{self.actor}, approved by {self.approver}" if self.approver else self.actor

    def done(self, after: Mapping[str, Any], *, undo: str = "") -> ActionRecord:
        """The record once the action has taken effect."""
        return replace(
            self, status=ActionStatus.DONE, after=as_json(after), undo=undo or self.undo, filed_at=datetime.now(UTC)
        )

    def failed(self, note: str) -> ActionRecord:
        """The record of an action that was refused or broke."""
        return replace(self, status=ActionStatus.FAILED, note=note, filed_at=datetime.now(UTC))

    def step(self, spec: TableSpec) -> Execute:
        """Files the record inside a transaction; takes `parameters`."""
        names = [column.name for column in fields(self)]
        values = ", ".join(f"@{_PREFIX}{name}" for name in names)
        return Execute("audit", f"INSERT INTO {spec.actions.sql} ({', '.join(names)}) SELECT {values}")

    @property
    def parameters(self) -> Parameters:
        """What `step` binds."""
        return {f"{_PREFIX}{column.name}": getattr(self, column.name) for column in fields(self)}


_PREFIX = "audit_"
ACTION_COLUMNS = tuple(
    Column(column.name, "TIMESTAMP" if column.name == "filed_at" else "STRING") for column in fields(ActionRecord)
)


def as_json(state: Mapping[str, Any]) -> str:
    """The state as text; equal states give equal texts."""
    return json.dumps(state, sort_keys=True, default=str, ensure_ascii=False)


class AuditTrail:
    """The table of actions beside a main table's ledger."""

    def __init__(self, warehouse: Warehouse, spec: TableSpec) -> None:
        self._warehouse = warehouse
        self._spec = spec

    def file(self, record: ActionRecord) -> None:
        """Append the record. Raises `WarehouseUnavailable` when it cannot be filed."""
        partitions = Partitions("filed_at", self._spec.retention.actions_days)
        self._warehouse.create_table(self._spec.actions, ACTION_COLUMNS, partitions=partitions)
        self._warehouse.transact([record.step(self._spec)], record.parameters)

    @contextmanager
    def filing(self, record: ActionRecord) -> Iterator[Filing]:
        """File that the action begins, and at the end of the block what became of it.

        Nothing begins when the trail cannot be written. Who changes rows files the end
        in the transaction that changes them (`ActionRecord.step`) and says so here.
        """
        try:
            self.file(record)
        except Unavailable as error:
            raise WarehouseUnavailable(f"nothing was changed, for it could not be put on record: {error}") from error
        filing = Filing()
        try:
            yield filing
        except RunbookError as error:
            self._file_failure(record, error)
            raise
        if filing.is_filed:
            return
        try:
            self.file(record.done(filing.after, undo=filing.undo))
        except Unavailable as error:
            raise WarehouseUnavailable(f"it was done, but that could not be put on record: {error}") from error

    def _file_failure(self, record: ActionRecord, error: RunbookError) -> None:
        """Unless the action took effect, and the error came after it."""
        try:
            if any(found.status == ActionStatus.BEGUN for found in self.records(action_id=record.action_id)):
                self.file(record.failed(str(error)))
        except RunbookError as also:
            # Then the trail says what is true as well: its end is not known.
            error.add_note(f"its end could not be filed: {also}")

    def records(self, *, action_id: str = "") -> list[ActionRecord]:
        """The latest state of the last 200 actions, or of one, newest first; none when nothing was ever filed."""
        names = ", ".join(column.name for column in ACTION_COLUMNS)
        latest = "ROW_NUMBER() OVER (PARTITION BY action_id ORDER BY status = 'begun', filed_at DESC) = 1"
        try:
            rows = self._warehouse.query(
                f"SELECT {names} FROM {self._spec.actions.sql} WHERE @action_id IN ('', action_id) QUALIFY {latest} "
                f"ORDER BY filed_at DESC, action_id LIMIT 200",
                {"action_id": action_id},
            )
        except TableNotFound:
            return []
        return [ActionRecord(**row) for row in rows]


@dataclass
class Filing:
    """What an action says of its end.

    Attributes:
        after: The state after the change, to be filed with it.
        undo: The command that undoes it, if it is known better now.
        is_filed: The end is on file, in the transaction that changed the rows.
    """

    after: Mapping[str, Any] = field(default_factory=dict)
    undo: str = ""
    is_filed: bool = False
