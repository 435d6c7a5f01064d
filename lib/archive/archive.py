"""The archive: a folder ``<environment>/<runbook>/<run id>/`` for each run.

``run.json`` is written at the start, so that a run killed later is visible. ``notebook.ipynb``, ``report.html``
and the files in ``tables/`` appear complete, before the record says that the run has ended. Until a run is
sealed (`lib.archive.sealing`), its place is also listed below ``_unsealed/``, so that a killed run is found
without reading all others.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from lib import places
from lib.archive.local_store import LocalStore
from lib.archive.record import RUN_ID_MOMENT, NewerRecord, RunRecord, from_json, to_json, utc_now
from lib.archive.store import Store
from lib.errors import Unavailable, UserError
from lib.words.brief import brief
from lib.words.nouns import counted
from lib.words.text import one_line

RECORD = "run.json"
NOTEBOOK = "notebook.ipynb"
REPORT = "report.html"
TABLES = "tables"


@dataclass(frozen=True)
class Run:
    """A run in the archive; its files are in its place, ``environment/runbook/run id``."""

    place: str
    record: RunRecord

    __repr__ = brief("place", "record.verdict")

    @property
    def run_id(self) -> str:
        """The last part of the run's place, whatever its record says."""
        return self.place.rsplit("/", 1)[-1]

    @property
    def notebook(self) -> str:
        """Name of the executed notebook in the store; it exists once the run has ended."""
        return f"{self.place}/{NOTEBOOK}"

    @property
    def report(self) -> str:
        """Name of the report in the store; it exists once the run has ended."""
        return f"{self.place}/{REPORT}"

    @property
    def exit_code(self) -> int:
        """See `RunRecord.exit_code`."""
        return self.record.exit_code


@dataclass(frozen=True)
class DamagedRun:
    """A run whose record is missing or cannot be read.

    Attributes:
        reason: One line.
        is_newer: Whether a newer version of this library wrote it, so that it is not damaged.
    """

    place: str
    reason: str
    is_newer: bool = False

    @property
    def status(self) -> str:
        """``newer`` or ``damaged``."""
        return "newer" if self.is_newer else "damaged"


