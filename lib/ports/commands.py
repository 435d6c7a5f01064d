"""The port to shell commands that are shown to operators: to look something up without a runbook, or to change it.

The commands of ``runbook`` are the same on every platform; an adapter adds those of the platform's own
tools. They are only shown to people, never run from here. Values are quoted for a POSIX shell, because some
come from outside.
"""

from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import date, datetime

from lib.verdict.check import Changing, Looking
from lib.words.brief import brief


class Commands(ABC):
    """The commands of one environment.

    Args:
        environment: The environment's name, which each command contains unless it is ``local``.
    """

    __repr__ = brief()

    def __init__(self, environment: str) -> None:
        self._options = [] if environment == "local" else ["--env", environment]

    def looking(self, *words: object) -> Looking:
        """Return ``runbook WORDS``, a command that changes nothing."""
        return Looking(self._typed(words))

    def changing(self, *words: object) -> Changing:
        """Return ``runbook WORDS``, a command that changes something."""
        return Changing(self._typed(words))

    def run(self, name: str, parameters: Mapping[str, object] | None = None) -> Looking:
        """Return ``runbook run NAME -p KEY=VALUE``. Without the digest of a plan, a runbook changes nothing."""
        return self.looking(*_run(name, parameters or {}))

    def run_plan(self, name: str, parameters: Mapping[str, object], *, plan: str, reason: str) -> Changing:
        """Return the same with the digest of a plan, which applies the plan.

        Args:
            name: The runbook.
            parameters: Its parameters.
            plan: The plan's digest.
            reason: Why; kept in the audit entry.
        """
        return self.changing(*_run(name, {**parameters, "plan": plan, "reason": reason}))

    def consolidate(self, batch_id: str, game_date: date | None) -> Changing:
        """Return ``runbook consolidate``; without a date, for each date of the batch."""
        return self.changing(*_consolidate(batch_id, game_date))

    def consolidate_dry_run(self, batch_id: str, game_date: date | None) -> Looking:
        """Return the dry run of `consolidate`."""
        return self.looking(*_consolidate(batch_id, game_date), "--dry-run")

    def undo_repair(self, game_date: date, backup_table: str) -> Looking:
        """Return ``runbook repair undo``, which shows its plan first."""
        return self.looking("repair", "undo", "--date", game_date, "--backup", backup_table)

    @abstractmethod
    def list_roles(self, service_account: str) -> Looking:
        """Return the command that lists the roles of an account in the project."""

    @abstractmethod
    def add_role(self, service_account: str) -> Changing | None:
        """Return the command that grants the role that the lock needs; None if only the runbook can."""

    @abstractmethod
    def describe_role(self, role: str) -> Looking:
        """Return the command that shows what a custom role allows: ``projects/P/roles/R``, or an organization's."""

    @abstractmethod
    def describe_service(self, service: str) -> Looking:
        """Return the command that shows a service's deployment."""

    @abstractmethod
    def send_all_traffic(self, service: str, revision: str) -> Looking | Changing:
        """Return the command that routes all requests to one revision; `Looking` if a runbook plans it."""

    @abstractmethod
    def set_variable(self, service: str, name: str, value: str) -> Looking | Changing:
        """Return the command that sets an environment variable of a service; `Looking` if a runbook plans it.

        Args:
            service: The service.
            name: The variable.
            value: Its value.
        """

    @abstractmethod
    def ask_health(self, url: str, *, with_token: bool = False) -> Looking:
        """Return the command that sends a GET request to a health endpoint."""

    @abstractmethod
    def read_logs(self, service: str) -> Looking:
        """Return the command that shows log lines about the lock, the MERGE and the validation."""

    @abstractmethod
    def read_errors(self, service: str) -> Looking:
        """Return the command that shows error lines, including plain text."""

    @abstractmethod
    def read_any_log(self, service: str) -> Looking:
        """Return the command that shows whether the service logs anything."""

    @abstractmethod
    def count_duplicates(self, since: date) -> Looking:
        """Return the command that counts duplicates by the exact key, for dates since then."""

    @abstractmethod
    def count_rows(self, game_date: date) -> Looking:
        """Return the command that counts a date's rows, and those that readers see."""

    @abstractmethod
    def rows_as_of(self, game_date: date, moment: datetime) -> Looking:
        """Return the command that counts the date's rows at that time, or now if the warehouse has no history."""

    @abstractmethod
    def restore_dropped(self, dropped_at: datetime) -> Changing | None:
        """Return the command that restores a dropped table of the main table's dataset; None if none can."""

    @abstractmethod
    def remove_dataset(self, dataset: str) -> Changing | None:
        """Return the command that removes a dataset and its content; None if there is none."""

    @abstractmethod
    def list_locks(self) -> Looking:
        """Return the command that lists all locks."""

    @abstractmethod
    def list_jobs(self) -> Looking:
        """Return the command that lists the warehouse's jobs, such as a MERGE that outlived its holder."""

    @abstractmethod
    def cancel_job(self, job_id: str) -> Changing | None:
        """Return the command that cancels a job; None if jobs end with their process here."""

    def _typed(self, words: tuple[object, ...]) -> str:
        return shlex.join(["runbook", *map(str, words), *self._options])


def _run(name: str, parameters: Mapping[str, object]) -> list[str]:
    return ["run", name, *(word for key, value in parameters.items() for word in ("-p", f"{key}={value}"))]


def _consolidate(batch_id: str, game_date: date | None) -> list[object]:
    return ["consolidate", "--batch", batch_id, *(["--date", game_date] if game_date else [])]
