"""Checks an environment's setup: everything that would stop a runbook, with its fix."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

from lib import places
from lib.consolidation.errors import TableNotFound
from lib.consolidation.fence import FENCE_COLUMNS
from lib.consolidation.identifiers import TableName
from lib.consolidation.ledger import ledger_columns
from lib.consolidation.schema import spec_additions, spec_faults
from lib.consolidation.warehouse import Column
from lib.errors import Unavailable, UserError
from lib.operations.deployment.services import FIRESTORE_ACCESS, HEALTH, firestore_access, health
from lib.operations.logs.monitoring import LOGS, log_freshness
from lib.operations.scope import Scope, scope_of
from lib.platform import Platform
from lib.verdict.check import Check, Looking, Question
from lib.verdict.conclusion import Conclusion, conclude
from lib.verdict.section import Section
from lib.verdict.verdict import Verdict
from lib.words.nouns import counted

Step = tuple[Question, Callable[[], Section]]

ARCHIVE = Question(
    "archive",
    "Archive of runs",
    affects="runs: their reports cannot be stored",
    can_wait="until the next run",
)
STATE_FOLDER = Question(
    "state_folder",
    "State folder",
    affects="runbooks and consolidations on this machine: they keep tables, locks and logs there",
    can_wait="until the next run or batch",
)
LOCK_STORE = Question(
    "lock_store",
    "Lock store",
    affects="consolidations: they cannot take the lock",
    can_wait="until the next batch",
)
BATCH_STATES = Question(
    "batch_states",
    "Batch state",
    affects="the checks that read batch states: they have no data",
    can_wait="yes: no row depends on it",
)
_MAIN_TABLE = Question(
    "main_table",
    "Main table",
    affects="consolidations, and every check that reads the table",
    can_wait="until the next batch",
)
_FENCES = Question(
    "fences",
    "Fences",
    affects="consolidations: each writes its date's row there",
    can_wait="until the next batch",
)
_LEDGER = Question(
    "ledger",
    "Ledger",
    affects="consolidations: each is recorded there",
    can_wait="until the next batch",
)
_HOURS_OF_LOGS = 14 * 24
_QUESTIONS_AT_ONCE = 6


@runtime_checkable
class KnowsItsSetup(Protocol):
    """Adapters of a platform that needs more setup than its ports show."""

    def access_check(self) -> Check:
        """Check whether the platform can be reached at all; a FAIL ends the examination."""
        ...

    def setup_steps(self) -> Sequence[Step]:
        """Return further checks of this platform."""
        ...


@runtime_checkable
class KeepsItsState(Protocol):
    """Adapters whose tables, locks and logs are files on this machine."""

    @property
    def home(self) -> Path:
        """The folder that holds them."""
        ...


def examine(platform: Platform) -> Conclusion:
    """Run every check and conclude; what could not be read is UNKNOWN."""
    adapters = platform.adapters
    if not isinstance(adapters, KnowsItsSetup):
        return conclude(_ask(_common_steps(platform)))
    access = adapters.access_check()
    if access.verdict is Verdict.FAIL:
        return conclude([access])
    return conclude([access, *_ask([*adapters.setup_steps(), *_common_steps(platform)])])


def _ask(steps: Sequence[Step]) -> list[Check]:
    """Return the answers in the order of the questions; a slow one does not delay the others."""
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
        (_MAIN_TABLE, _main_table),
        (_FENCES, _fences),
        (_LEDGER, _ledger),
        (LOCK_STORE, lock_store),
        (BATCH_STATES, batch_states),
        (LOGS, log_freshness),
        (FIRESTORE_ACCESS, firestore_access),
        *((HEALTH, partial(health, service=service)) for service in platform.environment.services.both),
    ]
    return [(question, partial(step, scope)) for question, step in steps]


def archive_folder(scope: Scope) -> Section:
    """Check that runs can be archived."""
    outputs = places.outputs()
    if "://" in outputs:
        step = "See whether it can be read: runbook runs list"
        return Section((ARCHIVE.unknown(f"{outputs} is remote and was not checked", step),))
    return Section((_writable(ARCHIVE, Path(outputs), "RUNBOOK_OUTPUTS"),))


def state_folder(scope: Scope) -> Section:
    """Check the folder of tables, locks and logs, if it is on this machine."""
    adapters = scope.platform.adapters
    if not isinstance(adapters, KeepsItsState):
        return Section(())
    return Section((_writable(STATE_FOLDER, adapters.home, "RUNBOOK_HOME"),))


def _writable(question: Question, folder: Path, variable: str) -> Check:
    """Write and delete a test file in the folder, or where the folder would be created."""
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    question = question.on({"folder": str(folder)})
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        step = f"Make {nearest} writable for you, or set {variable} to another folder."
        return question.fails(f"{folder} cannot be written: {error.strerror or error}", step)
    return question.passes(f"{folder} can be written")


def lock_store(scope: Scope) -> Section:
    """Check that the locks can be read."""
    found = scope.platform.adapters.lock_store.read_all()
    expired = sum(observation.is_expired for observation in found)
    commands = [scope.platform.commands.looking("locks", "list")]
    question = LOCK_STORE.on({"locks": len(found), "expired": expired}, commands)
    return Section((question.passes(f"readable: {counted(len(found), 'lock')}, {expired} of them expired"),))


def batch_states(scope: Scope) -> Section:
    """Check that the coordinator's batch documents can be read, if the environment names their place."""
    source = scope.platform.batch_states
    if source is None:
        return Section(())
    found = len(source.since(scope.since))
    question = BATCH_STATES.on({"batches of the last 14 days": found})
    if found:
        return Section((question.passes(f"{source.place} is readable: {counted(found, 'batch')} in 14 days"),))
    step = "This is correct while nothing is due; otherwise, correct batch_state in the environment's file."
    return Section((question.warns(f"{source.place} has no batch that started in the last 14 days", step),))


