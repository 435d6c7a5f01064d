"""The folder that JupyterLab opens: working copies outside git, so that running a notebook changes no tracked file.

An unchanged copy follows its original. A copy that a person changed is kept; once its original has changed too, the
person's copy is renamed and a new one is added.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lib import places
from lib.archive.local_store import LocalStore
from lib.errors import Unavailable, UserError
from lib.runbooks.catalogue import Runbook, hidden_notebooks, runbooks
from lib.runbooks.parameters import ENVIRONMENT_PARAMETER
from lib.words.text import one_line
from lib.workbench.lab.working_copy import (
    Notebook,
    base_of,
    digest_of,
    from_bytes,
    is_untouched,
    marked,
    runbook_of,
    to_bytes,
    working_copy,
)

START = "START.ipynb"
_IN_USE = ".in-use"
_KEPT_SECONDS = 7 * 86_400
_MOST_OF_ONE_NAME = 20


class LabFolder:
    """The working copies of one environment.

    Args:
        path: Its folder; created when something is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = LocalStore(path)

    @property
    def environment(self) -> str:
        """The name of the environment."""
        return self.path.name

    def claim(self) -> int:
        """Lock the folder while the returned file descriptor is open; a program started with exec inherits it.

        Raises:
            UserError: Another JupyterLab uses the folder, or it cannot be written.
        """
        with _writable(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            (self.path / ".gitignore").write_text("*\n")  # the state folder may be anywhere
            descriptor = os.open(self.path / _IN_USE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            process = os.read(descriptor, 20).decode("ascii", "replace")
            os.close(descriptor)
            raise UserError(
                f"another `runbook lab` is using {self.path} (process {process or '?'}); use that one, or stop it"
            ) from error
        with _writable(self.path):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
        os.set_inheritable(descriptor, True)
        return descriptor

    def put(self, name: str, copy: Notebook, *, is_page: bool = False) -> str:
        """Write a working copy under this name.

        Args:
            name: The file's name.
            copy: The notebook.
            is_page: It counts for its outputs: it is always rewritten, and a changed one is renamed.

        Returns:
            What happened to a person's copy, in one line; empty if there was none.

        Raises:
            UserError: The folder cannot be written; existing files are kept.
        """
        found = self._read(name)
        if found is not None and digest_of(found) == digest_of(copy) and not is_page:
            if base_of(found) != digest_of(copy):  # a person has made the same change as the original
                self._write(name, marked(found, runbook_of(copy)))
            return ""
        if not os.path.lexists(self.path / name) or (found is not None and is_untouched(found)):
            self._write(name, copy)
            return ""
        if found is not None and base_of(found) == digest_of(copy) and not is_page:
            return f"{name}: kept as you changed it"
        aside = self._put_aside(name)
        self._write(name, copy)
        return f"{name}: {'your copy' if found else 'an unreadable file'} was renamed {aside!r}; a new copy was written"

    def put_with_parameters(self, runbook: Runbook, label: str, copy: Notebook) -> str:
        """Write another working copy, named by runbook and parameters; copies that a person changed are kept.

        Args:
            runbook: Its runbook.
            label: The parameters, for the name.
            copy: The notebook.

        Returns:
            Its name.

        Raises:
            UserError: The folder cannot be written, or has too many such copies.
        """
        for number in range(1, _MOST_OF_ONE_NAME):
            name = f"{runbook.name} ({label}){f' {number}' if number > 1 else ''}.ipynb"
            found = self._read(name)
            if not os.path.lexists(self.path / name) or (found is not None and is_untouched(found)):
                if found is None or digest_of(found) != digest_of(copy):
                    self._write(name, copy)
                return name
        raise UserError(f"{self.path} has too many copies of {runbook.name} ({label}); remove some")

    def sweep(self, names: Iterable[str]) -> None:
        """Remove unchanged copies whose original is gone, or that have parameters and were not written for a week.

        Args:
            names: Names of all runbooks, including damaged ones.
        """
        known = {*names}
        for name in self.notebooks():
            found = self._read(name)
            if found is None or not is_untouched(found) or not runbook_of(found):
                continue
            runbook, stem = runbook_of(found), name.removesuffix(".ipynb")
            is_orphan = stem == runbook and runbook not in known
            is_old_link = stem.startswith(f"{runbook} (") and self._is_old(name)
            if is_orphan or is_old_link:
                with _writable(self.path):
                    self._files.delete(name)

    def notebooks(self) -> Iterator[str]:
        """Yield the names of all notebooks in it, including a person's own."""
        return (name for name in self._files.children() if name.endswith(".ipynb"))

    def _read(self, name: str) -> Notebook | None:
        """Return the notebook; None if it is missing or damaged."""
        try:
            return from_bytes(self._files.read(name))
        except (FileNotFoundError, ValueError, Unavailable):
            return None

    def _write(self, name: str, copy: Notebook) -> None:
        with _writable(self.path):
            self._files.write(name, to_bytes(copy))

    def _put_aside(self, name: str) -> str:
        stem, number = name.removesuffix(".ipynb"), 1
        while os.path.lexists(aside := self.path / f"{stem} (yours{f' {number}' if number > 1 else ''}).ipynb"):
            number += 1
        with _writable(self.path):
            (self.path / name).rename(aside)
        return aside.name

    def _is_old(self, name: str) -> bool:
        return time.time() - (self.path / name).stat().st_mtime > _KEPT_SECONDS


def lab_folder(environment: str) -> LabFolder:
    """Return the folder of an environment's working copies, in ``RUNBOOK_HOME``.

    Raises:
        UserError: There is no project.
    """
    return LabFolder(places.home() / "lab" / environment)


def prepare(folder: LabFolder) -> list[str]:
    """Write a working copy of each runbook, with the folder's environment in its parameters.

    Returns:
        Notes for the user, one line each: hidden and damaged notebooks, which are left out, and copies they changed.

    Raises:
        UserError: There are no runbooks, or the folder cannot be written.
    """
    there = runbooks()
    if not there:
        raise UserError(f"no runbooks in {' or '.join(map(str, places.notebooks()))}")
    notes = [f"{path} is a hidden file, not a runbook; delete it" for path in hidden_notebooks()]
    folder.sweep(runbook.name for runbook in there)
    for runbook in there:
        try:
            copy = working_copy(runbook, environment_of(runbook, folder.environment))
        except UserError as error:
            notes.append(f"left out: {error}")
        else:
            notes.append(folder.put(f"{runbook.name}.ipynb", copy))
    return [one_line(note) for note in notes if note]


def environment_of(runbook: Runbook, environment: str) -> dict[str, str]:
    """Return the environment parameter's value, or nothing if the runbook has no such parameter."""
    declared = [parameter.name for parameter in runbook.parameters]
    return {ENVIRONMENT_PARAMETER: environment} if ENVIRONMENT_PARAMETER in declared else {}


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, Unavailable) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UserError(
            f"working copies cannot be written in {folder}: {reason}; fix that, or set RUNBOOK_HOME to another folder"
        ) from error
