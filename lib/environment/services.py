"""``services:``, the services of the pipeline, each by its name or with the repository of its code."""

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
    """The two services of the pipeline; both names are empty if the environment has no services.

    Attributes:
        worker: The service that writes the staging tables.
        coordinator: The service that merges them.
        repositories: The repository of each role's code; a role without one is not compared with git.
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
        """Whether the environment has services."""
        return bool(self.worker and self.coordinator)

    @property
    def both(self) -> tuple[str, str]:
        return (self.worker, self.coordinator)

    def role_of(self, service: str) -> Role:
        """Return ``worker`` or ``coordinator``; ids of checks about a service end in its role."""
        return "worker" if service == self.worker else "coordinator"

    def repository_of(self, service: str) -> Repository | None:
        """Return the repository of a service's code; None if its deployment is not compared with git."""
        return self.repositories.get(self.role_of(service))


# The embedded platform simulates both services; these are their names if an environment sets none.
_STAND_INS = ServiceNames("worker", "coordinator")


def service_names(path: Path, services: Any, platform: Any) -> ServiceNames:
    """Read ``services:``; each service is a name, or ``{name: ..., repository: ...}``.

    Args:
        path: The environment's file, for error messages.
        services: The content of ``services:``; None if it is missing.
        platform: The environment's platform.

    Raises:
        UserError: A setting is not valid.
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
