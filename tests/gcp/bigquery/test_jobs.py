"""A job runs once, and is cancelled when its client gives up."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from lib import places
from lib.consolidation.errors import TransactionConflict, WarehouseUnavailable
from lib.consolidation.identifiers import TableName
from lib.consolidation.ledger import ledger_runs
from lib.consolidation.result import ConsolidationResult, ConsolidationStatus
from lib.consolidation.warehouse import Column, Execute, Step
from lib.embedded.sqlite_locks import SqliteLockStore
from lib.gcp import bigquery_warehouse
from lib.locking.errors import LockAcquisitionError
from tests.consolidation.world import predictions
from tests.gcp.bigquery.double import BigqueryDouble, Fault, Gate
from tests.gcp.bigquery.world import BigqueryWorld

ROWS = 5
COMMIT = "^COMMIT TRANSACTION"
LEDGER = "^INSERT INTO .*consolidation_runs"
INSERT_JOB = "POST .*/projects/test/jobs$"
NUMBERS = TableName("nba_predictions", "numbers")
Steps = Callable[[int], list[Step]]

# A shell's background job ignores SIGINT from the start.
_CLIENT = """
import signal, sys
from pathlib import Path
from tests.gcp.bigquery.world import BigqueryWorld
signal.signal(signal.SIGINT, signal.default_int_handler)
BigqueryWorld(Path(sys.argv[1]), address=sys.argv[2]).consolidate()
"""


@contextmanager
def client_process(world: BigqueryWorld) -> Iterator[subprocess.Popen[str]]:
    """Start a process that consolidates batch_1 under the lock."""
    command = [sys.executable, "-c", _CLIENT, str(world.folder), world.address]
    with subprocess.Popen(command, cwd=places.ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def is_locked(world: BigqueryWorld) -> bool:
    store = SqliteLockStore(world.folder / "locks.sqlite")
    return any(observation.record is not None for observation in store.read_all())


@pytest.fixture
def numbers(world: BigqueryWorld) -> BigqueryWorld:
    """Return a world with an additional table."""
    world.warehouse.create_table(NUMBERS, [Column("n", "INT64")])
    return world


def insert(n: int) -> list[Step]:
    """Run a script."""
    return [*insert_alone(n), Execute("look", f"SELECT n FROM {NUMBERS.sql}")]


def insert_alone(n: int) -> list[Step]:
    """Run a single statement as a job."""
    return [Execute("insert", f"INSERT INTO {NUMBERS.sql} (n) SELECT {n}")]


either = pytest.mark.parametrize("insert", [insert, insert_alone])


def stored(world: BigqueryWorld) -> list[int]:
    return [row["n"] for row in world.warehouse.query(f"SELECT n FROM {NUMBERS.sql} ORDER BY n")]


def inserts(double: BigqueryDouble) -> list[str]:
    """Return the ids of jobs that insert a number, except statements of scripts."""
    jobs = {job_id: job for job_id, job in double.jobs.by_id.items() if "parentJobId" not in job.statistics}
    return [job_id for job_id, job in jobs.items() if f"INSERT INTO {NUMBERS.sql}" in str(job.configuration)]


def test_client_killed_while_its_job_runs(world: BigqueryWorld, double: BigqueryDouble) -> None:
    """The lock remains and the job continues; a rerun does not merge its rows again."""
    world.stage(predictions(ROWS), tables=2)
    gate = Gate(LEDGER)
    double.jobs.gates.append(gate)
    with client_process(world) as process, ThreadPoolExecutor(1) as rerun:
        assert gate.reached.wait(60)
        process.kill()
        process.wait()
        assert is_locked(world)
        with pytest.raises(LockAcquisitionError):
            world.consolidate(max_wait_seconds=0)
        found = double.awaited("GET .*/jobs/consolidation_")
        again: Future[ConsolidationResult] = rerun.submit(world.consolidate, use_lock=False)
        assert found.wait(60)
        gate.open()
        assert again.result(60).status is ConsolidationStatus.ALREADY_CONSOLIDATED
    assert len(world.table()) == ROWS
    assert [run.inserted_rows for run in ledger_runs(world.warehouse, world.spec)] == [ROWS]
    assert world.consolidate(use_lock=False).status is ConsolidationStatus.ALREADY_CONSOLIDATED


def test_interrupted_client_waits_for_its_job_to_end(world: BigqueryWorld, double: BigqueryDouble) -> None:
    """It cancels the job, and releases the lock only when the job has ended."""
    world.stage(predictions(ROWS))
    gate = Gate(LEDGER, heeds_cancel=False)
    double.jobs.gates.append(gate)
    cancelled = double.awaited("POST .*/cancel$")
    with client_process(world) as process:
        assert gate.reached.wait(60)
        process.send_signal(signal.SIGINT)
        assert cancelled.wait(60)
        assert is_locked(world)
        assert process.poll() is None
        gate.open()
        _, said = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in said
    assert not is_locked(world)
    [job] = [job for job_id, job in double.jobs.by_id.items() if job_id.startswith("consolidation_")]
    assert job.done.is_set()


@either
def test_slow_job_is_cancelled_and_rolled_back(numbers: BigqueryWorld, double: BigqueryDouble, insert: Steps) -> None:
    double.jobs.gates.append(Gate("COMMIT|^INSERT"))
    with pytest.raises(WarehouseUnavailable, match=r"took longer than 0\.3s; it was cancelled and rolled back"):
        numbers.warehouse.transact(insert(1), {}, timeout_seconds=0.3)
    [job] = [double.jobs.by_id[job_id] for job_id in inserts(double)]
    assert job.error is not None
    assert job.error.reason == "stopped"
    assert stored(numbers) == []


def test_slow_query_is_cancelled_and_is_an_outage(
    numbers: BigqueryWorld, double: BigqueryDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client's own TimeoutError is reported as an unavailable source, not as a crash."""
    monkeypatch.setattr(bigquery_warehouse, "REQUEST_SECONDS", 0.1)
    gate = Gate("^SELECT n")
    double.jobs.gates.append(gate)
    cancelled = double.awaited("POST .*/cancel$")
    impatient = BigqueryWorld(numbers.folder, address=numbers.address, options={"job_timeout_seconds": 0.3})
    with pytest.raises(WarehouseUnavailable, match=r"took longer than 0\.3s.* was cancelled"):
        stored(impatient)
    assert cancelled.is_set()


