"""What tools read: one environment, through a read-only platform, within the session's byte budget."""

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
    """The context of one tool call.

    Attributes:
        environment: The environment that tools show.
        budget: Shared by all calls of the session.
        client: The name that the calling program gives itself; hostile input.
        request: Stops the call's run when the call is cancelled.
    """

    environment: Environment
    budget: ReadBudget
    client: str = ""
    request: StopRequest = field(default_factory=StopRequest)

    @property
    def platform(self) -> Platform:
        """A new platform for each call, so that data read for an earlier call is not shown as current."""
        return platform_of(self.environment, self.budget)

    @property
    def is_billed(self) -> bool:
        """Whether reading costs money."""
        return self.environment.platform == "google"

    @cached_property
    def archive(self) -> Archive:
        return Archive()

    @cached_property
    def redactor(self) -> Redactor:
        return redactor_of(self.environment)

    def run(self, run_id: str) -> Run:
        """Return an archived run of this environment.

        Raises:
            UserError: There is none, or it belongs to another environment.
        """
        run = self.archive.run(run_id)
        if run.place.split("/")[0] != self.environment.name:
            raise UserError(f"run {run.run_id} does not belong to environment {self.environment.name}")
        return run