class Archive:
    """All runs in one store.

    Args:
        root: A folder or an fsspec URL; by default the one in ``RUNBOOK_OUTPUTS``.

    Raises:
        UserError: The root cannot be an archive; see `open_store`.
        Unavailable: There are no credentials for it.
    """

    __repr__ = brief("root")

    def __init__(self, root: str | Path | None = None) -> None:
        self.store = open_store(str(root) if root is not None else places.outputs())

    @property
    def address(self) -> str:
        """Path or URL, for people."""
        return self.store.address()

    def begin(self, record: RunRecord) -> Run:
        """Create a place for a new run under a new id, and write its record there.

        Raises:
            Unavailable: The archive cannot be written.
        """
        while True:
            named = replace(record, run_id=f"{record.started_at:{RUN_ID_MOMENT}}-{secrets.token_hex(2)}")
            run = Run(f"{record.environment}/{record.runbook}/{named.run_id}", named)
            try:
                if not self.store.create(f"{UNSEALED}/{run.place}", b""):
                    continue
                if self.store.create(f"{run.place}/{RECORD}", to_json(named)):
                    return run
            except Unavailable as error:
                raise Unavailable(f"the archive cannot be written: {error}") from error

    def write_record(self, run: Run) -> None:
        """Replace the run's record, durably even during the run, as it could otherwise be empty after a power loss.

        Raises:
            Unavailable: The record cannot be written.
        """
        self.store.write(f"{run.place}/{RECORD}", to_json(run.record), durable=True)

    def places(self, folder: str = "") -> list[str]:
        """Return the places of all runs, or of those in ``environment`` or ``environment/runbook``, newest first."""
        return sorted(self._places(folder), key=lambda place: (place.rsplit("/", 1)[-1], place), reverse=True)

    def read(self, place: str) -> Run | DamagedRun:
        """Return a run as it must be shown now; see `RunRecord.observed`."""
        return self._run(place, self._content(place))

    def read_if(self, place: str, may_matter: Callable[[bytes], bool]) -> Run | DamagedRun | None:
        """Read a run; return None if `may_matter` is false for the bytes of its record."""
        content = self._content(place)
        matters = isinstance(content, DamagedRun) or may_matter(content)
        return self._run(place, content) if matters else None

    def _content(self, place: str) -> bytes | DamagedRun:
        try:
            content = self.store.read(f"{place}/{RECORD}")
        except FileNotFoundError:
            return DamagedRun(place, f"{RECORD} is missing")
        except Unavailable as error:
            return DamagedRun(place, one_line(str(error)))
        is_large = len(content) > _MOST_RECORD_BYTES
        return DamagedRun(place, f"{RECORD} is larger than {_MOST_RECORD_BYTES:,} bytes") if is_large else content

    def _run(self, place: str, content: bytes | DamagedRun) -> Run | DamagedRun:
        if isinstance(content, DamagedRun):
            return content
        try:
            record = from_json(content)
        except NewerRecord as error:
            return DamagedRun(place, f"{error}; update this installation", is_newer=True)
        except ValueError as error:
            return DamagedRun(place, f"{RECORD} cannot be read: {str(error).splitlines()[0]:.200}")
        return Run(place, record.observed(utc_now()))

    def runs(self) -> list[Run | DamagedRun]:
        """Return every run, newest first."""
        return [self.read(place) for place in self.places()]

    def run(self, reference: str) -> Run:
        """Return a run by its id, the beginning of its id, or its place.

        Raises:
            UserError: No run or several runs match, or the record is damaged.
        """
        run = self.read(self.place(reference))
        if isinstance(run, DamagedRun):
            raise UserError(f"run {run.place} is {run.status}: {run.reason}")
        return run

    def place(self, reference: str) -> str:
        """Return the place of a run; see `run`. Its record may be damaged.

        Raises:
            UserError: No run or several runs match.
        """
        found = [
            place for place in self.places() if place == reference or place.rsplit("/", 1)[-1].startswith(reference)
        ]
        if len(found) != 1 or not reference:
            several = f"{counted(len(found), 'run')} match" if found else "there is no run"
            raise UserError(f"{several} {reference!r:.80} in {self.address}; see runbook runs list")
        return found[0]

    def _places(self, folder: str) -> list[str]:
        parts = folder.split("/") if folder else []
        names = self.store.children(folder)
        if len(parts) >= _RUNBOOK_DEPTH:
            return [f"{folder}/{name}" for name in names if RUN_ID.fullmatch(name)]
        inside = ["/".join([*parts, name]) for name in names if parts or not name.startswith(_OF_ITS_OWN)]
        return [place for name in inside for place in self._places(name)]


def open_store(place: str) -> Store:
    """Return the store in a folder or at an fsspec URL such as ``gs://bucket/prefix``.

    Raises:
        UserError: The place is a file, an invalid URL, or a URL without a file system.
        Unavailable: There are no credentials for it.
    """
    if _SCHEME.match(place) and "://" not in place:
        raise UserError(f"{place!r:.120} cannot be an archive: write a folder, or a URL such as gs://bucket/prefix")
    folder = _FOLDER.sub("", place)
    if "://" in folder:
        from lib.archive.fsspec_store import FsspecStore

        return FsspecStore(place)
    root = Path(folder).absolute()
    if file := next((each for each in (root, *root.parents) if each.is_file()), None):
        raise UserError(f"{place!r:.120} cannot be an archive: {file} is a file")
    return LocalStore(root)


# Folders that do not belong to one run: the chain, the schedule's occurrences, the site.
_OF_ITS_OWN = "_"
UNSEALED = "_unsealed"
RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}", re.ASCII)
_MOST_RECORD_BYTES = 16 * 2**20
_RUNBOOK_DEPTH = 2  # environment/runbook
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # at least two letters: a single one is a Windows drive
_FOLDER = re.compile(r"^(file|local)://")
