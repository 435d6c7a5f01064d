"""``run.json``: how a run ended.

The executed notebook does not say so: papermill stores a cell that was cut short as completed.
A run whose heartbeat has stopped is shown as abandoned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from lib.archive.machine import is_gone
from lib.archive.old_records import upgraded
from lib.errors import Finding, Unavailable, UserError
from lib.verdict.change import Change
from lib.verdict.check import Check
from lib.verdict.conclusion import Conclusion, RunCost
from lib.verdict.verdict import Verdict
from lib.words.brief import brief

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA_VERSION = 2
RUN_ID_MOMENT = "%Y%m%dT%H%M%SZ"  # how a run's id begins
_YEARS = range(1970, 3000)  # moments at the ends of time cannot be moved to another zone
PLAN = "plan"  # labels the digest in the evidence of a plan
HEARTBEAT_SECONDS = 5.0
ABANDONED_AFTER_SECONDS = 6 * HEARTBEAT_SECONDS
_T = TypeVar("_T")


class RunStatus(StrEnum):
    """How a run ended; only a COMPLETED one has a verdict of its own."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    INTERRUPTED = "interrupted"
    KERNEL_DIED = "kernel_died"
    NO_VERDICT = "no_verdict"
    ABANDONED = "abandoned"

    @property
    def words(self) -> str:
        return self.value.replace("_", " ")


@dataclass(frozen=True)
class RunError:
    """Where and why a run stopped.

    Attributes:
        cell: Id of the cell; empty when no cell was running.
        name: The exception's class, e.g. ``ValueError``.
        message: Its message. Hostile input: it may hold anything.
        exit_code: Of its class in `lib.errors`, as the kernel knew it; None: it is not one of this library's errors.
    """

    cell: str
    name: str
    message: str
    exit_code: int | None = None

    @property
    def says_it_all(self) -> bool:
        """Whether it is one of this library's errors, whose messages are written for people."""
        return self.exit_code is not None

    @property
    def is_refusal(self) -> bool:
        """Whether it says what only a step of the notebook could judge: bad input, or a change refused."""
        return self.exit_code in (UserError.exit_code, Finding.exit_code)


@dataclass(frozen=True)
class Outcome:
    """How an execution ended, with the conclusion when it is to be believed, and what was changed however it ended."""

    status: RunStatus
    headline: str
    conclusion: Conclusion | None = None
    error: RunError | None = None
    changed: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Origin:
    """What started a run; nothing is set when a person did.

    Attributes:
        schedule: The entry of the schedule.
        planned_at: When it was to run (UTC): the moment that it looks from, however late it is.
        retry_of: Id of the run that it tries again.
        rerun_of: Id of the run whose question it asks again.
        attempt: 1, and more for a retry.
        agent: The client of `runbook mcp` through which an agent asked for it: it only looked, and notified nobody.
    """

    schedule: str = ""
    planned_at: datetime | None = None
    retry_of: str = ""
    rerun_of: str = ""
    attempt: int = 1
    agent: str = ""


