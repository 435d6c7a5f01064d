"""The meaning of a health endpoint's answer. An answer without health information is UNKNOWN, never PASS.

It reads the common formats: ours (the worker lists its checks, the coordinator names them), the IETF's
``application/health+json`` (names to lists), Spring Boot's nested components, and those of health libraries for
Node.js and Python. An unknown word is kept as it is.

The IETF's draft: https://datatracker.ietf.org/doc/html/draft-inadarei-api-health-check-06
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lib.ports.services import HealthResponse
from lib.verdict.verdict import Verdict, worst
from lib.words.nouns import counted
from lib.words.text import text_of

_MEANINGS = {
    Verdict.PASS: frozenset({"healthy", "ok", "pass", "passed", "passing", "up", "true"}),
    Verdict.WARN: frozenset({"warn", "warning"}),
    Verdict.FAIL: frozenset(
        {"unhealthy", "fail", "failed", "failing", "failure", "error", "down", "false", "critical", "dead"}
        | {"unavailable", "out_of_service", "out of service", "broken"}
    ),
}
_STATUS = ("status", "healthy", "ok")
_DETAIL = ("error", "output", "details", "message")
_NAME = ("check", "name", "componentId")
# Everything in these is a check.
_CHECKS = ("checks", "components")
# These may hold other data; only what is clearly the state of a part counts.
_PERHAPS_CHECKS = ("details", "dependencies", "services")
_COUNT_WORDS = frozenset(
    {"checks", "check", "components", "services", "dependencies", "count", "total", "number", "of"}
)
_FAILED_WORDS = frozenset({"failed", "failing", "unhealthy"})
_TROUBLE_WORDS = frozenset({"failures", "errors"})
_DEEPEST = 8


@dataclass(frozen=True)
class PartHealth:
    """One check inside a health document.

    Attributes:
        name: What was checked.
        status: The service's word in lower case; empty if there is none.
        detail: The error or other details; may be empty.
    """

    name: str
    status: str
    detail: str = ""

    @property
    def verdict(self) -> Verdict:
        """The meaning of the status; UNKNOWN for an unknown word."""
        return next((verdict for verdict, words in _MEANINGS.items() if self.status in words), Verdict.UNKNOWN)

    def __str__(self) -> str:
        return f"{self.name}: {self.detail or self.status}"


@dataclass(frozen=True)
class HealthJudgement:
    """The meaning of an answer.

    Attributes:
        verdict: PASS only if the document says so.
        summary: One line.
        next_step: What to do; may be empty.
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
            "Check whether its newest revision starts (see the revision and log steps of this runbook).",
        )
    if code in (401, 403):
        return HealthJudgement(
            Verdict.UNKNOWN,
            f"HTTP {code}: access denied, so its health is unknown",
            "Try again with an ID token (command below), or as an account with roles/run.invoker.",
        )
    if code == 404:
        return HealthJudgement(
            Verdict.UNKNOWN,
            "HTTP 404: this revision has no such endpoint, so nothing was checked",
            "Check that the serving revision is the one you deployed; older revisions lack this endpoint.",
        )
    return _judge_document(code, response.body)


def _judge_document(code: int, body: Any) -> HealthJudgement:
    checks, status = _parts(body), _whole(body)
    failing = [part for part in checks if part.verdict is Verdict.FAIL]
    if failing or code >= 500 or status.verdict is Verdict.FAIL:
        named = "; ".join(map(str, failing)) or (status.status and f"its document says {status.status}")
        return HealthJudgement(
            Verdict.FAIL,
            text_of(f"HTTP {code}: {named or 'no reason given'}"),
            "Read the service's log for the failing check; roll back if the deployment caused it.",
            checks,
        )
    if code != 200:
        return _unclear(f"HTTP {code} says nothing about health", checks)
    unclear = [part.name for part in checks if part.verdict is Verdict.UNKNOWN]
    if unclear:
        return _unclear(f"HTTP 200, but the result of {', '.join(unclear)} is unclear", checks)
    if status.verdict is Verdict.UNKNOWN:
        return _unclear(f"HTTP 200, but no known health document: {text_of(body)[:80]}", checks)
    if not checks and isinstance(body, Mapping) and any(key in body for key in _CHECKS):
        return _unclear("HTTP 200, but its document lists no checks", checks)
    concerns = [part for part in (*checks, status) if part.verdict is Verdict.WARN]
    if concerns:
        summary = text_of(f"HTTP 200, with concerns: {'; '.join(map(str, concerns))}")
        return HealthJudgement(Verdict.WARN, summary, "The service works. Look for the concern in its log.", checks)
    checked = f", {counted(len(checks), 'check')} passed" if checks else ""
    return HealthJudgement(Verdict.PASS, f"HTTP 200, {status.status}{checked}", parts=checks)


