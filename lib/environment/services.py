"""``services:``, the services of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass

from lib.environment.strict import STRICT


@dataclass(frozen=True)
class ServiceNames:
    """The two Cloud Run services of the pipeline."""

    __pydantic_config__ = STRICT

    worker: str = "prediction-worker"
    coordinator: str = "prediction-coordinator"

    @property
    def both(self) -> tuple[str, str]:
        return (self.worker, self.coordinator)

    def role_of(self, service: str) -> str:
        """``worker`` or ``coordinator``: what the id of a question about one of them ends in."""
        return "worker" if service == self.worker else "coordinator"
