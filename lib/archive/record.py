"""``run.json``: the record of a run.

The executed notebook does not show how a run ended: papermill stores an interrupted cell as completed.
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
RUN_ID_MOMENT = "%Y%m%dT%H%M%SZ"  # the beginning of a run's id
_YEARS = range(1970, 3000)  # times near the limits of datetime cannot be converted to another zone
PLAN = "plan"  # labels the digest in the evidence of a plan
HEARTBEAT_SECONDS = 5.0
ABANDONED_AFTER_SECONDS = 6 * HEARTBEAT_SECONDS
_T = TypeVar("_T")


class RunStatus(StrEnum):
    """How a run ended; only a COMPLETED run has its own verdict."""

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
        cell: Id of the cell; empty if no cell was running.
        name: The exception's class, e.g. ``ValueError``.
        message: Its message: hostile input that may contain anything.
        exit_code: The exit code of its class in `lib.errors`, as known in the kernel; None for any other error.
    """

    cell: str
    name: str
    message: str
    exit_code: int | None = None

    @property
    def says_it_all(self) -> bool:
        """Whether it is an error of this library, whose messages are written for people."""
        return self.exit_code is not None

    @property
    def is_refusal(self) -> bool:
        """Whether a step of the notebook refused bad input or a change."""
        return self.exit_code in (UserError.exit_code, Finding.exit_code)


@dataclass(frozen=True)
class Outcome:
    """How an execution ended: its conclusion if that is reliable, and any changes it made."""

    status: RunStatus
    headline: str
    conclusion: Conclusion | None = None
    error: RunError | None = None
    changed: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Origin:
    """What started a run; nothing is set if a person did.

    Attributes:
        schedule: The entry of the schedule.
        planned_at: The planned time (UTC), which the run reports from however late it starts.
        retry_of: Id of the run that this one retries.
        rerun_of: Id of the run that this one repeats with the same parameters.
        attempt: 1 for the first attempt, more for a retry.
        agent: The client of `runbook mcp` if an agent started the run, which is then read-only and notifies nobody.
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
        timezone: The time zone of the environment's operators.
        verdict: None while it runs; UNKNOWN if it did not complete.
        headline: One line for people.
        checks: The checks of a completed run, worst first.
        cost: Its queries of the warehouse; None if it did not complete or an earlier version did not count them.
        parameters: Every parameter, including defaults.
        given: Names of the parameters that are not defaults; None if an earlier version did not store them.
        started_at: UTC, like all times here.
        heartbeat_at: The runner's last heartbeat.
        status: Whether it runs, or how it ended.
        error: Why it stopped; None if no error stopped it.
        origin: What started it.
        seconds: From its start to its end; None while it runs.
        finished_at: None while it runs.
        exit_code: 0 healthy (PASS, WARN), 1 FAIL or a refused change, 2 bad input, 3 no answer (yet).
        refused: Whether its request was refused, so that it says nothing about the system's state.
        changed: What it changed, whether it completed or not.
        notifications: A line for each channel: notified, or why not.
        who: The account that started it.
        versions: The version of Python, and of each library that decides what a run does.
        schema_version: The version of this format.
        code_version: ``git describe`` of the checkout, or the package's version.
        host: The machine; see `lib.archive.machine`.
        pid: The runner's process on that machine.
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
        """The digest of the plan shown, by which it is approved; None without a plan."""
        return next((str(check.evidence[PLAN]) for check in self.checks if PLAN in check.evidence), None)

    @property
    def looked_from(self) -> datetime:
        """The time (UTC) that it reports from: the planned time, however late it started."""
        return self.origin.planned_at or self.started_at

    def finished(self, outcome: Outcome, now: datetime) -> RunRecord:
        """Return the record of the run with this outcome."""
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
        """Return the record as it must be shown: a run whose heartbeat has stopped is ABANDONED."""
        if self.status is not RunStatus.RUNNING or not self.is_silent(now):
            return self
        return replace(
            self,
            status=RunStatus.ABANDONED,
            verdict=Verdict.UNKNOWN,
            headline=f"Killed or lost: last heartbeat at {self.heartbeat_at:%Y-%m-%d %H:%M:%S} UTC",
        )

    def is_silent(self, now: datetime) -> bool:
        """Return whether its runner is gone, as far as this machine can determine."""
        return is_gone(self.host, self.pid) or now - self.heartbeat_at > timedelta(seconds=ABANDONED_AFTER_SECONDS)


def to_json(record: RunRecord) -> bytes:
    """Return the bytes of the record's file."""
    return adapter_of(RunRecord).dump_json(record, indent=2)


class NewerRecord(ValueError):
    """The record was written by a newer version of this library."""


def from_json(text: bytes) -> RunRecord:
    """Read a record of this or an earlier version.

    Raises:
        NewerRecord: A newer version wrote the record.
        ValueError: The bytes are not a record, or a time in it is out of range.
    """
    record = _of_this_version(text) or _of_another_version(text)
    if record.schema_version != SCHEMA_VERSION:
        raise ValueError(f"schema_version is {record.schema_version}, not {SCHEMA_VERSION}")
    for moment in (record.started_at, record.heartbeat_at, record.finished_at, record.origin.planned_at):
        if moment is not None and (moment.tzinfo is None or moment.year not in _YEARS):
            raise ValueError(f"{moment.isoformat()} is out of range for a run")
    return record


def _of_this_version(text: bytes) -> RunRecord | None:
    """Parse a record of this version in one pass; None for another version, damage, or numbers that are not JSON."""
    if b"NaN" in text or b"Infinity" in text:
        return None
    try:
        record = adapter_of(RunRecord).validate_json(text)
    except ValueError:
        return None
    return record if record.schema_version == SCHEMA_VERSION else None


def _of_another_version(text: bytes) -> RunRecord:
    """Parse a record of any version, or raise the reason why it cannot be read."""
    from pydantic_core import from_json as parsed

    data = parsed(text, allow_inf_nan=False)
    version = data.get("schema_version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise NewerRecord(f"a newer version wrote it (schema {version}; this one reads up to {SCHEMA_VERSION})")
    if version == 1:
        return adapter_of(RunRecord).validate_python(upgraded(data))
    return adapter_of(RunRecord).validate_json(text)


def started_at(run_id: str) -> datetime:
    """Return the start of the run with this id (UTC), to the second."""
    return datetime.strptime(run_id[:16], RUN_ID_MOMENT).replace(tzinfo=UTC)


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def adapter_of(kind: type[_T]) -> TypeAdapter[_T]:
    """Return the adapter that reads, validates and writes a class as JSON; created once, at first use."""
    return _adapter(kind)  # type: ignore[arg-type]  # mypy takes the class of a type variable for unhashable


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
