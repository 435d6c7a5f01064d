"""All drills by name, and running one: set it up, run its runbooks, and compare."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lib import places
from lib.archive.archive import Archive, Run
from lib.runbooks.catalogue import find_runbook
from lib.runbooks.execution import execute
from lib.verdict.conclusion import RunCost
from lib.words.choices import no_such
from rehearsal.drills import (
    batches,
    blind_spots,
    commits,
    deployments,
    dialects,
    due,
    duplicates,
    locks,
    nights,
    rows,
    staging,
    values,
)
from rehearsal.drills.drill import Drill, Look, Scene
from rehearsal.drills.stage import Stage

_MODULES = (
    duplicates,
    deployments,
    staging,
    locks,
    rows,
    batches,
    blind_spots,
    commits,
    due,
    values,
    nights,
)


def drills() -> list[Drill]:
    """Return the incidents by number, then chores and ordinary nights, then the drills of each dialect."""
    found = [drill for module in _MODULES for drill in vars(module).values() if isinstance(drill, Drill)]
    return [*sorted(found, key=lambda drill: (drill.incident is None, drill.incident or 0)), *dialects.DRILLS]


def find_drill(name: str) -> Drill:
    """Return the drill of that name.

    Raises:
        UserError: There is no such drill; lists the nearest and all of them.
    """
    known = {drill.name: drill for drill in drills()}
    if name in known:
        return known[name]
    raise no_such("drill", name, known)


@dataclass(frozen=True)
class Finding:
    """What a runbook reported for a drill.

    Attributes:
        drill: The drill's name.
        kind: ``incident 7``, ``chore``, ``ordinary night`` or ``dialect a1``.
        runbook: The runbook's name.
        verdict: Its verdict, or its status if it has none.
        headline: Its headline.
        surprises: What is not as expected; empty if it is right.
        report: Its report page, if the folder is kept.
        seconds: The duration of the run.
        cost: What the run cost the warehouse; None if it did not complete.
    """

    drill: str
    kind: str
    runbook: str
    verdict: str
    headline: str
    surprises: tuple[str, ...]
    report: str
    seconds: float
    cost: RunCost | None

    @property
    def is_right(self) -> bool:
        return not self.surprises


def variables_of(folder: Path) -> dict[str, str]:
    """Return the environment variables with which commands use the state and the archive of a drill's folder."""
    names = {"RUNBOOK_HOME": "home", "RUNBOOK_OUTPUTS": "outputs", "RUNBOOK_ENVIRONMENTS": "environments"}
    return {variable: str(folder / name) for variable, name in names.items()}


def rehearse(drill: Drill, folder: Path, on_change: Callable[[Archive], object] | None = None) -> list[Finding]:
    """Set up the drill in the folder and run its runbooks there, one after the other.

    Args:
        drill: See `drills`.
        folder: A new or empty folder for the state and the archive; nothing else is touched.
        on_change: See `lib.runbooks.execution.execute`.
    """
    variables = variables_of(folder)
    environments = Path(variables["RUNBOOK_ENVIRONMENTS"])
    environments.mkdir(parents=True)
    shutil.copy(places.shipped() / "params" / "environments" / "local.yaml", environments)
    with _environment_variables(variables), _library_log_kept():
        scene = drill.set_up(Stage(Path(variables["RUNBOOK_HOME"])))
        moment = {"RUNBOOK_NOW": scene.now.isoformat()} if scene.now else {}
        with _environment_variables(moment):
            archive = Archive(variables["RUNBOOK_OUTPUTS"])
            return [_finding(drill, look, _look(scene, look, archive, on_change), archive) for look in scene.looks]


def _look(scene: Scene, look: Look, archive: Archive, on_change: Callable[[Archive], object] | None) -> Run:
    return execute(
        find_runbook(look.runbook),
        look.parameters,
        environment=scene.environment,
        archive=archive,
        progress=False,
        on_change=on_change,
    )


def _finding(drill: Drill, look: Look, run: Run, archive: Archive) -> Finding:
    record = run.record
    return Finding(
        drill.name,
        drill.kind,
        look.runbook,
        str(record.verdict or record.status),
        record.headline,
        tuple(look.surprises(record)),
        archive.store.address(run.report),
        record.seconds or 0.0,
        record.cost,
    )


@contextmanager
def _environment_variables(values: Mapping[str, str]) -> Iterator[None]:
    """Kernels inherit these variables, and so find the state."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _library_log_kept() -> Iterator[None]:
    """Restore the library's log handlers, which the drill's platform replaces."""
    library = logging.getLogger("lib")
    before = list(library.handlers)
    try:
        yield
    finally:
        library.handlers[:] = before