def _unclear(summary: str, checks: tuple[PartHealth, ...]) -> HealthJudgement:
    return HealthJudgement(Verdict.UNKNOWN, text_of(summary), "Check the document by hand (command below).", checks)


def _whole(body: Any) -> PartHealth:
    """The document's status of the service as a whole; empty if it has none.

    A bare word counts only if it is a bad one: anything that listens there may answer ``OK``.
    """
    if isinstance(body, Mapping):
        return PartHealth("status", _status(body))
    bare = PartHealth("status", _word(body) if isinstance(body, (str, bool)) else "")
    return bare if bare.verdict is Verdict.FAIL else PartHealth("status", "")


def _parts(body: Any) -> tuple[PartHealth, ...]:
    """Every check in the document, and every count of failed checks."""
    return (*_nested("", body, 0), *_counted(body)) if isinstance(body, Mapping) else ()


def _nested(name: str, document: Mapping[Any, Any], depth: int) -> Iterator[PartHealth]:
    for key in _CHECKS:
        if key in document:
            yield from _all_of(name, document[key], depth)
    if depth:  # below the top these hold the details of a check
        return
    for key in _PERHAPS_CHECKS:
        found = document.get(key)
        if key == "details" and isinstance(found, Mapping):
            found = {each: result for each, result in found.items() if isinstance(result, Mapping)}
        if isinstance(found, (Mapping, list)):
            yield from (part for part in _all_of(name, found, depth) if part.verdict is not Verdict.UNKNOWN)


def _all_of(name: str, results: Any, depth: int) -> Iterator[PartHealth]:
    if isinstance(results, Mapping):
        for key, result in results.items():
            yield from _results(_joined(name, key), result, depth + 1)
    elif results:
        yield from _results(name, results, depth + 1)


def _results(name: str, result: Any, depth: int) -> Iterator[PartHealth]:
    """The result of one check, or a list of results for one component."""
    if depth > _DEEPEST:
        yield PartHealth(name, "", "nested too deep")
    elif isinstance(result, list) and result:
        for each in result:
            yield from _results(name, each, depth + 1)
    elif isinstance(result, Mapping):
        own = _joined(name, *(result[key] for key in _NAME[:2] if isinstance(result.get(key), str)))
        yield PartHealth(own or "a check", _status(result), _detail(result))
        yield from _nested(own, result, depth)
    else:
        yield PartHealth(name or "a check", _word(result))


def _counted(document: Mapping[Any, Any]) -> Iterator[PartHealth]:
    """Counts such as ``checks_failed: 2``, which may contradict the status."""
    for key, value in document.items():
        words = set(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(key)).lower().replace("-", "_").split("_")) - _COUNT_WORDS
        if words and words <= _FAILED_WORDS | _TROUBLE_WORDS and _is_some(value):
            yield PartHealth(text_of(key), "failed" if words <= _FAILED_WORDS else "", text_of(value)[:80])


def _is_some(value: Any) -> bool:
    """Whether a count, a list, or a count written as text is not empty or zero."""
    return bool(value) and str(value).strip().lower() not in ("0", "none", "false", "no")


def _status(document: Mapping[Any, Any]) -> str:
    """The document's worst status."""
    words = [_word(document[key]) for key in _STATUS if key in document]
    by_verdict = {PartHealth("", word).verdict: word for word in words}
    return by_verdict[worst(list(by_verdict))] if words else ""


def _word(value: Any) -> str:
    return text_of(value).strip().lower()[:80]


def _detail(result: Mapping[Any, Any]) -> str:
    return text_of(next((result[key] for key in _DETAIL if result.get(key)), ""))


def _joined(*names: Any) -> str:
    return ": ".join(text_of(name) for name in names if name)