def _main_table(scope: Scope) -> Section:
    """Check that the main table exists, with the columns of its settings."""
    platform, spec = scope.platform, scope.platform.table
    try:
        columns = platform.adapters.metered_warehouse.columns(spec.table)
    except TableNotFound as error:
        step = f"Create it as the pipeline declares it, or correct table.name in environment {platform.name}."
        return Section((_MAIN_TABLE.on({}, [_show(spec.table)]).fails(str(error), step),))
    faults, additions = spec_faults(spec, columns), spec_additions(spec, columns)
    return Section((_columns_check(_MAIN_TABLE, spec.table, columns, faults, additions),))


def _fences(scope: Scope) -> Section:
    return _own_table(scope, _FENCES, scope.platform.table.fences, FENCE_COLUMNS, absent=Verdict.WARN)


def _ledger(scope: Scope) -> Section:
    """If it is missing, the fences are missing too, and their check reports it."""
    spec = scope.platform.table
    return _own_table(scope, _LEDGER, spec.ledger, ledger_columns(spec), absent=Verdict.PASS)


def _own_table(
    scope: Scope, question: Question, table: TableName, wanted: Sequence[Column], *, absent: Verdict
) -> Section:
    try:
        found = scope.platform.adapters.metered_warehouse.columns(table)
    except TableNotFound:
        step = "Nothing to do: the library's first consolidation creates it."
        return Section((question.on({}, [_show(table)]).answer(absent, f"{table} does not exist yet", step),))
    types = {column.name: column.type for column in found}
    faults = [
        f"the table lacks {column.name}" if column.name not in types else f"{column.name} must be {column.type}"
        for column in wanted
        if types.get(column.name) != column.type
    ]
    additions = [column for column in wanted if column.name not in types]
    return Section((_columns_check(question, table, found, faults, additions),))


def _columns_check(
    question: Question,
    table: TableName,
    found: Sequence[Column],
    faults: Sequence[str],
    additions: Sequence[Column],
) -> Check:
    question = question.on({"table": str(table), "columns": len(found)}, [_show(table)])
    if not faults:
        return question.passes(f"{table} has the required columns")
    step = "Correct the column, or the table's settings."
    if additions:
        columns = ", ".join(f"ADD COLUMN {column.name} {column.type}" for column in additions)
        statement = shlex.quote(f"ALTER TABLE {table} {columns}")
        step = f"Correct the table's settings, or add them: bq query --use_legacy_sql=false {statement}"
    return question.fails(f"{table}: {'; '.join(faults)}", step)


def _show(table: TableName) -> Looking:
    return Looking(f"bq show --schema --format=prettyjson {table}")
