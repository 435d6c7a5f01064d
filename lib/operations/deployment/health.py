"""What a health endpoint's answer means. One that says nothing about health is UNKNOWN, never PASS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lib.operations.deployment.health_document import PartHealth, lists_checks, parts, whole
from lib.ports.services import HealthResponse
from lib.verdict.verdict import Verdict
from lib.words.text import text_of


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
    checks, status = parts(body), whole(body)
    failing = [part for part in checks if part.verdict is Verdict.FAIL]
    if failing or code >= 500 or status.verdict is Verdict.FAIL:
        named = "; ".join(map(str, failing)) or (status.status and f"its document says {status.status}")
        return HealthJudgement(
            Verdict.FAIL,
            text_of(f"HTTP {code}: {named or 'it gives no reason'}"),
            "Read the service's log for the failing check; roll back if the deployment brought it.",
            checks,
        )
    if code != 200:
        return _unclear(f"HTTP {code} says nothing about health", checks)
    unclear = [part.name for part in checks if part.verdict is Verdict.UNKNOWN]
    if unclear:
        return _unclear(f"HTTP 200, but the result of {', '.join(unclear)} is unclear", checks)
    if status.verdict is Verdict.UNKNOWN:
        return _unclear(f"HTTP 200, but no known health document: {text_of(body)[:80]}", checks)
    if lists_checks(body) and not checks:
        return _unclear("HTTP 200, but its document lists no check", checks)
    concerns = [part for part in (*checks, status) if part.verdict is Verdict.WARN]
    if concerns:
        summary = text_of(f"HTTP 200, with concerns: {'; '.join(map(str, concerns))}")
        return HealthJudgement(Verdict.WARN, summary, "It works. Read the service's log for the concern.", checks)
    checked = f", {len(checks)} checks passed" if checks else ""
    return HealthJudgement(Verdict.PASS, f"HTTP 200, {status.status}{checked}", parts=checks)


def _unclear(summary: str, checks: tuple[PartHealth, ...]) -> HealthJudgement:
    return HealthJudgement(Verdict.UNKNOWN, text_of(summary), "Look at the document by hand (command below).", checks)
