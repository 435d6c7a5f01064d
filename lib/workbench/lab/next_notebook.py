"""Create a working copy of the next notebook with its parameters set, for a next step's link."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from lib.environment import default_environment, environment_names
from lib.errors import RunbookError, UserError
from lib.runbooks.catalogue import Runbook, find_runbook
from lib.runbooks.parameters import APPROVALS, ENVIRONMENT_PARAMETER, declared_names
from lib.verdict.live import SESSION_VARIABLE
from lib.verdict.next_notebook import carry_parameters_by
from lib.words.choices import no_such
from lib.words.runbook_commands import NextRunbook
from lib.workbench.lab.folder import LabFolder, environment_of
from lib.workbench.lab.working_copy import working_copy

# `runbook lab` passes its folder to kernels in this variable; it is not set in a JupyterLab started otherwise.
FOLDER_VARIABLE = "RUNBOOK_LAB"
# A link never requests a change, only what to check: a person requests the change, and gives the reason.
_LOOKED_AT = (ENVIRONMENT_PARAMETER, "date", "timezone")
_MOST_NOTEBOOKS = 200
_LONGEST_VALUE = 1_000
_LONGEST_LABEL = 60
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9.,_@+-]+")


def link_next_notebooks() -> None:
    """Make next steps displayed by this kernel link to notebooks with their parameters, if `runbook lab` started it."""
    if FOLDER_VARIABLE in os.environ and SESSION_VARIABLE in os.environ:
        carry_parameters_by(_link)


def _link(following: NextRunbook) -> str | None:
    folder, this = Path(os.environ[FOLDER_VARIABLE]), Path(os.environ[SESSION_VARIABLE])
    here = this.parent
    if folder not in (here, *here.parents):
        return ""
    name = notebook_for(LabFolder(folder), following)
    if folder / name == this:
        return None
    return os.path.relpath(folder / name, here) if name else ""


def notebook_for(folder: LabFolder, following: NextRunbook) -> str:
    """Return the name of a notebook in the folder with these parameters, creating it if necessary.

    Returns:
        The name; empty if the runbook does not exist, the values are invalid, or there are too many notebooks.
    """
    try:
        runbook = find_runbook(following.name)
        values = {**environment_of(runbook, default_environment()), **_carried(runbook, following)}
        usual = environment_of(runbook, folder.environment)
        other = {name: value for name, value in values.items() if usual.get(name) != value}
        copy = working_copy(runbook, values)
        if not other:
            return _own_name(folder, runbook)
        if sum(1 for _ in folder.notebooks()) >= _MOST_NOTEBOOKS:
            return ""
        return folder.put_with_parameters(runbook, _label(other), copy)
    except (RunbookError, OSError):  # the step still shows the command
        return ""


def _own_name(folder: LabFolder, runbook: Runbook) -> str:
    name = f"{runbook.name}.ipynb"
    return name if (folder.path / name).is_file() else ""


def _carried(runbook: Runbook, following: NextRunbook) -> dict[str, str]:
    """Return the values that a link may carry, by the names that the notebook declares.

    Raises:
        UserError: A value is given twice or too long, or the environment does not exist.
    """
    given = declared_names(runbook.parameters, dict(following.given))
    if len(given) != len(following.given) or any(len(value) > _LONGEST_VALUE for value in given.values()):
        raise UserError(f"{following.command!r:.80} gives a parameter twice, or a value that is too long")
    environment = given.get(ENVIRONMENT_PARAMETER)
    if environment is not None and environment not in environment_names():
        raise no_such("environment", environment, environment_names())
    if any(name in given for name in APPROVALS):
        return {name: value for name, value in given.items() if name in _LOOKED_AT}
    return given


def _label(given: Mapping[str, str]) -> str:
    """What distinguishes its name from the others': readable, and different for different values."""
    words = ", ".join(f"{name} {value}" if value else name for name, value in given.items())
    label = _NOT_IN_A_NAME.sub(" ", words).strip()
    if label == words and len(label) <= _LONGEST_LABEL:
        return label
    digest = hashlib.sha256(repr(sorted(given.items())).encode()).hexdigest()[:8]
    return f"{label[:_LONGEST_LABEL].strip()} {digest}"
