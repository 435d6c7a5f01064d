"""Jobs: a unique id, a state, and a result or an error; scripts have child jobs."""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow.parquet

from tests.gcp.bigquery.double import script, wire
from tests.gcp.bigquery.double.catalogue import Catalogue, Resource, quoted
from tests.gcp.bigquery.double.engine import Engine, Result, Transaction
from tests.gcp.bigquery.double.faults import ApiError, Fault, Gate

_TRANSACTION_WORDS = {
    "BEGIN TRANSACTION": "BEGIN_TRANSACTION",
    "COMMIT TRANSACTION": "COMMIT_TRANSACTION",
    "ROLLBACK TRANSACTION": "ROLLBACK_TRANSACTION",
}


def _now_ms() -> str:
    return str(time.time_ns() // 1_000_000)


@dataclass
class Job:
    """A job and, while it runs, its transaction."""

    project: str
    job_id: str
    configuration: Resource
    location: str
    statistics: Resource = field(default_factory=lambda: {"creationTime": _now_ms(), "startTime": _now_ms()})
    error: ApiError | None = None
    result: Result = field(default_factory=Result)
    done: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)
    transaction: Transaction | None = None
    statements: int = 0
    is_queued: bool = False

    @property
    def resource(self) -> Resource:
        is_done = self.done.is_set()
        errors = {"errorResult": self.error.result, "errors": [self.error.result]} if is_done and self.error else {}
        return {
            "id": f"{self.project}:{self.location}.{self.job_id}",
            "jobReference": {"projectId": self.project, "jobId": self.job_id, "location": self.location},
            "configuration": self.configuration,
            "statistics": self.statistics,
            "status": {"state": "DONE" if is_done else "PENDING" if self.is_queued else "RUNNING", **errors},
            "user_email": "coordinator@example.iam.gserviceaccount.com",
        }

    def end(self) -> None:
        self.statistics["endTime"] = _now_ms()
        self.done.set()


