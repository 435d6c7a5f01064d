"""Is an environment set up? Everything that a runbook would stumble over, with its fix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from lib.errors import Unavailable, UserError
from lib.operations import by_hand
from lib.operations.deployment import services
from lib.operations.doctor import files, tables
from lib.operations.logs.freshness import log_freshness
from lib.operations.logs.history import LogHistory
from lib.verdict.check import Check
from lib.verdict.conclusion import Conclusion, conclude
from lib.verdict.section import Section, all_checks, could_not_look
from lib.verdict.verdict import Verdict

if TYPE_CHECKING:
    from lib.platform import Platform

Step = Callable[[], Section]

_LOGS_LOOKED_AT = timedelta(days=14)
_QUESTIONS_AT_ONCE = 6


@runtime_checkable
class KnowsItsSetup(Protocol):
    """Adapters of a platform that has more to be set up than its ports tell."""

    def access_check(self) -> Check:
        """Whether anything can be asked at all; a FAIL ends the examination."""
        ...

    def setup_steps(self) -> Mapping[str, Step]:
        """What to ask, by the question."""
        ...


def examine(platform: Platform) -> Conclusion:
    """Ask every question and conclude; what could not be looked at is UNKNOWN."""
    adapters = platform.adapters
    if not isinstance(adapters, KnowsItsSetup):
        return conclude(_ask(_common_steps(platform)))
    access = adapters.access_check()
    if access.verdict is Verdict.FAIL:
        return conclude([access])
    return conclude([access, *_ask({**adapters.setup_steps(), **_common_steps(platform)})])


def _ask(steps: Mapping[str, Step]) -> list[Check]:
    """The answers in the order of the questions; a slow one holds up no other."""
    with ThreadPoolExecutor(_QUESTIONS_AT_ONCE) as pool:
        return all_checks(list(pool.map(_answer, steps.keys(), steps.values())))


def _answer(question: str, step: Step) -> Section:
    try:
        return step()
    except Unavailable as error:
        return Section((could_not_look(question, error),))
    except UserError as error:
        return Section((Check(question, Verdict.FAIL, str(error)),))


def _common_steps(platform: Platform) -> Mapping[str, Step]:
    common = {
        "Archive of runs": files.archive_folder,
        "State folder": files.state_folder,
        "Main table": tables.main_table,
        "Fences": tables.fences,
        "Ledger": tables.ledger,
        "Lock store": lock_store,
        "Logs of the services": logs,
        "Firestore access": services.firestore_access,
    }
    health = {
        f"Health of {service}": partial(services.health, platform, service)
        for service in platform.environment.services.both
    }
    return {**{question: partial(step, platform) for question, step in common.items()}, **health}


def lock_store(platform: Platform) -> Section:
    """Whether the locks can be read."""
    found = platform.adapters.lock_store.read_all()
    expired = sum(observation.is_expired for observation in found)
    summary = f"it answers: {len(found)} locks, {expired} of them expired"
    commands = [by_hand.command(platform.environment, "locks", "list")]
    return Section((Check("Lock store", Verdict.PASS, summary, commands=commands),))


def logs(platform: Platform) -> Section:
    """Whether the services' logs are collected at all."""
    now = datetime.now(UTC)
    return log_freshness(LogHistory(platform, now - _LOGS_LOOKED_AT, now))