@pytest.mark.parametrize(
    ("insert", "trouble"),
    [(insert, "cancelled too late"), (insert_alone, "cancelled too late"), (insert, "failed after the commit")],
)
def test_a_committed_transaction_is_not_a_failure(
    numbers: BigqueryWorld, double: BigqueryDouble, insert: Steps, trouble: str
) -> None:
    if trouble == "cancelled too late":
        gate = Gate("COMMIT|^INSERT", heeds_cancel=False)
        double.jobs.gates.append(gate)
        double.on_request("POST .*/cancel$", gate.open)
    else:
        double.jobs.faults.append(Fault(COMMIT, answer_lost=True))
    outcome = numbers.warehouse.transact(insert(1), {}, job_id="once", timeout_seconds=0.3 if "late" in trouble else 30)
    assert outcome.job_id == "once"
    assert numbers.warehouse.transact(insert(1), {}, job_id="once").job_id == "once"
    assert stored(numbers) == [1]


@either
def test_a_job_id_runs_once_even_while_it_runs(numbers: BigqueryWorld, double: BigqueryDouble, insert: Steps) -> None:
    gate = Gate("COMMIT|^INSERT")
    double.jobs.gates.append(gate)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(numbers.warehouse.transact, insert(1), {}, job_id="once")
        assert gate.reached.wait(60)
        asked_again = double.awaited(INSERT_JOB)
        second = threads.submit(numbers.again().warehouse.transact, insert(1), {}, job_id="once")
        assert asked_again.wait(60)
        gate.open()
        assert [future.result(60).job_id for future in (first, second)] == ["once", "once"]
    assert stored(numbers) == [1]
    assert inserts(double) == ["once"]


@either
@pytest.mark.parametrize("times", [1, 2, 99])
def test_a_lost_response_is_not_a_second_run(
    numbers: BigqueryWorld, double: BigqueryDouble, times: int, insert: Steps
) -> None:
    """The client retries and is refused, or gives up and looks up the job."""
    world = BigqueryWorld(numbers.folder, address=numbers.address, patience_seconds=3 if times > 1 else 30)
    double.faults.append(Fault(INSERT_JOB, answer_lost=True, times=times))
    assert world.warehouse.transact(insert(1), {}, job_id="once").job_id == "once"
    assert stored(numbers) == [1]
    assert inserts(double) == ["once"]


def test_id_of_an_attempt_that_failed_is_used_up(numbers: BigqueryWorld, double: BigqueryDouble) -> None:
    words = "Transaction is aborted due to concurrent update against table test:nba_predictions.numbers."
    double.jobs.faults.append(Fault("^INSERT", "invalidQuery", words, times=2))
    for _ in range(2):
        with pytest.raises(TransactionConflict, match="concurrent update"):
            numbers.warehouse.transact(insert(1), {}, job_id="mine")
    assert numbers.warehouse.transact(insert(1), {}, job_id="mine").job_id == "mine_3"
    assert stored(numbers) == [1]


def test_timeout_of_the_server_is_set(numbers: BigqueryWorld, double: BigqueryDouble, tmp_path: Path) -> None:
    """A queued job must not start hours after its client has died."""
    numbers.warehouse.transact(insert(1), {}, job_id="a", timeout_seconds=7)
    numbers.warehouse.transact(insert(2), {}, job_id="b")
    limits = [double.jobs.by_id[job_id].configuration["jobTimeoutMs"] for job_id in ("a", "b")]
    assert limits == ["7000", "1800000"]
