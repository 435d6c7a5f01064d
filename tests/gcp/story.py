"""The demo's acts on the doubles of Google.

What the simulation can do only on an embedded platform is done on a separate one and copied
here: the history, the deployment, and the results of the old code's race.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from http.client import HTTPMessage
from typing import Any

from google.cloud import firestore
from google.cloud.logging_v2.types import LogEntry as StoredEntry
from google.cloud.run_v2.types import (
    Condition,
    Container,
    EnvVar,
    Revision,
    RevisionTemplate,
    Service,
    TrafficTarget,
    TrafficTargetStatus,
)
from google.iam.v1.policy_pb2 import Binding, Policy

from lib import places
from lib.consolidation.identifiers import TableName
from lib.consolidation.staging import batch_tables
from lib.consolidation.warehouse import Execute
from lib.embedded.deployment import DeployedService, Deployment
from lib.embedded.deployment import Revision as LocalRevision
from lib.platform import Platform
from lib.ports.logs import LogEntry
from lib.ports.services import LATEST
from rehearsal.acts import Acts
from rehearsal.demo import Act
from rehearsal.slates import slate_of
from rehearsal.stage import batch_name
from tests.gcp.bigquery.double import BigqueryDouble
from tests.gcp.conftest import PROJECT
from tests.gcp.double import GoogleDouble
from tests.gcp.http_server import Answer
from tests.gcp.rollouts import LATEST as TO_LATEST
from tests.locking.claims import DEAD_AT_ONCE_SECONDS, a_claim, created

# A child of the library's logger, from which the coordinator's lines are collected.
logger = logging.getLogger("lib.locking.story")

# Each one needs a load job, which takes time.
_MOST_TABLES = 15


@dataclass(frozen=True)
class GoogleActs(Acts):
    """The same acts as in `Acts`, on the Google platform.

    Attributes:
        google: The double of read-only services.
        bigquery: The double of the warehouse.
        embedded: The acts on an embedded platform.
        url: Address of the server for `health`.
    """

    google: GoogleDouble
    bigquery: BigqueryDouble
    embedded: Acts
    url: str

    def play(self, act: Act) -> None:
        """Play an act of the embedded platform's story here, and collect the log lines."""
        getattr(self, act.play.__name__)()
        self._collect_logs()

    def history(self) -> str:
        played = self.embedded.history()
        self._carry_over(self._embedded_rows(self.platform.table.table))
        deploy(self.google, Deployment.load(places.home()), self.platform, self.url)
        return played

    def race(self) -> str:
        """Let the old code race on the embedded platform, then copy its rows and tables."""
        played = self.embedded.race()
        for batch_id in self.race_plan.batch_ids:
            for staging in batch_tables(self.embedded.platform.warehouse, self.platform.table, batch_id):
                self._write(self._embedded_rows(staging.name), batch_id)
        rows = self._embedded_rows(self.platform.table.table)
        self._carry_over([row for row in rows if row["game_date"] == self.today])
        for batch_id in self.race_plan.batch_ids:
            self._record(batch_id, self.today)
        return played

    def dead_holder(self) -> str:
        """Take a lock whose lease expires at once, as nobody renews it."""
        self._stage(self._dead_batch, self.today, tables=_MOST_TABLES)
        key, batch_id = self.platform.table.lock_key(self.today), self._dead_batch
        logger.info("✅ Acquired consolidation lock: %s (batch=%s, timeout=300s)", key, batch_id)
        claim = replace(a_claim(key, lease_seconds=DEAD_AT_ONCE_SECONDS), batch_id=batch_id)
        return str(created(self.platform.locks.store, claim))

    def live_holder(self) -> str:
        tomorrow = self.today + timedelta(days=1)
        lock = self.platform.locks.acquire(game_date=tomorrow, batch_id=batch_name("batch", tomorrow))
        return str(self.stack.enter_context(lock))

    def _collect_logs(self) -> None:
        """Move the lines logged so far to Cloud Logging."""
        found = self.embedded.platform.logs.entries(
            self.platform.environment.services.both,
            since=datetime.now(UTC) - timedelta(days=60),
            until=datetime.now(UTC) + timedelta(days=1),
        )
        self.google.log[:] = map(collected, found)

    def _stage(self, batch_id: str, game_date: date, *, tables: int) -> None:
        rows = slate_of(game_date, seed=self.seed).predict(batch_id, generated_at=datetime.now(UTC))
        parts = min(tables, _MOST_TABLES)
        for part in range(parts):
            self._write(rows[part::parts], batch_id)
        self._record(batch_id, game_date)

    def _record(self, batch_id: str, game_date: date) -> None:
        """Write the coordinator's document of a complete batch."""
        now, players = datetime.now(UTC), slate_of(game_date, seed=self.seed).players
        client = firestore.Client(project=self.platform.environment.project_id)
        client.collection(self.platform.environment.batch_state.collection).document(batch_id).set(
            {
                "game_date": game_date.isoformat(),
                "expected_players": len(players),
                "completed_count": len(players),
                "is_complete": True,
                "start_time": now,
                "completion_time": now,
            }
        )

    def _carry_over(self, rows: Sequence[dict[str, Any]]) -> None:
        """Copy rows of the main table from the embedded platform."""
        table, columns = self.platform.table.table, ", ".join(rows[0])
        carrier = self._write(rows, "old_code")
        insert = f"INSERT INTO {table.sql} ({columns}) SELECT {columns} FROM {carrier.sql}"
        self.platform.warehouse.transact([Execute("insert", insert)], {})
        self.platform.warehouse.drop([carrier])

    def _write(self, rows: Sequence[dict[str, Any]], batch_id: str) -> TableName:
        [written] = self.platform.staging_writer().write(rows, batch_id=batch_id, worker_id="worker")
        return written.table

    def _embedded_rows(self, table: TableName) -> list[dict[str, Any]]:
        return self.embedded.platform.warehouse.query(f"SELECT * FROM {table.sql}")


