"""Commands for operators on the embedded platform, which are all ``runbook`` commands."""

from __future__ import annotations

from datetime import date, datetime

from lib.ports.commands import Commands
from lib.verdict.check import Looking


class EmbeddedCommands(Commands):
    """Commands for the folder of one environment."""

    def list_roles(self, service_account: str) -> Looking:
        return self.run("deploy_verify")

    def add_role(self, service_account: str) -> None:
        return None

    def describe_role(self, role: str) -> Looking:
        return self.run("deploy_verify")

    def describe_service(self, service: str) -> Looking:
        return self.run("deploy_verify")

    def send_all_traffic(self, service: str, revision: str) -> Looking:
        return self.run("rollback")

    def set_variable(self, service: str, name: str, value: str) -> Looking:
        return self.run("rollback")

    def ask_health(self, url: str, *, with_token: bool = False) -> Looking:
        """Return a command that runs a runbook: the services respond only while one runs."""
        return self.run("deploy_verify")

    def read_logs(self, service: str) -> Looking:
        return self.looking("logs", service)

    def read_errors(self, service: str) -> Looking:
        return self.looking("logs", service, "--errors")

    def read_any_log(self, service: str) -> Looking:
        return self.looking("logs", service, "--any")

    def count_duplicates(self, since: date) -> Looking:
        return self.looking("duplicates", "--date", since)

    def count_rows(self, game_date: date) -> Looking:
        return self.looking("duplicates", "--date", game_date)

    def rows_as_of(self, game_date: date, moment: datetime) -> Looking:
        return self.count_rows(game_date)

    def restore_dropped(self, dropped_at: datetime) -> None:
        return None

    def remove_dataset(self, dataset: str) -> None:
        return None

    def list_locks(self) -> Looking:
        return self.looking("locks", "list")

    def list_jobs(self) -> Looking:
        return self.looking("locks", "list")

    def cancel_job(self, job_id: str) -> None:
        return None
