"""What a health endpoint's answer means.

Two documents are known (both in use): the worker's lists its checks, the coordinator's
names them. An answer that says nothing about health is UNKNOWN, never PASS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lib.operations.ports import HealthResponse
from lib.operations.tables import text_of
from lib.operations.verdict import Verdict

_GOOD = frozenset({"healthy", "ok", "pass", "passed"})
_BAD = frozenset({"unhealthy", "fail", "failed", "failing", "error"})


@dataclass(frozen=True)
class PartHealth:
    """One check inside a deep health document.

    Attributes:
        name: What was checked.
        status: In the service's words.
        detail: The error or other details; may be empty.
    """

    name: str
    status: str
    detail: str


@dataclass(frozen=True)
class HealthJudgement:
    """What the answer means.

    Attributes:
        verdict: PASS only when the document says so.
        summary: One line.
        next_step: What to do; empty when nothing.
        parts: The checks inside the document.
    """

    verdict: Verdict
    summary: str
    next_step: str = ""
    parts: tuple[PartHealth, ...] = ()


def judge_health(response: HealthResponse) -> HealthJudgement:
    """Judge an answer by its status and its document."""
    code = response.status_code
    if code is None:
        return HealthJudgement(
            Verdict.FAIL,
            f"does not answer: {response.error}",
            "See whether its newest revision starts at all (revision and log steps of this runbook).",
        )
    if code in (401, 403):
        return HealthJudgement(
            Verdict.UNKNOWN,
            f"HTTP {code}: it was not let in, so nothing is known about its health",
            "Ask again with an ID token (command below), or as an account with roles/run.invoker.",
        )
    if code == 404:
        return HealthJudgement(
            Verdict.UNKNOWN,
            "HTTP 404: this revision has no such endpoint, so nothing was checked",
            "See that the revision which serves is the one you deployed; older revisions lack the endpoint.",
        )
    return _judge_document(code, response.body)


def _judge_document(code: int, body: Any) -> HealthJudgement:
    parts = _parts(body)
    failing = [part for part in parts if part.status in _BAD]
    if failing or code >= 500:
        named = "; ".join(f"{part.name}: {part.detail or part.status}" for part in failing)
        return HealthJudgement(
            Verdict.FAIL,
            text_of(f"HTTP {code}: {named or _status(body) or 'it gives no reason'}"),
            "Read the service's log for the failing check; roll back if the deployment brought it.",
            parts,
        )
    if code != 200:
        return _unclear(f"HTTP {code} says nothing about health", parts)
    status = _status(body)
    if status in _BAD:
        return HealthJudgement(
            Verdict.FAIL, f"HTTP 200, and its document says {status}", "Read the service's log.", parts
        )
    unclear = [part.name for part in parts if part.status not in _GOOD]
    if unclear:
        return _unclear(f"HTTP 200, but the result of {', '.join(unclear)} is unclear", parts)
    if status not in _GOOD:
        return _unclear(f"HTTP 200, but no known health document: {text_of(body)[:80]}", parts)
    if isinstance(body, Mapping) and "checks" in body and not parts:
        return _unclear("HTTP 200, but its document lists no check", parts)
    checked = f", {len(parts)} checks passed" if parts else ""
    return HealthJudgement(Verdict.PASS, f"HTTP 200, {status}{checked}", parts=parts)


def _unclear(summary: str, parts: tuple[PartHealth, ...]) -> HealthJudgement:
    return HealthJudgement(Verdict.UNKNOWN, text_of(summary), "Look at the document by hand (command below).", parts)


def _status(body: Any) -> str:
    return str(body.get("status", "")).strip().lower() if isinstance(body, Mapping) else ""


def _parts(body: Any) -> tuple[PartHealth, ...]:
    checks = body.get("checks") if isinstance(body, Mapping) else None
    if isinstance(checks, Mapping):
        return tuple(_part(str(name), result) for name, result in checks.items())
    if isinstance(checks, Sequence) and not isinstance(checks, str):
        return tuple(_part("", result) for result in checks)
    return ()


def _part(name: str, result: Any) -> PartHealth:
    if not isinstance(result, Mapping):
        return PartHealth(name or "a check", str(result).strip().lower(), "")
    detail = result.get("error") or result.get("details") or ""
    return PartHealth(
        text_of(name or result.get("check") or "a check"), _status(result), text_of(detail) if detail else ""
    )
