"""A lock store that keeps the port's promises, with a server's clock and a bad network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from lib.locking.errors import LockOutcomeUnknown, LockServiceUnavailable
from lib.locking.store import AuditEntry, Claim, LockRecord, Observation
from proof.faults import Faults
from proof.scheduler import Simulation
from proof.standard_library import true_time

T = TypeVar("T")
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class LockServer:
    """The records, and commit times that only increase.

    Attributes:
        last_held: When a record last existed, by lock key.
    """

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.records: dict[str, LockRecord] = {}
        self.audit: list[AuditEntry] = []
        self.last_held: dict[str, float] = {}
        self._last_commit = datetime.min.replace(tzinfo=_EPOCH.tzinfo)

    def commit_time(self) -> datetime:
        """Return a commit time at least one microsecond after the last one."""
        self.simulation.changed()
        self._last_commit = max(true_time(self.simulation), self._last_commit + timedelta(microseconds=1))
        return self._last_commit

    def write(self, claim: Claim) -> LockRecord:
        now = self.commit_time()
        token = (now - _EPOCH) // timedelta(microseconds=1)
        record = LockRecord(claim, token, acquired_at=now, renewed_at=now, version=str(token))
        self.records[claim.lock_key] = record
        return record

    def remove(self, record: LockRecord) -> None:
        lock_key = record.claim.lock_key
        self.last_held[lock_key] = self.simulation.now
        self.records.pop(lock_key, None)
        self.simulation.changed()

    def is_current(self, record: LockRecord) -> bool:
        return self.records.get(record.claim.lock_key) == record


class SimulatedLockStore:
    """One program's client of the server.

    Attributes:
        claim: The last claim that it was to write, since `claimed_at`.
        seen: The last record that it read.
    """

    request_timeout_seconds = 10.0

    def __init__(self, server: LockServer, faults: Faults) -> None:
        self.server = server
        self._faults = faults
        self.claim: Claim | None = None
        self.claimed_at = 0.0
        self.seen: LockRecord | None = None

    def create(self, claim: Claim) -> LockRecord | None:
        if claim is not self.claim:
            self.claim, self.claimed_at = claim, self.server.simulation.now

        def effect() -> LockRecord | None:
            return None if claim.lock_key in self.server.records else self.server.write(claim)

        return self._call(f"create {_short(claim)}", effect)

    def take_over(self, expired: LockRecord, claim: Claim) -> LockRecord | None:
        def effect() -> LockRecord | None:
            return self.server.write(claim) if self.server.is_current(expired) else None

        return self._call(f"take over {_short(expired.claim)} by {_short(claim)}", effect)

    def renew(self, record: LockRecord) -> LockRecord | None:
        def effect() -> LockRecord | None:
            if not self.server.is_current(record):
                return None
            now = self.server.commit_time()
            renewed = replace(record, renewed_at=now, version=now.isoformat())
            self.server.records[record.claim.lock_key] = renewed
            return renewed

        return self._call(f"renew {_short(record.claim)}", effect)

    def delete(self, record: LockRecord) -> bool:
        def effect() -> bool:
            is_current = self.server.is_current(record)
            if is_current:
                self.server.remove(record)
            return is_current

        return self._call(f"delete {_short(record.claim)}", effect)

    def delete_audited(
        self, record: LockRecord, *, actor: str, reason: str, was_live: bool, approval: str = ""
    ) -> AuditEntry | None:
        def effect() -> AuditEntry | None:
            if not self.server.is_current(record):
                return None
            self.server.remove(record)
            now = self.server.commit_time()
            token = (now - _EPOCH) // timedelta(microseconds=1)
            entry = AuditEntry(record, actor, reason, was_live, now, token, approval)
            self.server.audit.insert(0, entry)
            return entry

        return self._call(f"force release {_short(record.claim)}", effect)

    def read(self, lock_key: str) -> Observation:
        observed = self._call(f"read {lock_key}", lambda: self._observe(self.server.records.get(lock_key)))
        self.seen = observed.record
        return observed

    def read_all(self) -> list[Observation]:
        return self._call(
            "read all", lambda: [self._observe(found) for _, found in sorted(self.server.records.items())]
        )

    def audit_entries(self) -> list[AuditEntry]:
        return self._call("read audit", lambda: list(self.server.audit))

    def wait_for_change(self, seen: LockRecord, timeout_seconds: float) -> None:
        self.server.simulation.wait(lambda: not self.server.is_current(seen), timeout_seconds)

    def now(self) -> datetime:
        """Return the server's time of a reading."""
        return true_time(self.server.simulation)

    def _observe(self, record: LockRecord | None) -> Observation:
        return Observation(record, self.now())

    def _call(self, name: str, effect: Callable[[], T]) -> T:
        def noted() -> T:
            answer = effect()
            self.server.simulation.note(f"lock: {name} -> {_answer(answer)}")
            return answer

        return self._faults.call(
            "locks", f"lock: {name}", noted, unavailable=LockServiceUnavailable, unknown=LockOutcomeUnknown
        )


def _short(claim: Claim) -> str:
    return f"{claim.lock_key}:{claim.holder_id[:4]}"


def _answer(answer: object) -> str:
    if isinstance(answer, LockRecord):
        return f"token …{answer.token % 10**9}"
    if isinstance(answer, Observation):
        return (
            "free" if answer.record is None else f"{_short(answer.record.claim)}, {answer.seconds_until_expiry:.0f} s"
        )
    if isinstance(answer, AuditEntry):
        return f"released at …{answer.token % 10**9}"
    return "changed meanwhile" if answer is None or answer is False else "done" if answer is True else f"{len(answer)}"  # type: ignore[arg-type]
