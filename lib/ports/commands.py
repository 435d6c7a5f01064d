"""The port to what an operator types: to ask a question without a runbook, or to change something.

The commands of ``runbook`` are the same on every platform; those of the platform's own tools are
its adapter's. None is ever run from here: they are shown to people. Values are quoted for a POSIX
shell, since some come from outside.
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
        environment: Its name; it stands in each command, unless it is the default one.
    """

    __repr__ = brief()

    def __init__(self, environment: str) -> None:
        self._options = [] if environment == "local" else ["--env", environment]

    def looking(self, *words: object) -> Looking:
        """``runbook WORDS`` that only look."""
        return Looking(self._typed(words))

    def changing(self, *words: object) -> Changing:
        """``runbook WORDS`` that change something."""
        return Changing(self._typed(words))

    def run(self, name: str, parameters: Mapping[str, object] | None = None) -> Looking:
        """``runbook run NAME -p KEY=VALUE``. Without the digest of a plan a runbook changes nothing."""
        return self.looking(*_run(name, parameters or {}))

    def run_plan(self, name: str, parameters: Mapping[str, object], *, plan: str, reason: str) -> Changing:
        """The same with the digest of a plan, which carries the plan out."""
        return self.changing(*_run(name, {**parameters, "plan": plan, "reason": reason}))

    def consolidate(self, batch_id: str, game_date: date | None) -> Changing:
        """``runbook consolidate``; without a date each date of the batch."""
        return self.changing(*_consolidate(batch_id, game_date))

    def consolidate_dry_run(self, batch_id: str, game_date: date | None) -> Looking:
        """What `consolidate` would do."""
        return self.looking(*_consolidate(batch_id, game_date), "--dry-run")

    def undo_repair(self, game_date: date, backup_table: str) -> Looking:
        """``runbook repair undo``, which shows its plan first."""
        return self.looking("repair", "undo", "--date", game_date, "--backup", backup_table)

    @abstractmethod
    def list_roles(self, service_account: str) -> Looking:
        """The roles of an account in the project."""

    @abstractmethod
    def add_role(self, service_account: str) -> Changing | None:
        """Gives it the role that the lock needs; None: there is no other way than the runbook."""

    @abstractmethod
    def describe_role(self, role: str) -> Looking:
        """What a custom role allows: ``projects/P/roles/R``, or an organization's."""

    @abstractmethod
    def describe_service(self, service: str) -> Looking:
        """A service as it is deployed."""

    @abstractmethod
    def send_all_traffic(self, service: str, revision: str) -> Looking | Changing:
        """All requests to one revision; `Looking` where it is the runbook that plans it."""

    @abstractmethod
    def set_variable(self, service: str, name: str, value: str) -> Looking | Changing:
        """An environment variable of a service; `Looking` where it is the runbook that plans it."""

    @abstractmethod
    def ask_health(self, url: str, *, with_token: bool = False) -> Looking:
        """GET a health endpoint."""

    @abstractmethod
    def read_logs(self, service: str) -> Looking:
        """The lines of the lock, the MERGE and the validation."""

    @abstractmethod
    def read_errors(self, service: str) -> Looking:
        """Error lines, of plain text too."""

    @abstractmethod
    def read_any_log(self, service: str) -> Looking:
        """Whether the service logs anything at all."""

    @abstractmethod
    def count_duplicates(self, since: date) -> Looking:
        """Duplicates by the exact key, of dates since then."""

    @abstractmethod
    def count_rows(self, game_date: date) -> Looking:
        """The rows of a date, and those that readers see."""

    @abstractmethod
    def rows_as_of(self, game_date: date, moment: datetime) -> Looking:
        """How many rows the date had then; where the warehouse knows only the present, how many it has."""

    @abstractmethod
    def restore_dropped(self, dropped_at: datetime) -> Changing | None:
        """Brings a dropped table of the main table's dataset back; None: nothing does."""

    @abstractmethod
    def remove_dataset(self, dataset: str) -> Changing | None:
        """Removes a dataset with all that is in it; None: there is no command for that."""

    @abstractmethod
    def list_locks(self) -> Looking:
        """All locks."""

    @abstractmethod
    def list_jobs(self) -> Looking:
        """The warehouse's jobs: whether a MERGE still runs after its holder died."""

    @abstractmethod
    def cancel_job(self, job_id: str) -> Changing | None:
        """Asks the warehouse to end a job; None: a job ends with its process here."""

    def _typed(self, words: tuple[object, ...]) -> str:
        return shlex.join(["runbook", *map(str, words), *self._options])


def _run(name: str, parameters: Mapping[str, object]) -> list[str]:
    return ["run", name, *(word for key, value in parameters.items() for word in ("-p", f"{key}={value}"))]


def _consolidate(batch_id: str, game_date: date | None) -> list[object]:
    return ["consolidate", "--batch", batch_id, *(["--date", game_date] if game_date else [])]
