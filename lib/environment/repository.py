"""The repository of a service's code, which its deployment is compared with."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lib.environment.strict import STRICT
from lib.errors import UserError

# Git would read a leading hyphen as an option, and run `ext::sh -c ...` as a command.
_URL = re.compile(r"(?:https?|ssh|git|file)://[^\s-][^\s]*", re.ASCII)
_SSH = re.compile(r"[A-Za-z0-9][\w.-]*@[A-Za-z0-9][\w.-]*:(?!:)[^\s:][^\s]*", re.ASCII)
_CREDENTIALS = re.compile(r"https?://[^/]*@")
_BRANCH = re.compile(r"[A-Za-z0-9_](?:[\w.+@-]|/(?![./]))*", re.ASCII)
_LONGEST = 300


@dataclass(frozen=True)
class Repository:
    """A branch that is deployed.

    Attributes:
        repository: A URL that git can fetch from without a password prompt, or a folder on this machine.
        branch: The branch whose newest commit should be deployed.
        path: The folder whose commits count, if several services share the repository; empty means every commit.

    Raises:
        UserError: A setting is not valid.
    """

    __pydantic_config__ = STRICT

    repository: str
    branch: str = "main"
    path: str = ""

    def __post_init__(self) -> None:
        is_remote = _URL.fullmatch(self.repository) or _SSH.fullmatch(self.repository)
        if not (self.is_folder or is_remote) or not _is_short_and_printable(self.repository):
            raise UserError(
                f"services: repository: {self.repository!r:.80} is neither a URL (https://, ssh://, git@host:path) "
                "nor an absolute path"
            )
        if _CREDENTIALS.match(self.repository):
            raise UserError("services: repository: remove the credentials; git gets them from a credential helper")
        if not _BRANCH.fullmatch(self.branch) or ".." in self.branch or len(self.branch) > _LONGEST:
            raise UserError(f"services: branch: {self.branch!r:.80} is not the name of a branch")
        is_outside = ".." in self.path.split("/") or self.path.startswith("/")
        if is_outside or not _is_short_and_printable(self.path):
            raise UserError(
                f"services: path: {self.path!r:.80} is not a folder within the repository, such as src/worker"
            )

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder on this machine."""
        return self.repository.startswith("/")


def _is_short_and_printable(text: str) -> bool:
    return text.isprintable() and len(text) <= _LONGEST
