"""``services:``, the services of the pipeline, each as its name or with the repository of its code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lib.environment.repository import Repository
from lib.environment.strict import STRICT
from lib.errors import UserError
from lib.settings_file import checked_settings
from lib.words.brief import brief

_LONGEST = 100
Role = Literal["worker", "coordinator"]


@dataclass(frozen=True)
class ServiceNames:
    """The two services of the pipeline; empty names: the environment names none, and none is asked.

    Attributes:
        worker: Writes the staging tables.
        coordinator: Merges them.
        repositories: By role, where its code is kept; a role without one is not compared with git.
    """

    __pydantic_config__ = STRICT

    worker: str = ""
    coordinator: str = ""
    repositories: Mapping[Role, Repository] = field(default_factory=dict)

    __repr__ = brief("worker", "coordinator")

    def __post_init__(self) -> None:
        if not self.is_named and (self.worker or self.coordinator or self.repositories):
            missing = "worker" if not self.worker else "coordinator"
            raise UserError(f"services.{missing} is missing; write the names of both services, worker and coordinator")
        for role, name in (("worker", self.worker), ("coordinator", self.coordinator)):
            if not name.isprintable() or len(name) > _LONGEST:
                raise UserError(f"services.{role}: {name!r:.80} is not the name of a service")
        if self.is_named and self.worker == self.coordinator:
            raise UserError(f"services: worker and coordinator are both {self.worker!r:.80}; write two services")

    @property
    def is_named(self) -> bool:
        """Whether there are services to ask."""
        return bool(self.worker and self.coordinator)

    @property
    def both(self) -> tuple[str, str]:
        return (self.worker, self.coordinator)

    def role_of(self, service: str) -> Role:
        """``worker`` or ``coordinator``: what the id of a question about one of them ends in."""
        return "worker" if service == self.worker else "coordinator"

    def repository_of(self, service: str) -> Repository | None:
        """None: its deployment is not compared with git."""
        return self.repositories.get(self.role_of(service))


# What the embedded platform calls the two that it stands in for, where an environment names none.
_STAND_INS = ServiceNames("worker", "coordinator")


def service_names(path: Path, services: Any, platform: Any) -> ServiceNames:
    """What stands below ``services:``; each is a name, or ``{name: ..., repository: ...}``; None: nothing does.

    Raises:
        UserError: It does not fit.
    """
    if services is None:
        return _STAND_INS if platform == "embedded" else ServiceNames()
    if not isinstance(services, dict):
        raise UserError(f"{path}: services: must be settings below it; write worker: and coordinator:")
    if "repositories" in services:
        raise UserError(f"{path}: services.repositories is not a setting; write each repository below its service")
    names: dict[Any, Any] = {}
    repositories: dict[Any, Repository] = {}
    for role, written in services.items():
        if not isinstance(written, dict):
            names[role] = written
            continue
        names |= {role: written["name"]} if "name" in written else {}
        if repository := {setting: value for setting, value in written.items() if setting != "name"}:
            repositories[role] = checked_settings(path, Repository, repository, f"services.{role}")
    given = {**names, "repositories": repositories} if repositories else names
    found: ServiceNames = checked_settings(path, ServiceNames, given, "services")
    return found
