"""Evaluates the part of the Logging query language that the reader uses, as documented.

AND, OR, NOT and parentheses; ``=``, ``:`` (has, ignoring case), ``>=``, ``<`` on a
field, with one value or an OR of values; ``log_id()``. Any other query, or one
that hostile text has broken, is a `ValueError`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from google.logging.type.log_severity_pb2 import LogSeverity

LONGEST_QUERY = 20_000

_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|(>=|[()=:<])|([A-Za-z_][\w.]*))', re.DOTALL)


def matches(query: str, entry: Any) -> bool:
    """Return whether a filter matches an entry, a protobuf message."""
    if len(query) > LONGEST_QUERY:
        raise ValueError("the query is too long")
    return _Evaluation(_tokens(query), entry).result()


def _tokens(query: str) -> list[str]:
    tokens, position = [], 0
    while position < len(query.rstrip()):
        found = _TOKEN.match(query, position)
        if found is None:
            raise ValueError(f"not a query: {query[position:]!r:.80}")
        tokens.append(next(filter(None, found.groups())))
        position = found.end()
    return tokens


class _Evaluation:
    def __init__(self, tokens: list[str], entry: Any) -> None:
        self._tokens = tokens
        self._entry = entry

    def result(self) -> bool:
        value = self._both(self._comparison)
        if self._tokens:
            raise ValueError(f"unexpected {self._tokens[0]!r}")
        return value

    def _next(self, expected: str = "") -> str:
        token = self._tokens.pop(0) if self._tokens else ""
        if not token or (expected and token != expected):
            raise ValueError(f"{token!r} where {expected or 'more'} was expected")
        return token

    def _takes(self, token: str) -> bool:
        if self._tokens[:1] != [token]:
            return False
        self._tokens.pop(0)
        return True

    def _both(self, term: Callable[[], bool]) -> bool:
        # OR takes precedence over AND in this language.
        value = self._either(term)
        while self._takes("AND"):
            value = self._either(term) and value
        return value

    def _either(self, term: Callable[[], bool]) -> bool:
        value = term()
        while self._takes("OR"):
            value = term() or value
        return value

    def _comparison(self) -> bool:
        if self._takes("NOT"):
            return not self._comparison()
        if self._takes("("):
            value = self._both(self._comparison)
            self._next(")")
            return value
        field = self._next()
        if field == "log_id":
            self._next("(")
            log = _text(self._next())
            self._next(")")
            return unquote(self._entry.log_name).endswith(f"/logs/{log}")
        operator, actual = self._next(), self._field(field)
        return self._values(lambda: _compare(operator, actual, self._next()))

    def _values(self, compare: Callable[[], bool]) -> bool:
        if not self._takes("("):
            return compare()
        value = self._either(compare)
        self._next(")")
        return value

    def _field(self, name: str) -> Any:
        raw = self._entry
        fields: dict[str, Callable[[], Any]] = {
            "resource.type": lambda: raw.resource.type,
            "resource.labels.service_name": lambda: raw.resource.labels.get("service_name"),
            "textPayload": lambda: raw.text_payload if raw.HasField("text_payload") else None,
            "jsonPayload.message": lambda: (
                dict(raw.json_payload).get("message") if raw.HasField("json_payload") else None
            ),
            "timestamp": lambda: raw.timestamp.ToDatetime(tzinfo=None),
            "severity": lambda: raw.severity,
        }
        return fields[name]()


def _compare(operator: str, actual: Any, token: str) -> bool:
    if actual is None:
        return False
    if operator == ":":
        return _text(token).casefold() in str(actual).casefold()
    if operator == "=":
        return str(actual).casefold() == _text(token).casefold()
    wanted: Any = (
        datetime.fromisoformat(_text(token)).replace(tzinfo=None)
        if isinstance(actual, datetime)
        else LogSeverity.Value(token)
    )
    return bool(actual >= wanted if operator == ">=" else actual < wanted)


def _text(token: str) -> str:
    if not token.startswith('"'):
        raise ValueError(f"{token!r} is not a quoted text")
    return re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL)
