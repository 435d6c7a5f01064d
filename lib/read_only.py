"""A read-only platform: each port's adapter, limited to the calls that read.

If `VARIABLE` is in its environment, a process gets only this platform from `connect`, and so do the processes it
starts. Calls not listed here as reading are refused, so a new call that writes is refused by default.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from lib.errors import UserError
from lib.ports.approvals import PLAN, Entry
from lib.ports.jobs import ReadBudget

# Its value is the number of bytes that the process may read, where reading is billed.
VARIABLE = "RUNBOOK_LOOKS_ONLY"
_LOCK_READS = ("request_timeout_seconds", "read", "read_all", "audit_entries", "wait_for_change")
_ALL: tuple[str, ...] = ()  # every call: the port has none that writes
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
    """A read-only process tried to change something; nothing was changed."""


def budget_of_process() -> ReadBudget | None:
    """Return how much this process may read if it is read-only; None if it may also write.

    Raises:
        UserError: The variable is not a number of bytes.
    """
    given = os.environ.get(VARIABLE)
    if given is None:
        return None
    if not given.isascii() or not given.isdigit():
        raise UserError(f"{VARIABLE} must be a number of bytes, such as 10000000000, got {given!r:.60}")
    return ReadBudget(int(given))


class ReadingAdapters:
    """A platform's adapters, limited to the calls that read. See `lib.platform.Adapters`."""

    def __init__(self, adapters: Any) -> None:
        self._adapters = adapters

    def __getattr__(self, port: str) -> Any:
        if port == "other_lock_stores":
            stores = self._adapters.other_lock_stores
            return {name: _Reading(store, name, _LOCK_READS) for name, store in stores.items()}
        if port in ("warehouse", "metered_warehouse"):
            # The metered one in both cases: a read-only process may be delayed, a consolidation may not.
            return _ReadingWarehouse(self._adapters.metered_warehouse, "warehouse", READS["warehouse"])
        if port not in READS:
            raise AttributeError(port)
        found = getattr(self._adapters, port)
        if port == "approvals":
            return _ReadingApprovals(found, port, READS[port])
        return _Reading(found, port, READS[port]) if READS[port] else found


class _Reading:
    """An adapter limited to the calls named."""

    def __init__(self, adapter: Any, port: str, reads: tuple[str, ...]) -> None:
        self._adapter, self._port, self._reads = adapter, port, reads

    def __getattr__(self, call: str) -> Any:
        if call.startswith("_"):
            raise AttributeError(call)
        if call not in self._reads:
            raise LooksOnly(f"this run is read-only: {call} of {self._port} was refused and nothing was changed")
        return getattr(self._adapter, call)


class _ReadingApprovals(_Reading):
    def add(self, entry: Entry) -> bool:
        """Store a plan for a person to approve; signatures and their use are refused."""
        if entry.kind != PLAN:
            raise LooksOnly(f"this run is read-only: it may not add a {entry.kind} to approvals")
        added: bool = self._adapter.add(entry)
        return added


class _ReadingWarehouse(_Reading):
    def query(self, sql: str, *args: Any, **options: Any) -> Any:
        """Run one SELECT, as `Warehouse.query` does; any other statement is refused."""
        if not _IS_QUERY.fullmatch(sql):
            raise LooksOnly("this run is read-only: only a single SELECT statement is allowed")
        return self._adapter.query(sql, *args, **options)
