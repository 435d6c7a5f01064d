"""Is an environment set up? Everything that a runbook would stumble over, with its fix."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

from lib import places
from lib.errors import Unavailable, UserError
from lib.operations.deployment.services import FIRESTORE_ACCESS, HEALTH, firestore_access, health
from lib.operations.doctor.tables import FENCES, LEDGER, MAIN_TABLE, fences, ledger, main_table
from lib.operations.logs.freshness import LOGS, log_freshness
from lib.operations.scope import Scope, scope_of
from lib.platform import Platform
from lib.verdict.check import Check, Question
from lib.verdict.conclusion import Conclusion, conclude
from lib.verdict.section import Section
from lib.verdict.verdict import Verdict

Step = tuple[Question, Callable[[], Section]]

ARCHIVE = Question("archive", "Archive of runs")
STATE_FOLDER = Question("state_folder", "State folder")
LOCK_STORE = Question("lock_store", "Lock store")
_HOURS_OF_LOGS = 14 * 24
_QUESTIONS_AT_ONCE = 6


@runtime_checkable
class KnowsItsSetup(Protocol):
    """Adapters of a platform that needs more set up than its ports show."""

    def access_check(self) -> Check:
        """Whether anything can be asked at all; a FAIL ends the examination."""
        ...

    def setup_steps(self) -> Sequence[Step]:
        """What else to ask."""
        ...


@runtime_checkable
class KeepsItsState(Protocol):
    """Adapters whose tables, locks and logs are files of this machine."""

    @property
    def home(self) -> Path:
        """The folder of all of them."""
        ...


def examine(platform: Platform) -> Conclusion:
    """Ask every question and conclude; what could not be looked at is UNKNOWN."""
    adapters = platform.adapters
    if not isinstance(adapters, KnowsItsSetup):
        return conclude(_ask(_common_steps(platform)))
    access = adapters.access_check()
    if access.verdict is Verdict.FAIL:
        return conclude([access])
    return conclude([access, *_ask([*adapters.setup_steps(), *_common_steps(platform)])])


def _ask(steps: Sequence[Step]) -> list[Check]:
    """The answers in the order of the questions; a slow one holds up no other."""
    with ThreadPoolExecutor(_QUESTIONS_AT_ONCE) as pool:
        return [check for found in pool.map(_answer, steps) for check in found.checks]


def _answer(step: Step) -> Section:
    question, look = step
    try:
        return look()
    except Unavailable as error:
        return Section((question.could_not_look(error),))
    except UserError as error:
        return Section((question.fails(str(error)),))


def _common_steps(platform: Platform) -> list[Step]:
    scope = scope_of(platform, hours=_HOURS_OF_LOGS, now=datetime.now(UTC))
    steps: list[tuple[Question, Callable[[Scope], Section]]] = [
        (ARCHIVE, archive_folder),
        (STATE_FOLDER, state_folder),
        (MAIN_TABLE, main_table),
        (FENCES, fences),
        (LEDGER, ledger),
        (LOCK_STORE, lock_store),
        (LOGS, log_freshness),
        (FIRESTORE_ACCESS, firestore_access),
        *((HEALTH, partial(health, service=service)) for service in platform.environment.services.both),
    ]
    return [(question, partial(step, scope)) for question, step in steps]


def archive_folder(scope: Scope) -> Section:
    """Where runs are archived."""
    outputs = places.outputs()
    if "://" in outputs:
        return Section(
            (
                ARCHIVE.unknown(
                    f"{outputs} is remote and was not checked", "See whether it can be read: runbook runs list"
                ),
            )
        )
    return Section((_writable(ARCHIVE, Path(outputs), "RUNBOOK_OUTPUTS"),))


def state_folder(scope: Scope) -> Section:
    """Where tables, locks and logs are kept, if in a folder of this machine."""
    adapters = scope.platform.adapters
    if not isinstance(adapters, KeepsItsState):
        return Section(())
    return Section((_writable(STATE_FOLDER, adapters.home, "RUNBOOK_HOME"),))


def _writable(question: Question, folder: Path, variable: str) -> Check:
    """Write a file there, or where the folder would be made, and take it away again."""
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    question = question.on({"folder": str(folder)})
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        step = f"Make {nearest} a folder that you may write to, or name another one in {variable}."
        return question.fails(f"{folder} cannot be written: {error.strerror or error}", step)
    return question.passes(f"{folder} can be written")


def lock_store(scope: Scope) -> Section:
    """Whether the locks can be read."""
    found = scope.platform.adapters.lock_store.read_all()
    expired = sum(observation.is_expired for observation in found)
    question = LOCK_STORE.on(
        {"locks": len(found), "expired": expired}, [scope.platform.commands.looking("locks", "list")]
    )
    return Section((question.passes(f"it answers: {len(found)} locks, {expired} of them expired"),))
