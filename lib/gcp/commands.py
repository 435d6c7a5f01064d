"""Commands for operators on Google Cloud: ``gcloud``, ``bq`` and ``curl``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from shlex import quote
from typing import TypeVar

from lib.environment import Environment
from lib.ports.commands import Commands
from lib.ports.permissions import LOCK_ROLE
from lib.verdict.check import Changing, Looking

_LOCK_LINES = (
    "(?i)consolidation lock|lock consolidation_|executing (consolidation )?merge|merge complete|error in merge|"
    "consolidation (validation|success|failed|exception)"
)

_Kind = TypeVar("_Kind", Looking, Changing)


class GoogleCommands(Commands):
    """Commands for the project of one environment."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment.name)
        self._environment = environment
        self._spec = environment.table_spec
        self._project = f"--project={quote(environment.project_id)}"
        self._place = f"{self._project} --region={quote(environment.region)}"

    def list_roles(self, service_account: str) -> Looking:
        return _gcloud(
            Looking,
            f"projects get-iam-policy {quote(self._environment.project_id)} --flatten='bindings[].members'",
            f"--filter={quote(f'bindings.members:serviceAccount:{service_account}')} --format='table(bindings.role)'",
        )

    def add_role(self, service_account: str) -> Changing:
        return _gcloud(
            Changing,
            f"projects add-iam-policy-binding {quote(self._environment.project_id)}",
            f"--member={quote(f'serviceAccount:{service_account}')} --role={LOCK_ROLE}",
        )

    def describe_role(self, role: str) -> Looking:
        owner, _, name = role.partition("/roles/")
        kind, _, owner_id = owner.partition("/")
        return _gcloud(Looking, f"iam roles describe {quote(name)}", quote(f"--{kind.removesuffix('s')}={owner_id}"))

    def describe_service(self, service: str) -> Looking:
        return _gcloud(Looking, f"run services describe {quote(service)}", self._place)

    def send_all_traffic(self, service: str, revision: str) -> Changing:
        target = quote(f"{revision}=100")
        return _gcloud(Changing, f"run services update-traffic {quote(service)} --to-revisions={target}", self._place)

    def set_variable(self, service: str, name: str, value: str) -> Changing:
        variable = quote(f"{name}={value}")
        return _gcloud(Changing, f"run services update {quote(service)} --update-env-vars={variable}", self._place)

    def ask_health(self, url: str, *, with_token: bool = False) -> Looking:
        token = '-H "Authorization: Bearer $(gcloud auth print-identity-token)" ' if with_token else ""
        return Looking(f"curl -sS {token}{quote(url)}")

    def read_logs(self, service: str) -> Looking:
        return self._read_lines(service, f' AND textPayload=~"{_LOCK_LINES}"')

    def read_errors(self, service: str) -> Looking:
        return self._read_lines(service, ' AND (severity>=ERROR OR textPayload=~"ERROR|CRITICAL|Traceback|Exception")')

    def read_any_log(self, service: str) -> Looking:
        return self._read_lines(service, "", limit=5)

    def count_duplicates(self, since: date) -> Looking:
        spec, day = self._spec, self._spec.dates.day().replace("`", "")
        key = ", ".join(spec.key_columns)
        active = f" AND {spec.active_column}" if spec.active_column else ""
        return _query(
            f"SELECT day, COUNT(*) AS duplicate_keys FROM (SELECT {day} AS day, {key} "
            f"FROM {spec.table.sql} WHERE {spec.dates.since_written(since)}{active} "
            f"GROUP BY day, {key} HAVING COUNT(*) > 1) GROUP BY day"
        )

    def count_rows(self, game_date: date) -> Looking:
        spec = self._spec
        active = f", COUNTIF({spec.active_column}) AS active_rows" if spec.active_column else ""
        return _query(
            f"SELECT COUNT(*) AS row_count{active} FROM {spec.table.sql} WHERE {spec.dates.of_day_written(game_date)}"
        )

    def rows_as_of(self, game_date: date, moment: datetime) -> Looking:
        """Count rows at a past moment, by BigQuery's time travel."""
        spec = self._spec
        return _query(
            f"SELECT COUNT(*) AS row_count FROM {spec.table.sql} "
            f'FOR SYSTEM_TIME AS OF TIMESTAMP "{moment.isoformat(timespec="seconds")}" '
            f"WHERE {spec.dates.of_day_written(game_date)}"
        )

    def restore_dropped(self, dropped_at: datetime) -> Changing:
        """Restore a dropped table within seven days, by BigQuery's time travel."""
        dataset, before = self._spec.table.dataset, int(dropped_at.timestamp() * 1000)
        return Changing(f"bq cp {quote(f'{dataset}.TABLE@{before}')} {quote(f'{dataset}.TABLE')}")

    def remove_dataset(self, dataset: str) -> Changing:
        return Changing(f"bq rm -r -f --dataset {quote(f'{self._environment.project_id}:{dataset}')}")

    def list_locks(self) -> Looking:
        """List locks by Firestore's REST API; gcloud cannot read documents."""
        url = (
            f"https://firestore.googleapis.com/v1/projects/{self._environment.project_id}"
            f"/databases/{self._environment.google.firestore_database}/documents/consolidation_locks"
        )
        return Looking(f'curl -sS -H "Authorization: Bearer $(gcloud auth print-access-token)" {quote(url)}')

    def list_jobs(self) -> Looking:
        return Looking(f"bq ls --jobs --all --max_results=50 --project_id={quote(self._environment.project_id)}")

    def cancel_job(self, job_id: str) -> Changing:
        """Cancel a job, which may still commit if it is nearly done."""
        location = self._environment.google.bigquery_location
        place = f"--location={quote(location)} " if location else ""  # required outside US and EU
        return Changing(f"bq {place}--project_id={quote(self._environment.project_id)} cancel {quote(job_id)}")

    def _read_lines(self, service: str, condition: str, *, limit: int = 100) -> Looking:
        wanted = f'resource.type=cloud_run_revision AND resource.labels.service_name="{service}"{condition}'
        return _gcloud(Looking, f"logging read {quote(wanted)}", f"{self._project} --limit={limit}")


def _query(sql: str) -> Looking:
    """Return a command that is shown to people and never run; names in the SQL are checked identifiers."""
    return Looking(f"bq query --use_legacy_sql=false {quote(sql)}")


def _gcloud(kind: Callable[[str], _Kind], *parts: str) -> _Kind:
    return kind(f"gcloud {' '.join(parts)}")
