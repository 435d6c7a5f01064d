"""``lock:``, how long a consolidation holds its lock and waits for it."""

from __future__ import annotations

from dataclasses import dataclass

from lib.environment.strict import STRICT
from lib.errors import UserError
from lib.locking.lease import LOCK_TIMEOUT_SECONDS, LeaseTiming


@dataclass(frozen=True)
class LockSettings:
    """Lock timing, in seconds.

    Attributes:
        lease_seconds: See `lib.locking.LeaseTiming`.
        max_wait_seconds: How long a consolidation waits for another.
    """

    __pydantic_config__ = STRICT

    lease_seconds: float = LOCK_TIMEOUT_SECONDS
    max_wait_seconds: float = 300

    def __post_init__(self) -> None:
        if not 0 < self.lease_seconds <= 86_400:
            raise UserError(f"lock.lease_seconds: must be above 0 and at most 86400, got {self.lease_seconds:g}")
        if self.max_wait_seconds < 0:
            raise UserError(f"lock.max_wait_seconds: must be 0 or more, got {self.max_wait_seconds:g}")

    @property
    def timing(self) -> LeaseTiming:
        return LeaseTiming(self.lease_seconds)
