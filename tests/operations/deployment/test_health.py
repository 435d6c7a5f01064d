"""The meaning of health documents: nothing failed is healthy, and nothing unclear passes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.operations.deployment.health import judge_health
from lib.ports.services import HealthResponse
from lib.verdict.verdict import Verdict

PASS, WARN, UNKNOWN, FAIL = Verdict

GOOD = {"componentId": "a", "observedValue": 250, "status": "pass"}
BAD = {"componentId": "b", "status": "fail", "output": "no disk"}


@pytest.mark.parametrize(
    ("body", "expected", "said"),
    [
        # Spring Boot
        ({"status": "DOWN"}, FAIL, "says down"),
        ({"status": "OUT_OF_SERVICE"}, FAIL, "says out_of_service"),
        ({"status": "UP", "components": {"db": {"status": "UP"}}}, PASS, "up, 1 check passed"),
        ({"status": "UP", "components": {"db": {"status": "DOWN"}}}, FAIL, "db: down"),
        (
            {"status": "UP", "components": {"db": {"status": "UP", "components": {"replica": {"status": "DOWN"}}}}},
            FAIL,
            "db: replica: down",
        ),
        # application/health+json
        ({"status": "pass", "checks": {"db:time": [GOOD]}}, PASS, "1 check passed"),
        ({"status": "pass", "checks": {"db": [GOOD, BAD]}}, FAIL, "db: no disk"),
        ({"status": "pass", "checks": [GOOD, BAD]}, FAIL, "no disk"),
        ({"status": "error"}, FAIL, "says error"),
        ({"status": "pass", "checks": {"db": [{"status": "warn"}]}}, WARN, "db: warn"),
        ({"status": "warn"}, WARN, "concerns"),
        ({"status": "pass", "checks": {"db": []}}, UNKNOWN, "db is unclear"),
        # Terminus, and libraries like it
        ({"status": "ok", "details": {"db": {"status": "down"}}}, FAIL, "db: down"),
        ({"status": "ok", "services": {"db": "up", "cache": "down"}}, FAIL, "cache: down"),
        ({"status": "ok", "details": {"debug": False, "version": "1"}}, PASS, "ok"),
        # counts
        ({"status": "healthy", "checks_failed": 2}, FAIL, "checks_failed: 2"),
        ({"status": "healthy", "checks_failed": "2"}, FAIL, "checks_failed: 2"),
        ({"status": "healthy", "failedChecks": ["db"]}, FAIL, "failedChecks: db"),
        ({"status": "healthy", "unhealthy": {"db": 1}}, FAIL, "unhealthy"),
        ({"status": "healthy", "errors": ["?"]}, UNKNOWN, "errors is unclear"),
        ({"status": "healthy", "checks_failed": 0, "failed": "0", "errors": []}, PASS, "healthy"),
        ({"status": "healthy", "last_failed_run": 17}, PASS, "healthy"),
        # yes and no
        ({"status": "ok", "healthy": False}, FAIL, "says false"),
        ({"ok": False}, FAIL, "says false"),
        ({"ok": True}, PASS, "true"),
        ({"status": "ok", "checks": {"db": False}}, FAIL, "db: false"),
        ({"status": "ok", "checks": {"db": True}}, PASS, "1 check passed"),
        (False, FAIL, "says false"),
        ("DOWN", FAIL, "says down"),
        # nothing that is understood
        ({"status": "ok", "checks": {"db": {"ms": 5}}}, UNKNOWN, "db is unclear"),
        ({"status": "ok", "checks": "all of them"}, UNKNOWN, "a check is unclear"),
        ({"status": "degraded"}, UNKNOWN, "no known health document"),
        ({"status": {"code": "UP"}}, UNKNOWN, "no known health document"),
        ("OK", UNKNOWN, "no known health document"),
        (True, UNKNOWN, "no known health document"),
        ([{"status": "ok"}], UNKNOWN, "no known health document"),
    ],
)
def test_each_known_form_is_read(body: Any, expected: Verdict, said: str) -> None:
    judged = judge_health(HealthResponse(200, body))
    assert (judged.verdict, said in judged.summary) == (expected, True), judged.summary


@pytest.mark.parametrize("code", [200, 207, 418, 429, 503])
def test_a_failing_document_is_a_failure_whatever_its_code(code: int) -> None:
    assert judge_health(HealthResponse(code, {"status": "fail", "checks": {"db": [BAD]}})).verdict is FAIL


KEYS = st.sampled_from(["status", "checks", "components", "details", "services", "db", "errors", "name", "\x1b", ""])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["ok", "UP", "fail", "?", "\n"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.integers(1, 9))
def test_any_document_is_judged_in_one_line_and_a_failed_check_never_passes(body: Any, failed: int) -> None:
    assert judge_health(HealthResponse(200, body)).summary.isprintable()
    said = {"status": "healthy", **(body if isinstance(body, dict) else {})}
    for fault in ({"checks_failed": failed}, {"checks": {"db": [{"status": "FAIL"}]}}, {"components": [body, False]}):
        assert judge_health(HealthResponse(200, {**said, **fault})).verdict is FAIL


def test_a_document_nested_too_deep_is_unclear() -> None:
    body: Any = {"status": "ok"}
    for _ in range(500):
        body = {"status": "ok", "checks": {"x": [body]}}
    assert judge_health(HealthResponse(200, body)).verdict is UNKNOWN
