"""How long the warehouse, the lock service and the logs take to answer (guide: network connectivity)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import TYPE_CHECKING

from lib.errors import CouldNotLook
from lib.verdict.check import Check
from lib.verdict.section import Section, could_not_look
from lib.verdict.verdict import Verdict
from lib.words.durations import spoken_seconds

if TYPE_CHECKING:
    from lib.platform import Platform

_SLOW_SECONDS = 5.0


def round_trips(platform: Platform) -> Section:
    """One small request to each, timed from here. A service elsewhere may have another way to them."""
    coordinator = platform.environment.services.coordinator
    asked: dict[str, Callable[[], object]] = {
        "warehouse": lambda: platform.warehouse.query("SELECT 1 AS answered"),
        "lock service": lambda: platform.locks.locks(),
        "logs": lambda: platform.logs.newest(coordinator, since=datetime.now(UTC) - timedelta(hours=1)),
    }
    return Section(tuple(_check(f"Way to the {name}", ask) for name, ask in asked.items()))


def _check(name: str, ask: Callable[[], object]) -> Check:
    started = perf_counter()
    try:
        ask()
    except CouldNotLook as error:
        return could_not_look(name, error)
    seconds = perf_counter() - started
    if seconds >= _SLOW_SECONDS:
        step = "A consolidation makes dozens of requests. See the network, and the status of the cloud."
        return Check(name, Verdict.WARN, f"slow: an answer took {spoken_seconds(seconds)}", {}, step)
    return Check(name, Verdict.PASS, f"answers in {seconds * 1000:,.0f} ms")
