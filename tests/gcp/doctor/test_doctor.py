"""`runbook doctor` names everything that is missing, and the command that mends it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPMessage
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from click.testing import CliRunner
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore_admin_v1.types import Database, Field, RealtimeUpdatesMode
from google.cloud.firestore_v1.types import Document
from google.cloud.logging_v2.types import LogEntry
from google.cloud.run_v2.types import Condition, Revision, Service
from google.iam.v1.policy_pb2 import Binding, Policy
from google.oauth2.credentials import Credentials as UserCredentials

from lib import places
from lib.cli.environment import doctor
from lib.consolidation.fence import FENCE_COLUMNS
from lib.consolidation.ledger import LEDGER_COLUMNS, SUPERSEDED_ROWS
from lib.consolidation.warehouse import Column
from lib.embedded.adapters import MAIN_TABLE
from lib.environment import load_environment
from lib.gcp.clients import GoogleClients
from lib.gcp.doctor import quota_project
from lib.gcp.needs import APIS, NEEDS
from lib.settings_file import read_yaml
from tests.consolidation.world import PREDICTIONS
from tests.gcp.conftest import PROJECT
from tests.gcp.doctor.bigquery_tables import Tables, described, serving_tables
from tests.gcp.double import Fault, GoogleDouble
from tests.gcp.http_server import Answer, serving_json

SERVICES = ("prediction-worker", "prediction-coordinator")
ACCOUNT = f"predictions@{PROJECT}.iam.gserviceaccount.com"
DATASET = "nba_predictions"
MAIN, FENCES, LEDGER = map(str, (PREDICTIONS.table, PREDICTIONS.fences, PREDICTIONS.ledger))
HEALTHY = {
    "/health": {"status": "healthy"},
    "/health/deep": {"status": "healthy", "checks": [{"check": "bigquery_access", "status": "pass"}]},
}


@dataclass
class Project:
    """A complete project, from which tests remove parts."""

    google: GoogleDouble
    tables: Tables = field(default_factory=dict)
    endpoints: dict[str, Any] = field(default_factory=lambda: dict(HEALTHY))

    def examine(self) -> tuple[int, dict[str, Any]]:
        """Return the exit code and the findings."""
        result = CliRunner().invoke(doctor, ["--env", "production", "--json"])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result.exit_code, json.loads(result.stdout.splitlines()[-1])


def path(service: str) -> str:
    return f"projects/{PROJECT}/locations/us-west2/services/{service}"


def native(**more: Any) -> Database:
    """Return a database that suits the locks."""
    return Database(type_=Database.DatabaseType.FIRESTORE_NATIVE, location_id="us-west2", **more)


def fill(project: Project, url: str) -> None:
    google = project.google
    google.permissions = {permission for need in NEEDS for permission in need.permissions}
    google.enabled_apis = set(APIS)
    google.database = native()
    ttl = Field.TtlConfig(state=Field.TtlConfig.State.ACTIVE)
    google.ttl_fields = [Field(name="x/collectionGroups/consolidation_locks/fields/purge_after", ttl_config=ttl)]
    google.documents = {"prediction_batches": [Document(name="batch_2026-01-17")]}
    google.policy = Policy(bindings=[Binding(role="roles/datastore.user", members=[f"serviceAccount:{ACCOUNT}"])])
    ready = Condition(type_="Ready", state=Condition.State.CONDITION_SUCCEEDED)
    for service in SERVICES:
        name = f"{path(service)}/revisions/{service}-1"
        google.revisions.append(
            Revision(name=name, create_time=datetime.now(UTC), service_account=ACCOUNT, conditions=[ready])
        )
        google.services[path(service)] = Service(
            name=path(service), latest_created_revision=name, latest_ready_revision=name, uri=url
        )
        labels = {"service_name": service}
        google.log.append(
            LogEntry(
                log_name=f"projects/{PROJECT}/logs/run.googleapis.com%2Fstdout",
                timestamp=datetime.now(UTC),
                text_payload="working",
                resource={"type": "cloud_run_revision", "labels": labels},
            )
        )
    project.tables |= {
        DATASET: {"location": "us-west2"},
        MAIN: described(MAIN_TABLE, timePartitioning={"type": "DAY", "field": "game_date"}),
        FENCES: described(FENCE_COLUMNS),
        LEDGER: described((*LEDGER_COLUMNS, SUPERSEDED_ROWS)),
    }


@pytest.fixture
def project(google: GoogleDouble, address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Project]:
    found = Project(google)

    def answer(path: str, _: HTTPMessage) -> Answer:
        return (200, found.endpoints[path]) if path in found.endpoints else (404, "not found")

    with serving_json(answer) as url, serving_tables(found.tables) as tables:
        fill(found, url)
        monkeypatch.setenv("RUNBOOK_GOOGLE_EMULATOR_HOST", address)
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", address)
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", tables)
        monkeypatch.setenv("RUNBOOK_OUTPUTS", str(tmp_path / "outputs"))
        monkeypatch.setenv("RUNBOOK_ENVIRONMENTS", str(without_due(tmp_path)))
        yield found


def without_due(folder: Path) -> Path:
    """A folder with production's settings, except its schedule query, which the double cannot answer."""
    settings = read_yaml(places.ROOT / "params" / "environments" / "production.yaml")
    del settings["due"]
    environments = folder / "environments"
    environments.mkdir()
    (environments / "production.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return environments


def named(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(check for check in found["checks"] if check["name"] == name)


def test_nothing_is_missing(project: Project) -> None:
    code, found = project.examine()
    assert [check for check in found["checks"] if check["verdict"] != "PASS"] == []
    assert len({check["id"] for check in found["checks"]}) == len(found["checks"])
    assert (code, found["verdict"]) == (0, "PASS")


def without_permission(permission: str) -> Callable[[Project], object]:
    return lambda project: project.google.permissions.remove(permission)


def with_state(state: Field.TtlConfig.State) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        project.google.ttl_fields[0].ttl_config.state = state

    return change


def with_columns(*columns: Column) -> Callable[[Project], None]:
    return lambda project: project.tables.update({MAIN: described(columns)})


def in_datastore_mode(project: Project) -> None:
    project.google.database = Database(type_=Database.DatabaseType.DATASTORE_MODE)


def with_database(**more: Any) -> Callable[[Project], None]:
    return lambda project: setattr(project.google, "database", native(**more))


def in_location(location: str) -> Callable[[Project], None]:
    return lambda project: project.tables.update({DATASET: {"location": location}})


def without_database(project: Project) -> None:
    project.google.database = None


def unhealthy(project: Project) -> None:
    failing = {"check": "firestore_connection", "status": "fail", "error": "no module named firestore"}
    project.endpoints["/health/deep"] = {"status": "unhealthy", "checks": [failing]}


DISABLED, ENABLED = Database.DataAccessMode.DATA_ACCESS_MODE_DISABLED, Database.DataAccessMode.DATA_ACCESS_MODE_ENABLED
ENTERPRISE = Database.DatabaseEdition.ENTERPRISE
Case = tuple[Callable[[Project], object], str, str, str, str]
TAKEN_AWAY: dict[str, Case] = {
    "api": (
        lambda project: project.google.enabled_apis.remove("run.googleapis.com"),
        "Enabled APIs",
        "FAIL",
        "run.googleapis.com",
        f"gcloud services enable run.googleapis.com --project={PROJECT}",
    ),
    **{
        need.permissions[-1]: (
            without_permission(need.permissions[-1]),
            f"Permission: {need.purpose}",
            "UNKNOWN" if need.may_come_from_dataset else "FAIL",
            need.permissions[-1],
            f"gcloud projects add-iam-policy-binding {PROJECT} "
            f'--member="user:$(gcloud config get-value account)" --role={need.role}',
        )
        for need in NEEDS
    },
    "database": (
        without_database,
        "Firestore database",
        "FAIL",
        "database not found",
        f"gcloud firestore databases create --database='(default)' --project={PROJECT} --location=us-west2",
    ),
    "native mode": (
        in_datastore_mode,
        "Firestore database",
        "FAIL",
        "Datastore mode",
        "gcloud firestore databases create --database=consolidation-locks",
    ),
    "access of Firestore's clients": (
        with_database(database_edition=ENTERPRISE, firestore_data_access_mode=DISABLED),
        "Firestore database",
        "FAIL",
        "database refuses Firestore clients",
        "gcloud firestore databases create --database=consolidation-locks",
    ),
    "access of Firestore's clients, not set": (
        with_database(database_edition=ENTERPRISE, mongodb_compatible_data_access_mode=ENABLED),
        "Firestore database",
        "WARN",
        "Enterprise database that may refuse Firestore clients",
        "firestoreDataAccessMode",
    ),
    "realtime updates": (
        with_database(realtime_updates_mode=RealtimeUpdatesMode.REALTIME_UPDATES_MODE_DISABLED),
        "Firestore database",
        "WARN",
        "realtime updates are off",
        "--enable-realtime-updates",
    ),
    "location": (
        in_location("EU"),
        "Dataset location",
        "FAIL",
        "nba_predictions is in EU, but google.bigquery_location is us-west2",
        "Set google.bigquery_location: EU",
    ),
    "dataset": (
        lambda project: project.tables.pop(DATASET),
        "Dataset location",
        "FAIL",
        "dataset nba_predictions not found",
        f"bq mk --location=us-west2 --dataset {PROJECT}:nba_predictions",
    ),
    "ttl policy": (
        lambda project: project.google.ttl_fields.clear(),
        "Expiry of old locks",
        "WARN",
        "purge_after",
        "gcloud firestore fields ttls update purge_after --collection-group=consolidation_locks "
        f"--database='(default)' --project={PROJECT} --enable-ttl",
    ),
    "ttl policy is being created": (
        with_state(Field.TtlConfig.State.CREATING),
        "Expiry of old locks",
        "WARN",
        "is being created",
        "Check again",
    ),
    "partitioning": (
        with_columns(*MAIN_TABLE),
        "Partitioning",
        "WARN",
        "700 MB",
        "CREATE TABLE nba_predictions.player_prop_predictions_partitioned PARTITION BY game_date",
    ),
    "main table": (lambda project: project.tables.pop(MAIN), "Main table", "FAIL", MAIN, "table.name"),
    "column": (
        with_columns(*(column for column in MAIN_TABLE if column.name != "system_id")),
        "Main table",
        "FAIL",
        "key_columns: the table lacks system_id",
        f"'ALTER TABLE {MAIN} ADD COLUMN system_id STRING'",
    ),
    "type": (
        with_columns(*(Column(column.name, "STRING") for column in MAIN_TABLE)),
        "Main table",
        "FAIL",
        "date_column: game_date must be a DATE, but is STRING",
        "Correct the column",
    ),
    "fences": (lambda project: project.tables.pop(FENCES), "Fences", "WARN", FENCES, "first consolidation creates it"),
    "ledger": (
        lambda project: project.tables.update({LEDGER: described(LEDGER_COLUMNS[1:])}),
        "Ledger",
        "FAIL",
        "the table lacks run_id",
        "ADD COLUMN run_id STRING",
    ),
    "logs": (
        lambda project: project.google.log.pop(),
        "Logs of prediction-coordinator",
        "UNKNOWN",
        "no log lines in 30 days",
        "logs are not collected",
    ),
    "service": (
        lambda project: project.google.services.pop(path("prediction-worker")),
        "Health",
        "UNKNOWN",
        "prediction-worker",
        "",
    ),
    "role of the services": (
        lambda project: project.google.policy.ClearField("bindings"),
        "Firestore access of prediction-worker and prediction-coordinator",
        "UNKNOWN",
        ACCOUNT,
        f"--member=serviceAccount:{ACCOUNT} --role=roles/datastore.user",
    ),
    "health endpoint": (
        lambda project: project.endpoints.pop("/health/deep"),
        "Deep health of prediction-worker",
        "UNKNOWN",
        "404",
        "",
    ),
    "health": (unhealthy, "Deep health of prediction-coordinator", "FAIL", "no module named firestore", ""),
    "access to the lock store": (
        lambda project: project.google.lasting.update({"RunQuery": Fault(grpc.StatusCode.PERMISSION_DENIED, "no")}),
        "Lock store",
        "UNKNOWN",
        "roles/datastore.user",
        "",
    ),
    "access to the batch state": (
        lambda project: project.google.lasting.update({"RunQuery": Fault(grpc.StatusCode.PERMISSION_DENIED, "no")}),
        "Batch state",
        "UNKNOWN",
        "roles/datastore.viewer",
        "",
    ),
    "collection of the batch state": (
        lambda project: project.google.documents.clear(),
        "Batch state",
        "WARN",
        "Firestore collection prediction_batches (batch_state.collection) has no batch",
        "correct batch_state",
    ),
}


@pytest.mark.parametrize("taken", TAKEN_AWAY)
def test_what_is_missing_is_named_with_its_fix(project: Project, taken: str) -> None:
    take, name, verdict, summary, fix = TAKEN_AWAY[taken]
    take(project)
    code, found = project.examine()
    check = named(found, name)
    assert (check["verdict"], found["verdict"]) == (verdict, verdict)
    assert summary in check["summary"]
    assert fix in check["next_step"]
    assert code == {"WARN": 0, "FAIL": 1, "UNKNOWN": 3}[verdict]


@pytest.mark.parametrize(
    ("modes", "verdict"),
    [
        ({"database_edition": ENTERPRISE, "firestore_data_access_mode": ENABLED}, "PASS"),
        ({"database_edition": Database.DatabaseEdition.STANDARD}, "PASS"),
    ],
)
def test_a_database_open_to_native_clients_passes(project: Project, modes: dict[str, Any], verdict: str) -> None:
    project.google.database = native(**modes)
    assert named(project.examine()[1], "Firestore database")["verdict"] == verdict


def test_permissions_cover_what_listings_need(project: Project) -> None:
    """INFORMATION_SCHEMA.TABLE_OPTIONS needs permissions for routines."""
    needed = {"bigquery.routines.get", "bigquery.routines.list", "bigquery.datasets.get", "bigquery.tables.list"}
    assert needed <= {permission for need in NEEDS for permission in need.permissions}
    project.google.permissions -= needed
    check = named(project.examine()[1], "Permission: read and write tables")
    assert all(permission in check["summary"] for permission in needed)


def person(quota_project: str | None) -> UserCredentials:
    return UserCredentials("token", quota_project_id=quota_project)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("credentials", "permissions", "verdict", "said", "fix"),
    [
        (AnonymousCredentials(), (), "PASS", "not needed", ""),  # type: ignore[no-untyped-call]
        (person(PROJECT), ("serviceusage.services.use",), "PASS", f"requests use the quotas of {PROJECT}", ""),
        (person(None), (), "FAIL", "without a quota project", "application-default set-quota-project " + PROJECT),
        (person("other"), (), "FAIL", "not allowed to use other", "projects add-iam-policy-binding other --member="),
        (
            person("other"),
            ("serviceusage.services.use",),
            "WARN",
            "APIs and quotas of other",
            "set-quota-project " + PROJECT,
        ),
    ],
    ids=["a service account", "the project", "none", "not allowed", "another project"],
)
def test_the_quota_project_of_a_persons_login(
    google: GoogleDouble, clients: GoogleClients, credentials: Any, permissions: tuple[str, ...], verdict: str,
    said: str, fix: str,
) -> None:  # fmt: skip
    vars(clients)["credentials"] = credentials
    google.permissions = set(permissions)
    (check,) = quota_project(load_environment("production"), clients).checks
    assert (check.verdict, said in check.summary, fix in check.next_step) == (verdict, True, True), check


def test_no_check_passes_if_a_service_refuses_everything(project: Project) -> None:
    denied = Fault(grpc.StatusCode.PERMISSION_DENIED, "no")
    rpcs = ("BatchGetServices", "TestIamPermissions", "GetDatabase", "ListFields", "ListLogEntries", "GetIamPolicy")
    project.google.lasting = dict.fromkeys((*rpcs, "GetService", "RunQuery"), denied)
    code, found = project.examine()
    unknown = {check["name"] for check in found["checks"] if check["verdict"] == "UNKNOWN"}
    assert unknown == {
        "Enabled APIs", "Permissions", "Firestore database", "Expiry of old locks", "Lock store",
        "Batch state",
        "Logs of the services", "Firestore access", "Health",
    }  # fmt: skip
    assert code == 3
    for check in found["checks"]:
        assert check["verdict"] != "UNKNOWN" or "gcloud projects add-iam-policy-binding" in check["summary"]


def test_missing_credentials_are_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("RUNBOOK_GOOGLE_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "no-such-key.json"))
    result = CliRunner().invoke(doctor, ["--env", "production"])
    assert result.exit_code == 1
    assert "FAIL     production: Credentials: " in result.output
    assert "→ Log in: gcloud auth application-default login" in result.output
    assert len(result.output.splitlines()) == 3


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RUNBOOK_OUTPUTS", str(tmp_path / "outputs"))
    return tmp_path


def test_the_embedded_platform_is_examined_too(state: Path) -> None:
    result = CliRunner().invoke(doctor, ["--json"])
    found = json.loads(result.stdout)
    assert result.exit_code == 3
    assert {check["name"] for check in found["checks"] if check["verdict"] == "UNKNOWN"} == {
        "Logs of prediction-worker",
        "Logs of prediction-coordinator",
    }
    assert named(found, "State folder")["verdict"] == "PASS"
    assert named(found, "Main table")["verdict"] == "PASS"


@pytest.mark.parametrize(
    ("folder", "name"), [("home", "State folder"), ("outputs", "Archive of runs")], ids=["state", "archive"]
)
def test_a_folder_that_cannot_be_written_is_named(state: Path, folder: str, name: str) -> None:
    (state / folder).write_text("a file where a folder should be")
    result = CliRunner().invoke(doctor, ["--json"])
    found = json.loads(result.stdout)
    assert named(found, name)["verdict"] == "FAIL"
    assert str(state / folder) in named(found, name)["next_step"]


def test_a_damaged_warehouse_is_named(state: Path) -> None:
    (state / "home").mkdir()
    (state / "home" / "warehouse.duckdb").write_bytes(b"no database" * 1000)
    result = CliRunner().invoke(doctor, ["--json"])
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert named(found, "Main table")["verdict"] == "FAIL"
    assert "warehouse.duckdb is not a warehouse file" in named(found, "Main table")["summary"]
