"""The archive: ``<root>/<environment>/<runbook>/<run id>/`` with all that a run leaves.

``run.json`` is there from the start, so that a run killed later can be seen;
``notebook.ipynb`` and ``report.html`` appear whole, and before the record says
that the run has ended.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lib import project
from lib.errors import Unavailable, UserError
from lib.runbooks.record import RunRecord, from_json, to_json, utc_now

RECORD = "run.json"
NOTEBOOK = "notebook.ipynb"
REPORT = "report.html"


@dataclass(frozen=True)
class Run:
    """A run in the archive.

    Attributes:
        folder: Where its files are.
        record: What became of it.
    """

    folder: Path
    record: RunRecord

    @property
    def notebook(self) -> Path:
        """The executed notebook; there once the run has ended."""
        return self.folder / NOTEBOOK

    @property
    def report(self) -> Path:
        """The report; there once the run has ended."""
        return self.folder / REPORT

    @property
    def exit_code(self) -> int:
        """See `RunRecord.exit_code`."""
        return self.record.exit_code


@dataclass(frozen=True)
class DamagedRun:
    """A run whose record is missing or cannot be read.

    Attributes:
        folder: Where its files are.
        reason: One line.
    """

    folder: Path
    reason: str


class Archive:
    """All runs below one folder.

    Raises:
        UserError: The root is a URL; only folders are supported as yet.
    """

    def __init__(self, root: str | Path | None = None) -> None:
        place = str(root) if root is not None else project.outputs()
        if "://" in place:
            raise UserError(f"RUNBOOK_OUTPUTS is {place!r:.120}: only a folder is supported as yet")
        self.root = Path(place).absolute()

    def new_folder(self, environment: str, runbook: str, started_at: datetime) -> Path:
        """Make the folder of a new run; its name is the run's id.

        Raises:
            UserError: The archive cannot be written.
        """
        parent = self.root / environment / runbook
        try:
            parent.mkdir(parents=True, exist_ok=True)
            while True:
                folder = parent / f"{started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
                try:
                    folder.mkdir()
                    return folder
                except FileExistsError:
                    continue
        except OSError as error:
            raise UserError(f"the outputs folder {self.root} cannot be written: {error.strerror}") from error

    def runs(self) -> list[Run | DamagedRun]:
        """Every run, newest first, as a reader must show it now."""
        now = utc_now()
        folders = sorted(self._run_folders(), key=lambda folder: folder.name, reverse=True)
        return [_read(folder, now) for folder in folders]

    def _run_folders(self) -> Iterator[Path]:
        return (folder for folder in self.root.glob("*/*/*") if _RUN_ID.fullmatch(folder.name) and folder.is_dir())


_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}")


def write_record(run: Run) -> None:
    """Replace the run's record on disk."""
    write_atomically(run.folder / RECORD, to_json(run.record))


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that readers see whole or not at all.

    Raises:
        Unavailable: It cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from error


def _read(folder: Path, now: datetime) -> Run | DamagedRun:
    try:
        record = from_json((folder / RECORD).read_bytes())
    except FileNotFoundError:
        return DamagedRun(folder, f"{RECORD} is missing")
    except (OSError, ValueError) as error:
        return DamagedRun(folder, f"{RECORD} cannot be read: {str(error).splitlines()[0]:.200}")
    return Run(folder, record.observed(now))
