"""Where a project's files and its state live, and the moment that a run looks from.

A project is a folder that holds ``params/environments``. What it lacks of notebooks and params it has from this
library, whose own stand in a checkout, or as package data in ``lib/data``.
"""

from __future__ import annotations

import os
from datetime import MAXYEAR, UTC, datetime
from pathlib import Path

from lib.errors import UserError

# What holds `lib`: a checkout, or where packages are installed.
ROOT = Path(__file__).resolve().parent.parent
_MARK = Path("params", "environments")
_DATA = ROOT / "lib" / "data"
# The environment variables that name a place.
NAMED = (
    *("RUNBOOK_PROJECT", "RUNBOOK_HOME", "RUNBOOK_OUTPUTS"),
    *("RUNBOOK_NOTEBOOKS", "RUNBOOK_ENVIRONMENTS", "RUNBOOK_SCHEDULE"),
)


def is_checkout() -> bool:
    """Whether this code runs from a checkout, or a copy of one, and not from an installed package."""
    return (ROOT / _MARK).is_dir()


def shipped() -> Path:
    """The folder of the notebooks and params that come with this library: read, and never written.

    Raises:
        UserError: This is neither a checkout nor a whole package, and there is no project either.
    """
    if is_checkout():
        return ROOT
    return _DATA if _DATA.is_dir() else project()


def project() -> Path:
    """The folder of the project: ``RUNBOOK_PROJECT``, or the nearest one upwards that is one, or the checkout.

    Upwards, since a kernel started by JupyterLab runs in ``notebooks/`` and must see the same state as the shell.

    Raises:
        UserError: There is none.
    """
    if found := _project():
        return found
    raise UserError("no project here: run `runbook init`, or name one by RUNBOOK_PROJECT")


def _project() -> Path | None:
    if named := _given("RUNBOOK_PROJECT"):
        if not (named / _MARK).is_dir():
            raise UserError(f"RUNBOOK_PROJECT names {str(named)!r:.300}, which has no folder {_MARK}")
        return named
    # A shipped notebook runs in a folder of the data, to which nothing is written.
    candidates = (folder for folder in (*_upwards(), ROOT) if folder != _DATA)
    return next((folder for folder in candidates if (folder / _MARK).is_dir()), None)


def _upwards() -> tuple[Path, ...]:
    try:
        here = Path.cwd()
    except FileNotFoundError:  # it was removed
        return ()
    return (here, *here.parents)


def handed_down() -> dict[str, str]:
    """The environment variables by which another process, in whatever folder it runs, finds the same places."""
    given = {name: value for name in NAMED if (value := os.environ.get(name))}
    absolute = {name: value if "://" in value else str(Path(value).absolute()) for name, value in given.items()}
    found = _project()
    return {"RUNBOOK_PROJECT": str(found), **absolute} if found else absolute


def layers(name: str) -> tuple[Path, ...]:
    """Where a file or folder such as ``params/criteria.yaml`` may be: in the project, then among the shipped ones."""
    return tuple(folder / name for folder in dict.fromkeys((_project() or shipped(), shipped())))


def file(name: str) -> Path:
    """The project's own file of that name, or else the shipped one; it need not be there."""
    candidates = layers(name)
    return next(filter(Path.exists, candidates), candidates[0])


def home() -> Path:
    """State of the embedded platform: ``RUNBOOK_HOME``, or ``.runbook/`` in the project.

    Raises:
        UserError: There is no project.
    """
    return _given("RUNBOOK_HOME") or project() / ".runbook"


def notebooks() -> tuple[Path, ...]:
    """Folders of runbooks: ``RUNBOOK_NOTEBOOKS`` alone, or ``notebooks/`` in the project, then the shipped ones.

    The first folder that has a name counts. New notebooks belong in the first folder.
    """
    if named := _given("RUNBOOK_NOTEBOOKS"):
        return (named,)
    return layers("notebooks")


def environments() -> Path:
    """The environments' files: ``RUNBOOK_ENVIRONMENTS``, or ``params/environments`` in the project.

    Raises:
        UserError: There is no project.
    """
    return _given("RUNBOOK_ENVIRONMENTS") or project() / _MARK


def schedule() -> Path:
    """The schedule's file: ``RUNBOOK_SCHEDULE``, or ``params/schedule.yaml`` in the project.

    Raises:
        UserError: There is no project.
    """
    return _given("RUNBOOK_SCHEDULE") or project() / "params" / "schedule.yaml"


def _given(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value).absolute() if value else None


def outputs() -> str:
    """The archive: ``RUNBOOK_OUTPUTS``, or ``outputs/`` in the project.

    A path or an fsspec URL such as ``gs://bucket/prefix``.

    Raises:
        UserError: There is no project.
    """
    return os.environ.get("RUNBOOK_OUTPUTS") or str(project() / "outputs")


def now() -> datetime:
    """The moment that a run looks from (UTC): ``RUNBOOK_NOW``, or the clock's.

    It moves what a runbook reads and judges, never what a lock or the warehouse holds for the time.

    Raises:
        UserError: ``RUNBOOK_NOW`` is not an ISO 8601 moment with its zone, of the years 1970 to 9998.
    """
    told = os.environ.get("RUNBOOK_NOW")
    return moment(told, "RUNBOOK_NOW") if told else datetime.now(UTC)


def moment(text: str, name: str) -> datetime:
    """The moment (UTC) that a text says; `name` is whose text, for errors.

    Raises:
        UserError: It is not an ISO 8601 moment with its zone, of the years 1970 to 9998.
    """
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        told = None
    if told is None or told.tzinfo is None or not 1970 <= told.year < MAXYEAR:
        raise UserError(f"{name} is {text!r:.60}; write a moment such as 2026-01-17T23:30:00-05:00")
    return told.astimezone(UTC)