class Jobs:
    """Runs jobs. Tests set `faults`, `gates` and `on_insert`, and read `by_id` and, for dry runs, `dry`."""

    def __init__(self, catalogue: Catalogue, breaks: Collection[str] = ()) -> None:
        self.catalogue = catalogue
        self.breaks = breaks
        self.engine = Engine(catalogue, breaks)
        self.by_id: dict[str, Job] = {}
        self.dry: list[Job] = []
        self.faults: list[Fault] = []
        self.gates: list[Gate] = []
        self.on_insert: list[Callable[[Job], object]] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def get(self, job_id: str) -> Job:
        if job_id not in self.by_id:
            raise ApiError("notFound", f"Not found: Job {self.catalogue.project}:US.{job_id}")
        return self.by_id[job_id]

    def insert(self, resource: Mapping[str, Any], content: bytes = b"") -> Job:
        """Insert a job: queries run in their own threads, others immediately."""
        configuration = dict(resource["configuration"])
        job_id = resource.get("jobReference", {}).get("jobId") or uuid.uuid4().hex
        location = resource.get("jobReference", {}).get("location") or self.catalogue.location
        job = Job(self.catalogue.project, job_id, configuration, location)
        for look in self.on_insert:
            look(job)
        if configuration.get("dryRun"):
            self._dry_run(job)
            self.dry.append(job)
            return job
        with self._lock:
            if job_id in self.by_id:
                raise ApiError("duplicate", f"Already Exists: Job {self.catalogue.project}:US.{job_id}")
            self.by_id[job_id] = job
        if "query" in configuration:
            thread = threading.Thread(target=self._run, args=(job, content), name=job_id, daemon=True)
            self._threads.append(thread)
            thread.start()
        else:
            self._run(job, content)
        return job

    def cancel(self, job_id: str) -> Job:
        job = self.get(job_id)
        job.cancelled.set()
        if job.transaction and not job.done.is_set():
            # The job may end and close its connection at this moment.
            with suppress(duckdb.ConnectionException):
                job.transaction.cursor.interrupt()
        return job

    def close(self) -> None:
        """Cancel running jobs and wait for them."""
        for gate in self.gates:
            gate.open()
        for job_id in list(self.by_id):
            self.cancel(job_id)
        for thread in self._threads:
            thread.join()

    def _dry_run(self, job: Job) -> None:
        self._find_datasets(job)
        query = job.configuration["query"]
        total = self.engine.bytes_of(query["query"], wire.parameters_of(query.get("queryParameters", [])))
        job.statistics["query"] = {"totalBytesProcessed": str(total), "statementType": "SELECT"}
        job.end()

    def _run(self, job: Job, content: bytes) -> None:
        try:
            self._find_datasets(job)
            if "query" in job.configuration:
                self._query(job)
            elif "load" in job.configuration:
                self._load(job.configuration["load"], content)
            else:
                self._copy(job.configuration["copy"])
        except ApiError as error:
            job.error = ApiError(error.reason, f"{error.script_says}{_where(error, job)}")
        except Exception as error:
            job.error = ApiError("internalError", f"the double failed: {error!r}")
            raise
        finally:
            job.end()

    def _find_datasets(self, job: Job) -> None:
        """Fail unless all datasets are in the job's own location."""
        found = re.search(r"(?:`|datasetId': ')(\w+)", str(job.configuration))
        if job.location != self.catalogue.location and found:
            raise ApiError("notFound", f"Not found: Dataset {self.catalogue.project}:{found[1]}")

    def _query(self, job: Job) -> None:
        query = job.configuration["query"]
        parameters = wire.parameters_of(query.get("queryParameters", []))
        variables: dict[str, Any] = {}
        transaction = job.transaction = self.engine.connect()
        job.statistics["query"] = {"totalBytesProcessed": "0", "totalBytesBilled": "0", "totalSlotMs": "1"}
        try:
            nodes = script.parse(query["query"])
            is_script = not (len(nodes) == 1 and type(nodes[0]) is script.Statement)
            job.statistics["query"] |= {"statementType": "SCRIPT"} if is_script else {}

            def execute(statement: script.Statement) -> None:
                bound = self._bound(statement, variables)
                if isinstance(statement, script.Declare):
                    found = self.engine.execute(transaction, bound.sql, parameters | variables)
                    variables[statement.name.lower()] = found.rows[0][0]
                else:
                    job.result = self._statement(job, transaction, bound, parameters | variables, is_script)

            def holds(condition: script.Statement) -> bool:
                sql = condition.sql.replace("@@row_count", str(job.result.changed or 0))
                asked = self._bound(script.Statement(f"SELECT {sql}", condition.line), variables)
                if "FROM" in sql or "free conditions" in self.breaks:
                    found = self._statement(job, transaction, asked, parameters | variables, is_script)
                else:
                    found = self.engine.execute(transaction, asked.sql, parameters | variables)
                return bool(found.rows[0][0]) and "refusals" not in self.breaks

            script.run(nodes, execute, holds)
            job.statistics["query"].setdefault("statementType", job.result.kind)
        finally:
            self.engine.end(transaction)
            transaction.cursor.close()

    def _bound(self, statement: script.Statement, variables: Mapping[str, Any]) -> script.Statement:
        """Pass variables to the engine as parameters, unless a table has a column of that name."""
        if not variables:
            return statement
        columns = {name.lower() for table in list(self.catalogue.tables) for name, _ in self.catalogue.columns(*table)}
        return script.Statement(script.with_parameters(statement.sql, variables.keys() - columns), statement.line)

    def _statement(
        self,
        job: Job,
        transaction: Transaction,
        statement: script.Statement,
        parameters: Mapping[str, Any],
        is_script: bool,
    ) -> Result:
        child_id, configuration = f"script_job_{uuid.uuid4().hex}", {"query": {"query": statement.sql}}
        child = Job(self.catalogue.project, child_id, configuration, job.location)
        kind = _TRANSACTION_WORDS.get(statement.sql.upper())
        try:
            self._disturb(job, statement.sql)
            if kind:
                _in_transaction(self.engine, transaction, kind)
                result = Result(kind=kind)
            else:
                self._bill(job, statement.sql, parameters)
                result = self.engine.execute(transaction, statement.sql, parameters)
        except ApiError as error:
            child.error = error
            if error.ends_transaction or kind == "COMMIT_TRANSACTION":
                self.engine.end(transaction)
            raise
        finally:
            child.statistics["parentJobId"] = job.job_id
            frame = {"startLine": statement.line, "startColumn": 1, "text": statement.sql}
            child.statistics["scriptStatistics"] = {"evaluationKind": "STATEMENT", "stackFrames": [frame]}
            child.end()
            if is_script:
                self.by_id[child.job_id] = child
        child.statistics["query"] = {"statementType": result.kind}
        if result.changed is not None and not is_script:
            job.statistics["query"]["numDmlAffectedRows"] = str(result.changed)
        self._fail(statement.sql, answer_lost=True)
        return result

    def _disturb(self, job: Job, sql: str) -> None:
        """Apply the faults and gates for this statement."""
        for gate in self.gates:
            gate.pass_through(sql, job.cancelled)
        self._fail(sql, answer_lost=False)

    def _fail(self, sql: str, *, answer_lost: bool) -> None:
        for fault in self.faults:
            if fault.answer_lost == answer_lost and fault.strikes(sql):
                raise fault.error

    def _bill(self, job: Job, sql: str, parameters: Mapping[str, Any]) -> None:
        query = job.configuration["query"]
        read = self.engine.bytes_of(sql, parameters)
        limit = query.get("maximumBytesBilled")
        if limit is not None and read > int(limit):
            message = f"Query exceeded limit for bytes billed: {limit}. {read} or higher required."
            raise ApiError("bytesBilledLimitExceeded", message)
        figures = job.statistics["query"]
        for name in ("totalBytesProcessed", "totalBytesBilled"):
            figures[name] = str(int(figures[name]) + read)

    def _load(self, load: Resource, content: bytes) -> None:
        dataset, table = _name(load["destinationTable"])
        _check_format(load)
        with self.catalogue.lock:
            self._writable(dataset, table, load)
            properties = load.get("destinationTableProperties", {})
            is_new = (dataset, table) not in self.catalogue.tables
            if is_new:
                self.catalogue.add_table(dataset, table, load["schema"]["fields"], properties)
            else:
                self._check_properties(dataset, table, properties)
            try:
                self._fill(dataset, table, load["sourceFormat"], content)
            except BaseException:
                if is_new:  # a failed job creates no table
                    self.catalogue.drop_table(dataset, table)
                raise

    def _fill(self, dataset: str, table: str, source_format: str, content: bytes) -> None:
        if source_format == "PARQUET":
            cursor = self.catalogue.connection.cursor()
            cursor.register("loaded", pyarrow.parquet.read_table(pyarrow.BufferReader(content)))
            cursor.execute(f"INSERT INTO {quoted(dataset, table)} BY NAME FROM loaded")
        else:
            rows = [json.loads(line) for line in content.decode().split("\n") if line]
            self.catalogue.insert(dataset, table, rows)
        self.catalogue.modified(dataset, table)

    def _check_properties(self, dataset: str, table: str, given: Resource) -> None:
        """Refuse properties that differ from those of an existing table."""
        for name, value in given.items():
            if self.catalogue.tables[dataset, table].get(name) != value:
                raise ApiError("invalid", f"{name} differs from that of Table {dataset}.{table}, which exists")

    def _copy(self, copy: Resource) -> None:
        dataset, table = _name(copy["destinationTable"])
        with self.catalogue.lock:
            sources = [self.catalogue.table(*_name(source)) for source in copy["sourceTables"]]
            self._writable(dataset, table, copy)
            names = [_name(source["tableReference"]) for source in sources]
            if (dataset, table) not in self.catalogue.tables:
                kept = {**sources[0], "expirationTime": copy["destinationExpirationTime"]}
                self.catalogue.add_table(dataset, table, sources[0]["schema"]["fields"], kept)
            layouts = [self.catalogue.layout(*name) for name in [(dataset, table), *names]]
            if any(layout != layouts[0] for layout in layouts):
                raise ApiError("invalid", "Incompatible table schemas or partitioning of the sources of a copy job")
            # Streamed rows come last.
            union = " UNION ALL ".join(
                f"(FROM {quoted(*name)} ORDER BY rowid LIMIT {self.catalogue.row_count(*name)})" for name in names
            )
            self.catalogue.connection.cursor().execute(f"INSERT INTO {quoted(dataset, table)} {union}")

    def _writable(self, dataset: str, table: str, settings: Resource) -> None:
        self.catalogue.dataset(dataset)
        is_there = (dataset, table) in self.catalogue.tables
        wanted = settings.get("writeDisposition")
        if wanted == "WRITE_EMPTY" and is_there and self.catalogue.row_count(dataset, table):
            raise ApiError("duplicate", f"Already Exists: Table {self.catalogue.project}:{dataset}.{table}")


def _check_format(load: Resource) -> None:
    """Refuse JSON in Parquet, and lists unless they are inferred."""
    infers_lists = load.get("parquetOptions", {}).get("enableListInference")
    for column in load.get("schema", {}).get("fields", []) if load["sourceFormat"] == "PARQUET" else []:
        if column["type"] == "JSON" or (column.get("mode") == "REPEATED" and not infers_lists):
            raise ApiError("invalid", f"Unsupported field type in Parquet: {column['name']} {column['type']}")


def _where(error: ApiError, job: Job) -> str:
    """Return the part of the message that names the job's location."""
    is_missing = re.match("Not found: (Table|Dataset)", error.message)
    return f" was not found in location {job.location}" if is_missing else ""


def _name(reference: Mapping[str, str]) -> tuple[str, str]:
    return reference["datasetId"], reference["tableId"]


def _in_transaction(engine: Engine, transaction: Transaction, kind: str) -> None:
    if kind == "BEGIN_TRANSACTION":
        engine.begin(transaction)
    elif kind == "COMMIT_TRANSACTION":
        engine.commit(transaction)
    else:
        engine.roll_back(transaction)
