"""Whether the folders on this machine can be written."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lib import places
from lib.verdict.check import Check
from lib.verdict.section import Section
from lib.verdict.verdict import Verdict

if TYPE_CHECKING:
    from lib.platform import Platform


def archive_folder(platform: Platform) -> Section:
    """Where runs are archived."""
    outputs = places.outputs()
    if "://" in outputs:
        summary = f"{outputs} is no folder of this machine, so it was not tried"
        return Section((Check("Archive of runs", Verdict.UNKNOWN, summary),))
    return Section((_writable("Archive of runs", Path(outputs), "RUNBOOK_OUTPUTS"),))


def state_folder(platform: Platform) -> Section:
    """Where the embedded platform keeps tables, locks and logs."""
    if platform.environment.platform != "embedded":
        return Section(())
    return Section((_writable("State folder", places.home(), "RUNBOOK_HOME"),))


def _writable(name: str, folder: Path, variable: str) -> Check:
    """Write a file there, or where the folder would be made, and take it away again."""
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        step = f"Make {nearest} a folder that you may write to, or name another one in {variable}."
        summary = f"{folder} cannot be written: {error.strerror or error}"
        return Check(name, Verdict.FAIL, summary, {"folder": folder}, step)
    return Check(name, Verdict.PASS, f"{folder} can be written")
