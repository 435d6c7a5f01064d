"""The commands that an operator types: to ask a question without a runbook, or to change something.

On the embedded platform there is nothing that gcloud could ask; there they are commands of ``runbook``.

Values are quoted for a POSIX shell, since some come from outside.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import TypeVar

from lib.consolidation.table_spec import TableSpec
from lib.environment import Environment
from lib.verdict.commands import Changing, Looking

DATASTORE_USER = "roles/datastore.user"

_Kind = TypeVar("_Kind", Looking, Changing)


def command(environment: Environment, *words: object) -> Looking:
    """``runbook WORDS`` that only look, in the environment that was looked at and in no other."""
    return Looking(_typed(environment, words))


def change(environment: Environment, *words: object) -> Changing:
    """``runbook WORDS`` that change something there."""
    return Changing(_typed(environment, words))


def runbook(name: str, environment: Environment, parameters: Mapping[str, object] | None = None) -> Looking:
    """``runbook run NAME -p KEY=VALUE``. Without the digest of a plan a runbook changes nothing."""
    return command(environment, *_run(name, parameters or {}))


def runbook_change(
    name: str, environment: Environment, parameters: Mapping[str, object], *, plan: str, reason: str
) -> Changing:
    """The same with the digest of a plan, and so does what the plan says."""
    return change(environment, *_run(name, {**parameters, "plan": plan, "reason": reason}))


def consolidate(environment: Environment, batch_id: str, game_date: date | None) -> Changing:
    """``runbook consolidate``; a date that is not known here is left for the reader to put in."""
    return change(environment, *_consolidate(batch_id, game_date))


def consolidate_dry_run(environment: Environment, batch_id: str, game_date: date | None) -> Looking:
    """What `consolidate` would do."""
    return command(environment, *_consolidate(batch_id, game_date), "--dry-run")


def undo_repair(environment: Environment, game_date: date, backup_table: str) -> Looking:
    """``runbook repair undo``, which shows its plan first."""
    return command(environment, "repair", "undo", "--game-date", game_date, "--backup", backup_table)


def restore_dropped(spec: TableSpec, dropped_at: datetime) -> Changing:
    """How a table that was dropped comes back, by BigQuery's time travel (seven days)."""
    before = int(dropped_at.timestamp() * 1000)
    return Changing(f"bq cp {_q(f'{spec.table.dataset}.TABLE@{before}')} {_q(f'{spec.table.dataset}.TABLE')}")


def list_roles(environment: Environment, service_account: str) -> Looking:
    """Guide, step 1."""
    if _is_embedded(environment):
        return runbook("deploy_verify", environment)
    return _gcloud(
        Looking,
        f"projects get-iam-policy {_q(environment.project_id)} --flatten='bindings[].members'",
        f"--filter={_q(f'bindings.members:serviceAccount:{service_account}')} --format='table(bindings.role)'",
    )


def add_role(environment: Environment, service_account: str) -> Changing:
    """Guide, step 1: what adds the missing role."""
    return _gcloud(
        Changing,
        f"projects add-iam-policy-binding {_q(environment.project_id)}",
        f"--member={_q(f'serviceAccount:{service_account}')} --role={DATASTORE_USER}",
    )


def describe_role(role: str) -> Looking:
    """What a role of one's own allows: ``projects/P/roles/R``, or an organization's."""
    owner, _, name = role.partition("/roles/")
    kind, _, owner_id = owner.partition("/")
    return _gcloud(Looking, f"iam roles describe {_q(name)}", _q(f"--{kind.removesuffix('s')}={owner_id}"))


def describe_service(environment: Environment, service: str) -> Looking:
    """Guide, step 3."""
    if _is_embedded(environment):
        return runbook("deploy_verify", environment)
    return _gcloud(Looking, f"run services describe {_q(service)}", _place(environment))


def send_all_traffic(environment: Environment, service: str, revision: str) -> Looking | Changing:
    """Guide, rollback option B."""
    if _is_embedded(environment):
        return runbook("rollback", environment)
    return _gcloud(
        Changing,
        f"run services update-traffic {_q(service)} --to-revisions={_q(f'{revision}=100')}",
        _place(environment),
    )


def set_variable(environment: Environment, service: str, name: str, value: str) -> Changing:
    """Guide, rollback option A, without a change of the code."""
    return _gcloud(
        Changing, f"run services update {_q(service)} --update-env-vars={_q(f'{name}={value}')}", _place(environment)
    )


def ask_health(environment: Environment, url: str, *, with_token: bool = False) -> Looking:
    """Guide, step 3."""
    if _is_embedded(environment):  # its services answer only while a runbook asks
        return runbook("deploy_verify", environment)
    token = '-H "Authorization: Bearer $(gcloud auth print-identity-token)" ' if with_token else ""
    return Looking(f"curl -sS {token}{_q(url)}")


def read_logs(environment: Environment, service: str) -> Looking:
    """Guide, step 4: the lines of the lock, the MERGE and the validation."""
    if _is_embedded(environment):
        return command(environment, "logs", service)
    lines = "(?i)consolidation lock|executing merge|merge complete|consolidation validation"
    return _read_lines(environment, service, f' AND textPayload=~"{lines}"')


