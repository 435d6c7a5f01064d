"""A branch of a repository, read with git: which of its commits a deployed revision lacks.

The repository may be hostile. Its commits are fetched into a temporary bare clone: no hooks or configured programs run,
no files are checked out, no password is prompted for, and every call has a time limit.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from lib.environment import Repository
from lib.errors import SourceUnavailable
from lib.words.text import one_line

_ASKING_SECONDS, _FETCHING_SECONDS = 20.0, 90.0
_SHORT = 7
_LONGEST_SUBJECT = 100
_LONGEST_REASON = 200
_TRANSPORTS = "file:git:http:https:ssh"
_FETCHED = "refs/heads/deployed"
# Environment variables that would make git use another repository than the given one.
_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY")
# The user's hooks and maintenance are meant for permanent repositories.
_OPTIONS = ("-c", "core.hooksPath=/dev/null", "-c", "maintenance.auto=false", "-c", "gc.auto=0")


class RepositoryUnreadable(SourceUnavailable):
    """Git is missing, or cannot read the repository or the branch."""

    remedy = "Check that git is installed here and can fetch the repository without a password"


@dataclass(frozen=True)
class Commit:
    """A commit of the branch.

    Attributes:
        id: The full commit id in hexadecimal digits.
        committed_at: When it was committed, by the committer's clock (UTC).
        subject: The first paragraph of its message as one line, truncated. Hostile input.
    """

    id: str
    committed_at: datetime
    subject: str

    def __str__(self) -> str:
        return f"{short(self.id)} {self.subject}"


@dataclass(frozen=True)
class Standing:
    """A commit compared with a branch.

    Attributes:
        head: The newest commit of the branch.
        commit: The full commit id; empty if it is not on the branch.
        behind: Number of the branch's commits that it lacks.
        missing: The missing commits that touch the given folder, newest first.
    """

    head: str
    commit: str = ""
    behind: int = 0
    missing: tuple[Commit, ...] = ()


def short(commit: str) -> str:
    """Return the short form of a commit id."""
    return commit[:_SHORT]


class Branch:
    """A branch of a repository, fetched on first use; its newest commit alone needs no fetch.

    Args:
        repository: The repository and branch; what is fetched depends on whether it has a `path`.
        folder: An empty folder for the clone.
    """

    def __init__(self, repository: Repository, folder: Path) -> None:
        self._repository = repository
        self._folder = folder
        self._failure: SourceUnavailable | None = None

    def standing(self, commit: str, path: str = "") -> Standing:
        """Compare a commit with the branch.

        Args:
            commit: The first seven or more hexadecimal digits of its id.
            path: Only missing commits that touch this folder count; empty if all count.

        Raises:
            RepositoryUnreadable: Git cannot read the repository, or the id is ambiguous. It is not tried again.
        """
        if self._failure:
            raise self._failure
        try:
            return self._standing(commit, path)
        except SourceUnavailable as error:
            self._failure = error
            raise

    def _standing(self, commit: str, path: str) -> Standing:
        if self._head.startswith(commit):
            return Standing(self._head, self._head)
        found = [known for known in self._commits if known.startswith(commit)]
        if len(found) > 1:
            raise RepositoryUnreadable(f"{len(found)} commits on {self._repository.branch} begin with {commit}")
        if not found:
            return Standing(self._head)
        lacking = f"{found[0]}..{_FETCHED}"
        behind = int(self._git("rev-list", "--count", lacking))
        return Standing(self._head, found[0], behind, tuple(self._described(lacking, "--", *filter(None, [path]))))

    @cached_property
    def _head(self) -> str:
        ref = f"refs/heads/{self._repository.branch}"
        self._git("init", "--quiet", "--bare", "--template=")
        answer = self._git("ls-remote", "--", self._repository.repository, ref, seconds=_ASKING_SECONDS)
        listed = answer.split("\n")
        head = next((line.partition("\t")[0] for line in listed if line.endswith(f"\t{ref}")), "")
        if not head:
            raise RepositoryUnreadable(f"{self._repository.repository} has no branch {self._repository.branch}")
        return head

    @cached_property
    def _commits(self) -> Sequence[str]:
        """The ids of all its commits, fetched into the clone that `_head` has created."""
        repository = self._repository
        self._git("remote", "add", "--", "origin", repository.repository)
        # Fetch no file contents; trees are only needed to find the commits that touch a folder.
        wanted = "--filter=blob:none" if repository.path else "--filter=tree:0"
        # A local folder is served by our own git, which filters only if allowed to.
        served = ["--upload-pack=git -c uploadpack.allowFilter=true upload-pack"] if repository.is_folder else []
        options = ("--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", wanted, *served)
        ref = f"+refs/heads/{repository.branch}:{_FETCHED}"
        self._git("fetch", *options, "origin", ref, seconds=_FETCHING_SECONDS)
        return self._git("rev-list", _FETCHED, "--").split()

    def _described(self, *which: str) -> list[Commit]:
        """The commits that `git rev-list` lists, newest first."""
        text = self._git("rev-list", f"--format=%ct %<({_LONGEST_SUBJECT},trunc)%s", *which)
        lines = text.split("\n")[:-1]
        return [
            _commit(header.removeprefix("commit "), line) for header, line in zip(lines[::2], lines[1::2], strict=True)
        ]

    def _git(self, *words: str, seconds: float = _ASKING_SECONDS) -> str:
        """Run git and return what it prints. Raises `RepositoryUnreadable`."""
        command = ["git", *_OPTIONS, f"--git-dir={self._folder}", *words]
        try:
            # A new session has no terminal to prompt at, and git's own children can be killed with it.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_surroundings(),
                start_new_session=True,
            )
        except OSError as error:
            raise RepositoryUnreadable(f"git cannot be run: {error.strerror or error}") from error
        try:
            printed, complaint = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise RepositoryUnreadable(f"git {words[0]} took longer than {seconds:.0f} s") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        if process.returncode:
            said = one_line(complaint.decode("utf-8", "replace"))[:_LONGEST_REASON]
            raise RepositoryUnreadable(f"git {words[0]} failed: {said or f'exit code {process.returncode}'}")
        return printed.decode("utf-8", "replace")


def _surroundings() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    silent = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS_REQUIRE": "never", "GCM_INTERACTIVE": "never"}
    return {**kept, **silent, "GIT_ALLOW_PROTOCOL": _TRANSPORTS, "GIT_LITERAL_PATHSPECS": "1", "LC_ALL": "C"}


def _commit(commit: str, line: str) -> Commit:
    moment, _, subject = line.partition(" ")
    try:
        committed_at = datetime.fromtimestamp(int(moment), UTC)
    except (ValueError, OverflowError, OSError):
        raise RepositoryUnreadable(f"{short(commit)} has an invalid commit time") from None
    return Commit(commit, committed_at, one_line(subject))
