"""Masking secrets in large output: its speed, and whether its time is linear even for hostile text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from time import process_time

from bench.measure import Sample
from bench.result import Ratio, Result, compared
from bench.setting import Setting
from lib.words.secrets.redaction import Redactor

_LINE = (
    "2026-01-17T12:00:00.123Z INFO worker-7 🔒 Acquiring consolidation lock for game_date=2026-01-17, "
    "batch=20260117_120000 token=1768650000{:06} rows=587\n"
)
_KNOWN = frozenset(f"s3cr3t-v@lue-{number}" for number in range(20))
# A typical handwritten pattern, which knows neither values nor formats.
_USUAL = re.compile(r"(?i)(?:password|passwd|secret|token|api[_-]?key)\s*[=:]\s*\S+")
# A quadratic search would take four times as long for twice the text.
_MOST_GROWTH = 3.0
# Starts of secrets that never end.
_HOSTILE = ("password='", "token: ", "token={", "a://b:", "authorization", "mysql", "eyJ", "<token>", '\\"', "&quot;")


def results(setting: Setting) -> Iterator[Result]:
    megabytes = 4 if setting.quick else 40
    lines = "".join(_LINE.format(number % 1_000_000) for number in range(megabytes * 1_000_000 // len(_LINE)))
    for what, text in (("of log lines", lines), ("in one line", lines.replace("\n", " "))):
        yield compared(
            f"masking {megabytes} MB {what}, with 20 known values, CPU time",
            "a regular expression for five names, in one pass",
            Ratio(5),
            partial(_masked, text),
            partial(_substituted, text),
            rounds=setting.rounds(5),
        )
    growth = max(
        _masked(unit * (400_000 // len(unit))).seconds / _masked(unit * (200_000 // len(unit))).seconds
        for unit in _HOSTILE
    )
    yield Result(
        "masking twice as much hostile text",
        "-",
        f"{growth:.1f} times as long",
        "",
        f"under {_MOST_GROWTH} times",
        f"{growth:.1f} times",
        growth < _MOST_GROWTH,
    )


def _masked(text: str) -> Sample:
    redactor = Redactor(values=_KNOWN)
    redactor.text("")
    started = process_time()
    redactor.text(text)
    return Sample(process_time() - started)


def _substituted(text: str) -> Sample:
    started = process_time()
    _USUAL.sub("[masked]", text)
    return Sample(process_time() - started)
