"""``services:``, the services of the pipeline, each as its name or with the repository of its code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lib.environment.repository import Repository
from lib.environment.strict import STRICT
from lib.errors import UserError

Role = Literal["worker", "coordinator"]


@dataclass(frozen=True)
class ServiceNames:
    """The two Cloud Run services of the pipeline.

    Attributes:
        repositories: By role, where its code is kept; a role without one is not compared with git.
    """

    __pydantic_config__ = STRICT

    worker: str = "prediction-worker"
    coordinator: str = "prediction-coordinator"
    repositories: Mapping[Role, Repository] = field(default_factory=dict)

    @property
    def both(self) -> tuple[str, str]:
        return (self.worker, self.coordinator)

    def role_of(self, service: str) -> Role:
        """``worker`` or ``coordinator``: what the id of a question about one of them ends in."""
        return "worker" if service == self.worker else "coordinator"

    def repository_of(self, service: str) -> Repository | None:
        """None: its deployment is not compared with git."""
        return self.repositories.get(self.role_of(service))


def names_and_repositories(path: Path, services: Any) -> Any:
    """The section as `ServiceNames` has it; in the file a service may be ``{name: ..., repository: ...}``.

    Raises:
        UserError: It names repositories beside the services.
    """
    if not isinstance(services, dict):
        return services
    if "repositories" in services:
        raise UserError(f"{path}: services: repositories: write each repository below its service")
    names: dict[Any, Any] = {}
    repositories: dict[Any, Any] = {}
    for role, written in services.items():
        if not isinstance(written, dict):
            names[role] = written
            continue
        names |= {role: written["name"]} if "name" in written else {}
        if repository := {setting: value for setting, value in written.items() if setting != "name"}:
            repositories[role] = repository
    return {**names, "repositories": repositories}
