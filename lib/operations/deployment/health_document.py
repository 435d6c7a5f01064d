"""What a health document says, in each of the forms that are in use.

Ours (the worker's lists its checks, the coordinator's names them), the IETF's
``application/health+json`` (names to lists), Spring Boot's components within components, and
what health libraries of Node.js and Python write. A word that is not known here is kept as it is.

The IETF's draft: https://datatracker.ietf.org/doc/html/draft-inadarei-api-health-check-06
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lib.verdict.verdict import Verdict, worst
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
# Whatever stands in them is a check.
_CHECKS = ("checks", "components")
# They may as well hold something else; only what is plainly the state of a part counts.
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
        status: In the service's words, in lower case; empty when it has none.
        detail: The error or other details; may be empty.
    """

    name: str
    status: str
    detail: str = ""

    @property
    def verdict(self) -> Verdict:
        """What the status means; UNKNOWN when it is not understood."""
        return next((verdict for verdict, words in _MEANINGS.items() if self.status in words), Verdict.UNKNOWN)

    def __str__(self) -> str:
        return f"{self.name}: {self.detail or self.status}"


def whole(body: Any) -> PartHealth:
    """What the document says of the service as a whole; no status when it says nothing.

    Of a bare word only a bad one counts: ``OK`` may come from anything that listens there.
    """
    if isinstance(body, Mapping):
        return PartHealth("status", _status(body))
    bare = PartHealth("status", _word(body) if isinstance(body, (str, bool)) else "")
    return bare if bare.verdict is Verdict.FAIL else PartHealth("status", "")


def parts(body: Any) -> tuple[PartHealth, ...]:
    """Every check of the document, and what it counts as failed."""
    return (*_nested("", body, 0), *_counted(body)) if isinstance(body, Mapping) else ()


def lists_checks(body: Any) -> bool:
    """Whether it has a place for checks."""
    return isinstance(body, Mapping) and any(key in body for key in _CHECKS)


def _nested(name: str, document: Mapping[Any, Any], depth: int) -> Iterator[PartHealth]:
    for key in _CHECKS:
        if key in document:
            yield from _all_of(name, document[key], depth)
    if depth:  # below the top they hold what a check has to tell
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
    """The result of one check, or the list of those of one thing."""
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
    """``checks_failed: 2`` beside a status that says otherwise."""
    for key, value in document.items():
        words = set(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(key)).lower().replace("-", "_").split("_")) - _COUNT_WORDS
        if words and words <= _FAILED_WORDS | _TROUBLE_WORDS and _is_some(value):
            yield PartHealth(text_of(key), "failed" if words <= _FAILED_WORDS else "", text_of(value)[:80])


def _is_some(value: Any) -> bool:
    """Of a count, a list, or a count that was written as text."""
    return bool(value) and str(value).strip().lower() not in ("0", "none", "false", "no")


def _status(document: Mapping[Any, Any]) -> str:
    """The worst that it says of itself."""
    words = [_word(document[key]) for key in _STATUS if key in document]
    by_verdict = {PartHealth("", word).verdict: word for word in words}
    return by_verdict[worst(list(by_verdict))] if words else ""


def _word(value: Any) -> str:
    return text_of(value).strip().lower()[:80]


def _detail(result: Mapping[Any, Any]) -> str:
    return text_of(next((result[key] for key in _DETAIL if result.get(key)), ""))


def _joined(*names: Any) -> str:
    return ": ".join(text_of(name) for name in names if name)