def read_errors(environment: Environment, service: str) -> Looking:
    """Error lines, of plain text too."""
    if _is_embedded(environment):
        return command(environment, "logs", service, "--errors")
    return _read_lines(
        environment, service, ' AND (severity>=ERROR OR textPayload=~"ERROR|CRITICAL|Traceback|Exception")'
    )


def read_any_log(environment: Environment, service: str) -> Looking:
    """Whether the service logs anything at all."""
    if _is_embedded(environment):
        return command(environment, "logs", service, "--any")
    return _read_lines(environment, service, "", limit=5)


def _read_lines(environment: Environment, service: str, condition: str, *, limit: int = 100) -> Looking:
    wanted = f'resource.type=cloud_run_revision AND resource.labels.service_name="{service}"{condition}'
    return _gcloud(Looking, f"logging read {_q(wanted)}", f"--project={_q(environment.project_id)} --limit={limit}")


def count_duplicates(environment: Environment, since: date) -> Looking:
    """Guide, day 1: duplicates by the exact key."""
    if _is_embedded(environment):
        return command(environment, "duplicates", "--game-date", since)
    spec = environment.table_spec
    key = ", ".join(spec.key_columns)
    active = f" AND {spec.active_column}" if spec.active_column else ""
    # Shown to people, never run; the names are checked identifiers.
    query = (
        f"SELECT {spec.date_column}, COUNT(*) AS duplicate_keys FROM (SELECT {spec.date_column}, {key} "  # noqa: S608
        f'FROM {spec.table.sql} WHERE {spec.date_column} >= "{since}"{active} '
        f"GROUP BY {spec.date_column}, {key} HAVING COUNT(*) > 1) GROUP BY {spec.date_column}"
    )
    return Looking(f"bq query --use_legacy_sql=false {_q(query)}")


def count_rows(environment: Environment, game_date: date) -> Looking:
    """Guide, days 2 to 7: the rows of a date, and those that readers see."""
    if _is_embedded(environment):
        return command(environment, "duplicates", "--game-date", game_date)
    spec = environment.table_spec
    active = f", COUNTIF({spec.active_column}) AS active_rows" if spec.active_column else ""
    query = (
        f"SELECT COUNT(*) AS row_count{active} FROM {spec.table.sql} "  # noqa: S608 - as above
        f'WHERE {spec.date_column} = "{game_date}"'
    )
    return Looking(f"bq query --use_legacy_sql=false {_q(query)}")


def rows_as_of(environment: Environment, game_date: date, moment: datetime) -> Looking:
    """How many rows the date had then, by BigQuery's time travel; DuckDB knows only what is there now."""
    if _is_embedded(environment):
        return count_rows(environment, game_date)
    spec = environment.table_spec
    query = (
        f"SELECT COUNT(*) AS row_count FROM {spec.table.sql} "  # noqa: S608 - as above
        f'FOR SYSTEM_TIME AS OF TIMESTAMP "{moment.isoformat(timespec="seconds")}" '
        f'WHERE {spec.date_column} = "{game_date}"'
    )
    return Looking(f"bq query --use_legacy_sql=false {_q(query)}")


def list_locks(environment: Environment) -> Looking:
    """Guide, step 6. The gcloud command of the guide was never released; this asks the same."""
    if _is_embedded(environment):
        return command(environment, "locks", "list")
    url = (
        f"https://firestore.googleapis.com/v1/projects/{environment.project_id}"
        f"/databases/{environment.google.firestore_database}/documents/consolidation_locks"
    )
    return Looking(f'curl -sS -H "Authorization: Bearer $(gcloud auth print-access-token)" {_q(url)}')


def list_jobs(environment: Environment) -> Looking:
    """Whether a MERGE still runs in BigQuery after its holder died; DuckDB's dies with its process."""
    if _is_embedded(environment):
        return command(environment, "locks", "list")
    return Looking(f"bq ls --jobs --all --max_results=50 --project_id={_q(environment.project_id)}")


def cancel_job(environment: Environment, job_id: str) -> Changing:
    """Asks BigQuery to end a job; it may commit all the same, if it is nearly done."""
    location = environment.google.bigquery_location
    place = f"--location={_q(location)} " if location else ""  # outside US and EU it is not found without
    return Changing(f"bq {place}--project_id={_q(environment.project_id)} cancel {_q(job_id)}")


def _typed(environment: Environment, words: Sequence[object]) -> str:
    chosen = [] if environment.name == "local" else ["--env", environment.name]
    return shlex.join(["runbook", *map(str, words), *chosen])


def _run(name: str, parameters: Mapping[str, object]) -> list[str]:
    return ["run", name, *(word for key, value in parameters.items() for word in ("-p", f"{key}={value}"))]


def _consolidate(batch_id: str, game_date: date | None) -> list[object]:
    return ["consolidate", "--batch", batch_id, "--game-date", game_date or "YYYY-MM-DD"]


def _is_embedded(environment: Environment) -> bool:
    return environment.platform == "embedded"


def _gcloud(kind: Callable[[str], _Kind], *parts: str) -> _Kind:
    return kind(f"gcloud {' '.join(parts)}")


def _place(environment: Environment) -> str:
    return f"--project={_q(environment.project_id)} --region={_q(environment.region)}"


def _q(text: str) -> str:
    return shlex.quote(text)