def deploy(google: GoogleDouble, deployment: Deployment, platform: Platform, url: str) -> None:
    """Deploy the embedded platform's services and roles; `health` responds for the services."""
    bindings = [
        Binding(role=role, members=[f"serviceAccount:{account}"])
        for account, roles in deployment.roles.items()
        for role in roles
    ]
    google.policy = Policy(bindings=bindings)
    location = f"projects/{platform.environment.project_id}/locations/{platform.environment.region}"
    for name, service in deployment.services.items():
        path = f"{location}/services/{name}"
        google.revisions += _revisions(path, service)
        newest = f"{path}/revisions/{service.revisions[0].name}"
        google.services[path] = Service(
            name=path,
            latest_created_revision=newest,
            latest_ready_revision=newest,
            uri=f"{url}/{name}",
            template=RevisionTemplate(
                containers=_containers(service.revisions[0]), service_account=service.service_account
            ),
            traffic=[TrafficTarget(**target) for target in _targets(service)],
            traffic_statuses=[TrafficTargetStatus(**target) for target in _targets(service)],
        )


def _targets(service: DeployedService) -> Iterator[dict[str, Any]]:
    for target, percent in service.traffic.items():
        to = {"type_": TO_LATEST} if target == LATEST else {"revision": target}
        yield {**to, "percent": percent}


def _containers(revision: LocalRevision) -> list[Container]:
    return [Container(env=[EnvVar(name=name, value=value) for name, value in revision.variables.items()])]


def _revisions(path: str, service: DeployedService) -> Iterator[Revision]:
    ready = Condition(type_="Ready", state=Condition.State.CONDITION_SUCCEEDED)
    for revision in service.revisions:
        yield Revision(
            name=f"{path}/revisions/{revision.name}",
            create_time=revision.deployed_at,
            service_account=service.service_account,
            containers=_containers(revision),
            conditions=[ready],
        )


def health(path: str, headers: HTTPMessage) -> Answer:
    """Return the response of the embedded service that the path begins with."""
    service, _, endpoint_path = path.removeprefix("/").partition("/")
    endpoint = Deployment.load(places.home()).service(service).endpoints[f"/{endpoint_path}"]
    return endpoint.status_code, endpoint.body


def collected(entry: LogEntry) -> StoredEntry:
    """Return a line as Cloud Run stores it: plain text without severity, with an instance id instead of a host."""
    labels = {"service_name": entry.service, "revision_name": entry.revision}
    return StoredEntry(
        log_name=f"projects/{PROJECT}/logs/run.googleapis.com%2Fstdout",
        timestamp=entry.timestamp,
        text_payload=entry.message,
        resource={"type": "cloud_run_revision", "labels": labels},
        labels={"instanceId": sha256(entry.instance.encode()).hexdigest()},
    )
