"""Errors in BigQuery's words, and faults on demand."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any

_STATUS = {
    "accessDenied": 403,
    "quotaExceeded": 403,
    "rateLimitExceeded": 403,
    "notFound": 404,
    "duplicate": 409,
    "invalid": 400,
    "invalidQuery": 400,
    "bytesBilledLimitExceeded": 400,
    "stopped": 499,
    "backendError": 503,
}


# Guarantees of BigQuery that a double can break: `BigqueryDouble(breaks={"conflicts"})`.
BREAKS = {
    "conflicts": "two transactions that update one table both commit",
    "conflicts by table": "only those that update one row conflict",
    "early conflicts": "a conflict is found at COMMIT, and not before",
    "conflict words": "a conflict is reported in other words",
    "inserts": "a MERGE that in fact only inserts conflicts like any other",
    "refusals": "RAISE in a condition, and ERROR() in a statement, refuse nothing",
    "free conditions": "a condition that reads no table is a job too",
}


class ApiError(Exception):
    """An error of a request or a job, with BigQuery's reason."""

    def __init__(self, reason: str, message: str, script_says: str = "") -> None:
        self.reason = reason
        self.message = message
        self.script_says = script_says or message
        super().__init__(message)

    @property
    def status(self) -> int:
        return _STATUS.get(self.reason, 500)

    @property
    def ends_transaction(self) -> bool:
        """Whether the error ends the transaction: a rival's commit cancels it before any handler runs."""
        return bool(re.search("concurrent update", self.message))

    @property
    def result(self) -> dict[str, Any]:
        """The error as a job's `errorResult`."""
        return {"reason": self.reason, "message": self.message}

    @property
    def body(self) -> dict[str, Any]:
        """The error as a response."""
        details = [{**self.result, "domain": "global"}]
        return {"error": {"code": self.status, "message": self.message, "errors": details}}


@dataclass
class Fault:
    """A failure of requests or statements.

    Attributes:
        on: Regular expression for ``POST /path`` of a request or the SQL of a statement.
        reason: BigQuery's reason.
        message: BigQuery's words.
        times: How often it occurs.
        answer_lost: The request or statement is executed first; a request then gets no response.
        script_says: The message of the enclosing script, if it differs.
    """

    on: str
    reason: str = "backendError"
    message: str = "Visibility check was unavailable. Please retry the request"
    times: int = 1
    answer_lost: bool = False
    script_says: str = ""

    def strikes(self, text: str) -> bool:
        """Return whether the fault occurs here, which counts as one occurrence."""
        if self.times <= 0 or not re.search(self.on, text):
            return False
        self.times -= 1
        return True

    @property
    def error(self) -> ApiError:
        return ApiError(self.reason, self.message, self.script_says)


@dataclass
class Gate:
    """Blocks matching statements until it is opened, so that a job is as slow as a test needs.

    Attributes:
        before: Regular expression for the statement's SQL.
        arrivals: Opens by itself when this many statements wait; 0: only by `open`.
        heeds_cancel: Whether a cancelled job ends here; otherwise the cancellation comes too late.
    """

    before: str
    arrivals: int = 0
    heeds_cancel: bool = True
    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)
    waiting: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self) -> None:
        self.opened.set()

    def pass_through(self, sql: str, cancelled: threading.Event) -> None:
        if self.opened.is_set() or not re.search(self.before, sql):
            return
        with self._lock:
            self.waiting += 1
            if self.waiting == self.arrivals:
                self.open()
        self.reached.set()
        while not self.opened.wait(0.01):
            if self.heeds_cancel and cancelled.is_set():
                raise ApiError("stopped", "Job execution was cancelled: User requested cancellation")
