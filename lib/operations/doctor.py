"""Is an environment set up? Everything that a runbook would stumble over, with its fix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from lib.operations import deployment, doctor_tables
from lib.operations.doctor_files import archive_folder, state_folder
from lib.operations.freshness import log_freshness
from lib.operations.history import LogHistory
from lib.operations.section import Section, all_checks, section
from lib.operations.verdict import Check, Conclusion, Verdict, conclude

if TYPE_CHECKING:
    from lib.platform import Platform

_LOGS_LOOKED_AT = timedelta(days=14)
_QUESTIONS_AT_ONCE = 6


@runtime_checkable
class KnowsItsSetup(Protocol):
    """Adapters of a platform that has more to be set up than its ports tell."""

    def setup_steps(self) -> Sequence[Callable[[], Section]]:
        """One question each."""
        ...


def examine(platform: Platform) -> Conclusion:
    """Ask every question and conclude; what could not be looked at is UNKNOWN."""
    with ThreadPoolExecutor(_QUESTIONS_AT_ONCE) as pool:
        sections = list(pool.map(lambda step: step(), _steps(platform)))
    return conclude(all_checks(sections))


def _steps(platform: Platform) -> list[Callable[[], Section]]:
    own = platform.adapters.setup_steps() if isinstance(platform.adapters, KnowsItsSetup) else ()
    common = (
        archive_folder,
        state_folder,
        doctor_tables.main_table,
        doctor_tables.fences,
        doctor_tables.ledger,
        lock_store,
        logs,
        deployment.firestore_access,
    )
    health = [partial(deployment.health, platform, service) for service in platform.environment.services.both]
    return [*own, *(partial(step, platform) for step in common), *health]


@section("Lock store")
def lock_store(platform: Platform) -> Section:
    """Whether the locks can be read."""
    found = platform.adapters.lock_store.read_all()
    expired = sum(observation.is_expired for observation in found)
    summary = f"it answers: {len(found)} locks, {expired} of them expired"
    return Section((Check("Lock store", Verdict.PASS, summary, commands=["runbook locks list"]),))


@section("Logs of the services")
def logs(platform: Platform) -> Section:
    """Whether the services' logs are collected at all."""
    now = datetime.now(UTC)
    return log_freshness(LogHistory(platform, now - _LOGS_LOOKED_AT, now))
