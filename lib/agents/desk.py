"""Where tools look: one environment, over a platform that reads only, within the session's bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from lib.archive.archive import Archive, Run
from lib.environment import Environment, redactor_of
from lib.errors import UserError
from lib.platform import Platform, platform_of
from lib.ports.jobs import ReadBudget
from lib.runbooks.stop import StopRequest
from lib.words.secrets.redaction import Redactor


@dataclass(frozen=True)
class Desk:
    """What one call of a tool has.

    Attributes:
        environment: All that tools show is of this one.
        budget: Shared by all calls of the session.
        client: The program that asks, as it calls itself; hostile input.
        request: Made when the call is cancelled.
    """

    environment: Environment
    budget: ReadBudget
    client: str = ""
    request: StopRequest = field(default_factory=StopRequest)

    @property
    def platform(self) -> Platform:
        """Made for each call, so that nothing read for an earlier one is shown as current."""
        return platform_of(self.environment, self.budget)

    @property
    def is_billed(self) -> bool:
        """Whether reading costs anything here."""
        return self.environment.platform == "google"

    @cached_property
    def archive(self) -> Archive:
        return Archive()

    @cached_property
    def redactor(self) -> Redactor:
        return redactor_of(self.environment)

    def run(self, run_id: str) -> Run:
        """An archived run of this environment.

        Raises:
            UserError: There is none, or it is another environment's.
        """
        run = self.archive.run(run_id)
        if run.place.split("/")[0] != self.environment.name:
            raise UserError(f"the run {run.run_id} is not of the environment {self.environment.name}, which this shows")
        return run
