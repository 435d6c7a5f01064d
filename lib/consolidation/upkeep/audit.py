"""The audit trail: who changed what, when, why, the states before and after, and how to undo it.

It is an append-only table next to the ledger. An action files an entry before it changes
anything and another one with its outcome. If it was killed in between, the trail shows that
its outcome is unknown. Rows are inserted by DML, because a table accepts only 1,500 load jobs
a day (https://cloud.google.com/bigquery/quotas#load_jobs) and the workers need them.
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
from lib.consolidation.missing_columns import add_missing_columns
from lib.consolidation.warehouse import Column, Execute, Parameters, Partitions
from lib.errors import RunbookError, Unavailable

if TYPE_CHECKING:
    from lib.consolidation.table_spec import TableSpec
    from lib.consolidation.warehouse import Warehouse


class ActionStatus(StrEnum):
    """The status of an action; the last one filed counts."""

    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"

    @property
    def words(self) -> str:
        return "begun, outcome unknown" if self is ActionStatus.BEGUN else self.value


@dataclass(frozen=True, kw_only=True)
class ActionRecord:
    """An entry of the trail about one action; by default an action that begins now on this machine.

    Attributes:
        action_id: Identifies the action; its rows share it.
        action: The kind of action, such as ``repair``.
        target: What was changed.
        environment: The environment's name.
        actor: Who requested and applied it, as identified by the platform.
        approver: Who approved it, as named in the file of allowed signers; empty if no approval was needed.
        host: The machine.
        reason: Why, in the operator's words.
        digest: The digest of the plan that was applied.
        before: The state that the plan was based on, as JSON.
        after: The state afterwards, as JSON; empty until it is done.
        undo: How to undo it.
        status: An `ActionStatus`.
        filed_at: When this entry was filed (UTC).
        note: Why it failed; may be empty.
        approval: The signed approval, as JSON; empty if none was needed.
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
        """Return the record of an action that has taken effect."""
        return replace(
            self, status=ActionStatus.DONE, after=as_json(after), undo=undo or self.undo, filed_at=datetime.now(UTC)
        )

    def failed(self, note: str) -> ActionRecord:
        """Return the record of an action that was refused or failed."""
        return replace(self, status=ActionStatus.FAILED, note=note, filed_at=datetime.now(UTC))

    def step(self, spec: TableSpec) -> Execute:
        """Return the step that files the record inside a transaction; it takes `parameters`."""
        names = [column.name for column in fields(self)]
        values = ", ".join(f"@{_PREFIX}{name}" for name in names)
        return Execute("audit", f"INSERT INTO {spec.actions.sql} ({', '.join(names)}) SELECT {values}")

    @property
    def parameters(self) -> Parameters:
        """The parameters of `step`."""
        return {f"{_PREFIX}{column.name}": getattr(self, column.name) for column in fields(self)}


_PREFIX = "audit_"
ACTION_COLUMNS = tuple(
    Column(column.name, "TIMESTAMP" if column.name == "filed_at" else "STRING") for column in fields(ActionRecord)
)


def as_json(state: Mapping[str, Any]) -> str:
    """Return the state as JSON text; equal states give equal texts."""
    return json.dumps(state, sort_keys=True, default=str, ensure_ascii=False)


class AuditTrail:
    """The audit table of a main table."""

    def __init__(self, warehouse: Warehouse, spec: TableSpec) -> None:
        self._warehouse = warehouse
        self._spec = spec

    def file(self, record: ActionRecord) -> None:
        """Append the record. Raises `WarehouseUnavailable` if it cannot be filed."""
        partitions = Partitions("filed_at", self._spec.retention.actions_days)
        self._warehouse.create_table(self._spec.actions, ACTION_COLUMNS, partitions=partitions)
        add_missing_columns(self._warehouse, self._spec.actions, ACTION_COLUMNS)
        self._warehouse.transact([record.step(self._spec)], record.parameters)

    @contextmanager
    def filing(self, record: ActionRecord) -> Iterator[Filing]:
        """File that the action begins and, at the end of the block, its outcome.

        If the trail cannot be written, nothing begins. An action that changes rows files the
        outcome in the same transaction (`ActionRecord.step`) and sets `Filing.is_filed`.

        Raises:
            WarehouseUnavailable: The entry could not be filed; says whether the change was made.
        """
        try:
            self.file(record)
        except Unavailable as error:
            raise WarehouseUnavailable(
                f"nothing was changed, because the audit entry could not be filed: {error}"
            ) from error
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
            raise WarehouseUnavailable(
                f"the change was made, but the audit entry could not be filed: {error}"
            ) from error

    def _file_failure(self, record: ActionRecord, error: RunbookError) -> None:
        """File the failure, unless the action took effect and the error came later."""
        try:
            if any(found.status == ActionStatus.BEGUN for found in self.records(action_id=record.action_id)):
                self.file(record.failed(str(error)))
        except RunbookError as also:
            # The trail stays correct: it shows that the outcome is unknown.
            error.add_note(f"the outcome could not be filed: {also}")

    def records(self, *, action_id: str = "") -> list[ActionRecord]:
        """Return the latest entry of each of the last 200 actions, or of one, newest first; empty without a trail."""
        latest = "ROW_NUMBER() OVER (PARTITION BY action_id ORDER BY status = 'begun', filed_at DESC) = 1"
        try:
            rows = self._warehouse.query(
                f"SELECT * FROM {self._spec.actions.sql} WHERE @action_id IN ('', action_id) QUALIFY {latest} "
                f"ORDER BY filed_at DESC, action_id LIMIT 200",
                {"action_id": action_id},
            )
        except TableNotFound:
            return []
        return [_record(row) for row in rows]


def _record(row: Mapping[str, Any]) -> ActionRecord:
    """Read a row; rows of earlier versions lack columns, and those of later versions may have more."""
    names = {column.name for column in ACTION_COLUMNS}
    return ActionRecord(**{name: value for name, value in row.items() if name in names and value is not None})


@dataclass
class Filing:
    """What an action reports about its outcome.

    Attributes:
        after: The state after the change.
        undo: The command that undoes it; replaces the one filed at the beginning.
        is_filed: The outcome was filed in the transaction that changed the rows.
    """

    after: Mapping[str, Any] = field(default_factory=dict)
    undo: str = ""
    is_filed: bool = False
