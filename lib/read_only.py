"""A platform that only looks: each port's adapter with the calls that read, and no other.

A process that has `VARIABLE` in its environment gets no other platform from `connect`, nor do the processes that it
starts. What is not named here as a reading call is refused, so a new one that writes is refused too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from lib.errors import UserError
from lib.ports.approvals import PLAN, Entry
from lib.ports.jobs import ReadBudget

# Holds how many bytes the process may read, where reading is billed.
VARIABLE = "RUNBOOK_LOOKS_ONLY"
_LOCK_READS = ("request_timeout_seconds", "read", "read_all", "audit_entries", "wait_for_change")
_ALL: tuple[str, ...] = ()  # of a port without a call that writes
READS: Mapping[str, tuple[str, ...]] = {
    "warehouse": ("session", "query", "columns", "columns_of", "staging_tables"),
    "lock_store": _LOCK_READS,
    "approvals": ("entries",),
    "services": ("describe", "health", "variable"),
    "permissions": ("roles_of",),
    "scratch": ("tables_expire_after_seconds", "has_jobs", "note_of", "statements"),
    **dict.fromkeys(("activity", "batch_states", "logs", "commands", "principal", "query_costs"), _ALL),
}
_IS_QUERY = re.compile(r"\s*(?:SELECT|WITH)\b[^;]*", re.ASCII | re.IGNORECASE)


class LooksOnly(UserError):
    """Something was to be changed by a process that only looks; nothing was changed."""


def budget_of_process() -> ReadBudget | None:
    """What this process may read if it only looks; None: it may change things too.

    Raises:
        UserError: The variable does not hold a number of bytes.
    """
    told = os.environ.get(VARIABLE)
    if told is None:
        return None
    if not told.isascii() or not told.isdigit():
        raise UserError(f"{VARIABLE} is {told!r:.60}; write how many bytes may be read, such as 10000000000")
    return ReadBudget(int(told))


class ReadingAdapters:
    """The adapters of a platform, of each port the calls that read. See `lib.platform.Adapters`."""

    def __init__(self, adapters: Any) -> None:
        self._adapters = adapters

    def __getattr__(self, port: str) -> Any:
        if port == "other_lock_stores":
            stores = self._adapters.other_lock_stores
            return {name: _Reading(store, name, _LOCK_READS) for name, store in stores.items()}
        if port in ("warehouse", "metered_warehouse"):
            # Also what elsewhere must never be held up: an agent can wait.
            return _ReadingWarehouse(self._adapters.metered_warehouse, "warehouse", READS["warehouse"])
        if port not in READS:
            raise AttributeError(port)
        found = getattr(self._adapters, port)
        if port == "approvals":
            return _ReadingApprovals(found, port, READS[port])
        return _Reading(found, port, READS[port]) if READS[port] else found


class _Reading:
    """An adapter without the calls that are not named."""

    def __init__(self, adapter: Any, port: str, reads: tuple[str, ...]) -> None:
        self._adapter, self._port, self._reads = adapter, port, reads

    def __getattr__(self, call: str) -> Any:
        if call.startswith("_"):
            raise AttributeError(call)
        if call not in self._reads:
            raise LooksOnly(f"this run only looks, so {call} of {self._port} was refused; nothing was changed")
        return getattr(self._adapter, call)


class _ReadingApprovals(_Reading):
    def add(self, entry: Entry) -> bool:
        """Keep a plan that was shown, so that a person can approve it; a signature and its use are refused."""
        if entry.kind != PLAN:
            raise LooksOnly(f"this run only looks, so an entry {entry.kind} of approvals was refused")
        added: bool = self._adapter.add(entry)
        return added


class _ReadingWarehouse(_Reading):
    def query(self, sql: str, *args: Any, **options: Any) -> Any:
        """See `Warehouse.query`; a statement that may change rows is refused."""
        if not _IS_QUERY.fullmatch(sql):
            raise LooksOnly("this run only looks, so a statement that is not one SELECT was refused")
        return self._adapter.query(sql, *args, **options)
