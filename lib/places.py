"""Where a project's files and state are, and the time that a run treats as now.

A project is a folder with ``params/environments``. Notebooks and params that it lacks come from this library: from the
checkout, or from the package data in ``lib/data``.
"""

from __future__ import annotations

import os
from datetime import MAXYEAR, UTC, datetime
from pathlib import Path

from lib.errors import UserError

# The folder that contains `lib`: a checkout, or site-packages.
ROOT = Path(__file__).resolve().parent.parent
_MARK = Path("params", "environments")
_DATA = ROOT / "lib" / "data"
# The environment variables that name a place.
NAMED = (
    *("RUNBOOK_PROJECT", "RUNBOOK_HOME", "RUNBOOK_OUTPUTS"),
    *("RUNBOOK_NOTEBOOKS", "RUNBOOK_ENVIRONMENTS", "RUNBOOK_SCHEDULE"),
)


def is_checkout() -> bool:
    """Return whether this code runs from a checkout, or a copy of one, rather than an installed package."""
    return (ROOT / _MARK).is_dir()


def shipped() -> Path:
    """Return the folder of the notebooks and params that come with this library; it is never written to.

    Raises:
        UserError: This is neither a checkout nor a complete package, and there is no project.
    """
    if is_checkout():
        return ROOT
    return _DATA if _DATA.is_dir() else project()


def project() -> Path:
    """Return the project's folder: ``RUNBOOK_PROJECT``, or the nearest parent that is one, or the checkout.

    Parents are searched because a JupyterLab kernel runs in ``notebooks/`` and must see the same state as the shell.

    Raises:
        UserError: There is no project.
    """
    if found := _project():
        return found
    raise UserError("no project here: run `runbook init`, or set RUNBOOK_PROJECT")


def _project() -> Path | None:
    if named := _given("RUNBOOK_PROJECT"):
        if not (named / _MARK).is_dir():
            raise UserError(f"RUNBOOK_PROJECT is {str(named)!r:.300}, which has no folder {_MARK}")
        return named
    # A shipped notebook runs in the package data, where nothing may be written.
    candidates = (folder for folder in (*_upwards(), ROOT) if folder != _DATA)
    return next((folder for folder in candidates if (folder / _MARK).is_dir()), None)


def _upwards() -> tuple[Path, ...]:
    try:
        here = Path.cwd()
    except FileNotFoundError:  # it was removed
        return ()
    return (here, *here.parents)


def handed_down() -> dict[str, str]:
    """Return the environment variables that let another process, in any folder, find the same places."""
    given = {name: value for name in NAMED if (value := os.environ.get(name))}
    absolute = {name: value if "://" in value else str(Path(value).absolute()) for name, value in given.items()}
    found = _project()
    return {"RUNBOOK_PROJECT": str(found), **absolute} if found else absolute


def layers(name: str) -> tuple[Path, ...]:
    """Return where a file or folder such as ``params/criteria.yaml`` may be: in the project, then shipped."""
    return tuple(folder / name for folder in dict.fromkeys((_project() or shipped(), shipped())))


def file(name: str) -> Path:
    """Return the project's own file of that name, or else the shipped one; it may not exist."""
    candidates = layers(name)
    return next(filter(Path.exists, candidates), candidates[0])


def home() -> Path:
    """Return the embedded platform's state folder: ``RUNBOOK_HOME``, or ``.runbook/`` in the project.

    Raises:
        UserError: There is no project.
    """
    return _given("RUNBOOK_HOME") or project() / ".runbook"


def notebooks() -> tuple[Path, ...]:
    """Return the folders of runbooks: only ``RUNBOOK_NOTEBOOKS``, or the project's ``notebooks/`` and the shipped ones.

    A notebook in an earlier folder hides one of the same name in a later folder. New notebooks go in the first.
    """
    if named := _given("RUNBOOK_NOTEBOOKS"):
        return (named,)
    return layers("notebooks")


def environments() -> Path:
    """Return the folder of environment files: ``RUNBOOK_ENVIRONMENTS``, or the project's ``params/environments``.

    Raises:
        UserError: There is no project.
    """
    return _given("RUNBOOK_ENVIRONMENTS") or project() / _MARK


def schedule() -> Path:
    """Return the schedule's file: ``RUNBOOK_SCHEDULE``, or ``params/schedule.yaml`` in the project.

    Raises:
        UserError: There is no project.
    """
    return _given("RUNBOOK_SCHEDULE") or project() / "params" / "schedule.yaml"


def _given(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value).absolute() if value else None


def outputs() -> str:
    """Return the archive: ``RUNBOOK_OUTPUTS``, or ``outputs/`` in the project.

    It is a path or an fsspec URL such as ``gs://bucket/prefix``.

    Raises:
        UserError: There is no project.
    """
    return os.environ.get("RUNBOOK_OUTPUTS") or str(project() / "outputs")


def now() -> datetime:
    """Return the time that a run treats as now (UTC): ``RUNBOOK_NOW``, or the clock.

    It shifts what a runbook reads and judges, but never the time used by locks or the warehouse.

    Raises:
        UserError: ``RUNBOOK_NOW`` is not an ISO 8601 time with a UTC offset, in the years 1970 to 9998.
    """
    given = os.environ.get("RUNBOOK_NOW")
    return moment(given, "RUNBOOK_NOW") if given else datetime.now(UTC)


def moment(text: str, name: str) -> datetime:
    """Parse a time (UTC); `name` is what the text belongs to, for error messages.

    Raises:
        UserError: It is not an ISO 8601 time with a UTC offset, in the years 1970 to 9998.
    """
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None or not 1970 <= parsed.year < MAXYEAR:
        raise UserError(f"{name} must be a time such as 2026-01-17T23:30:00-05:00, got {text!r:.60}")
    return parsed.astimezone(UTC)