@dataclass(frozen=True)
class RunRecord:
    """One run.

    Attributes:
        run_id: UTC time of the start and a random suffix; sorts by time.
        title: The notebook's first heading.
        environment: The name of the environment that it looked at.
        runbook: The notebook's stem.
        timezone: The zone that the environment's operators think in.
        verdict: None while it runs; UNKNOWN when it did not complete.
        headline: One line for people.
        checks: Of a completed run, worst first.
        cost: What it asked of the warehouse; None: it did not complete, or an earlier version did not count.
        parameters: Every parameter, defaults included.
        given: The names of those that are not the defaults; None: an earlier version did not keep them.
        started_at: UTC, as all times here.
        heartbeat_at: The runner's last heartbeat.
        status: Whether it runs, or how it ended.
        error: Why it stopped; None if no error stopped it.
        origin: What started it.
        seconds: From its start to its end; None while it runs.
        finished_at: None while it runs.
        exit_code: 0 healthy (PASS, WARN), 1 a FAIL verdict or a refused change, 2 bad input, 3 no answer (yet).
        refused: It asked for what could not be done, so it does not show how things are.
        changed: What it changed, whether it completed or not.
        notifications: A line for each channel: notified, or why not.
        who: The account that started it.
        versions: The version of Python, and of each library that decides what a run does.
        schema_version: The version of this format.
        code_version: ``git describe`` of the checkout, or the package's version.
        host: The machine, see `lib.archive.machine`.
        pid: The runner's process there.
    """

    __pydantic_config__ = {"allow_inf_nan": False}  # noqa: RUF012 - pydantic wants a plain one

    run_id: str
    runbook: str
    title: str
    environment: str
    timezone: str
    parameters: Mapping[str, Any]
    started_at: datetime
    heartbeat_at: datetime
    code_version: str
    versions: Mapping[str, str]
    who: str
    host: str
    pid: int
    schema_version: int = SCHEMA_VERSION
    status: RunStatus = RunStatus.RUNNING
    verdict: Verdict | None = None
    headline: str = ""
    checks: tuple[Check, ...] = ()
    cost: RunCost | None = None
    finished_at: datetime | None = None
    seconds: float | None = None
    exit_code: int = Unavailable.exit_code
    refused: bool = False
    error: RunError | None = None
    origin: Origin = Origin()
    given: tuple[str, ...] | None = None
    changed: tuple[Change, ...] = ()
    notifications: tuple[str, ...] = ()

    __repr__ = brief("run_id", "runbook", "verdict", "headline")

    @property
    def plan(self) -> str | None:
        """The digest of the plan that it has shown, which approves it; None without a plan."""
        return next((str(check.evidence[PLAN]) for check in self.checks if PLAN in check.evidence), None)

    @property
    def looked_from(self) -> datetime:
        """The moment (UTC) that it looked from: the planned one, however late it was."""
        return self.origin.planned_at or self.started_at

    def finished(self, outcome: Outcome, now: datetime) -> RunRecord:
        """The record of the run once it has ended that way."""
        conclusion, error = outcome.conclusion, outcome.error
        verdict = conclusion.verdict if conclusion else Verdict.UNKNOWN
        checks = sorted(conclusion.checks, key=lambda check: -check.verdict.badness) if conclusion else ()
        return replace(
            self,
            status=outcome.status,
            verdict=verdict,
            headline=outcome.headline,
            checks=tuple(checks),
            cost=conclusion.cost if conclusion else None,
            heartbeat_at=now,
            finished_at=now,
            seconds=round((now - self.started_at).total_seconds(), 3),
            exit_code=error.exit_code if error and error.exit_code is not None else verdict.exit_code,
            refused=error is not None and error.is_refusal,
            error=error,
            changed=outcome.changed,
        )

    def observed(self, now: datetime) -> RunRecord:
        """The record as a reader must show it: a run whose heartbeat has stopped is ABANDONED."""
        if self.status is not RunStatus.RUNNING or not self.is_silent(now):
            return self
        return replace(
            self,
            status=RunStatus.ABANDONED,
            verdict=Verdict.UNKNOWN,
            headline=f"Killed or lost: last heard of at {self.heartbeat_at:%Y-%m-%d %H:%M:%S} UTC",
        )

    def is_silent(self, now: datetime) -> bool:
        """Whether its runner is gone, as far as can be told from here."""
        return is_gone(self.host, self.pid) or now - self.heartbeat_at > timedelta(seconds=ABANDONED_AFTER_SECONDS)


def to_json(record: RunRecord) -> bytes:
    """The record as the bytes of its file."""
    return adapter_of(RunRecord).dump_json(record, indent=2)


class NewerRecord(ValueError):
    """Written by a later version, which this one cannot read."""


def from_json(text: bytes) -> RunRecord:
    """Read a record, also one that an earlier version has written.

    Raises:
        NewerRecord: A later version has written it.
        ValueError: The bytes are not a record that this version knows, or a moment in it cannot be.
    """
    record = _of_this_version(text) or _of_another_version(text)
    if record.schema_version != SCHEMA_VERSION:
        raise ValueError(f"schema_version is {record.schema_version}, not {SCHEMA_VERSION}")
    for moment in (record.started_at, record.heartbeat_at, record.finished_at, record.origin.planned_at):
        if moment is not None and (moment.tzinfo is None or moment.year not in _YEARS):
            raise ValueError(f"{moment.isoformat()} is not a moment of a run")
    return record


def _of_this_version(text: bytes) -> RunRecord | None:
    """In one pass, as most are; None: of another version, damaged, or with numbers that JSON does not have."""
    if b"NaN" in text or b"Infinity" in text:
        return None
    try:
        record = adapter_of(RunRecord).validate_json(text)
    except ValueError:
        return None
    return record if record.schema_version == SCHEMA_VERSION else None


def _of_another_version(text: bytes) -> RunRecord:
    """Of any version, or the reason why it cannot be read."""
    from pydantic_core import from_json as parsed

    data = parsed(text, allow_inf_nan=False)
    version = data.get("schema_version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise NewerRecord(f"a newer version wrote it (schema {version}; this one reads up to {SCHEMA_VERSION})")
    if version == 1:
        return adapter_of(RunRecord).validate_python(upgraded(data))
    return adapter_of(RunRecord).validate_json(text)


def started_at(run_id: str) -> datetime:
    """When the run of that id began (UTC), to the second."""
    return datetime.strptime(run_id[:16], RUN_ID_MOMENT).replace(tzinfo=UTC)


def utc_now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def adapter_of(kind: type[_T]) -> TypeAdapter[_T]:
    """What reads and writes a class as JSON and checks it; pydantic makes it once, when it is needed."""
    return _adapter(kind)  # type: ignore[arg-type]  # mypy takes the class of a type variable for unhashable


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
