"""What a consolidation depends on: the layout of its table, and the latency of the services that it calls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import perf_counter

from lib.consolidation.upkeep.day_profiles import rows_of_date
from lib.errors import CouldNotLook
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.ports.jobs import TableLayout
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, facts, section
from lib.words.nouns import counted
from lib.words.quantities import Value, percent, seconds, size_in_bytes, spoken_bytes, spoken_seconds

TABLE_LAYOUT = Question(
    "table_layout",
    "Table layout",
    affects="all consolidations, once the table is so large that each is refused",
    can_wait="yes, until the table reaches that size",
)
ROUND_TRIPS = Question(
    "latency",
    "Latency",
    affects="each consolidation: it makes dozens of requests",
    can_wait="yes: it costs time but loses no rows",
)
WAREHOUSE = Question(
    "latency_of_warehouse",
    "Warehouse latency",
    affects="each consolidation: it makes dozens of requests",
    can_wait="yes: it costs time but loses no rows",
)
LOCK_SERVICE = Question(
    "latency_of_lock_service",
    "Lock service latency",
    affects="each consolidation: it renews its lease there",
    can_wait="yes, as long as leases are renewed in time",
)
LOGS = Question(
    "latency_of_logs",
    "Log latency",
    affects="the checks that read logs",
    can_wait="yes: no row depends on it",
)

_NEAR_LIMIT = 0.5
_SLOW_SECONDS = 5.0


@section(TABLE_LAYOUT)
def table_layout(scope: Scope) -> Section:
    """Report whether the table is partitioned by its date, and how much a MERGE reads."""
    platform = scope.platform
    layout = platform.activity.layout(platform.table.table)
    of_date = rows_of_date(platform.warehouse, platform.table, scope.game_date)
    stored = {
        "rows": layout.rows,
        f"rows of {scope.game_date}": of_date,
        "size": spoken_bytes(layout.size_bytes),
        "partitioned by": layout.partition_column or "nothing",
        "a MERGE reads about": spoken_bytes(bytes_of_merge(platform, layout, of_date)),
    }
    table = facts(f"Layout of {platform.table.table}", stored)
    return Section((_layout_check(platform, layout, of_date),), (table,))


def is_pruned(platform: Platform, layout: TableLayout) -> bool:
    """Whether a MERGE of one date reads only that date."""
    return layout.partition_column == platform.table.date_column


def bytes_of_merge(platform: Platform, layout: TableLayout, of_date: int) -> int | None:
    """Return how much of the main table a MERGE reads at most; None: the warehouse does not report bytes."""
    return bytes_of_date(layout, of_date) if is_pruned(platform, layout) else layout.size_bytes


def bytes_of_date(layout: TableLayout, of_date: int) -> int | None:
    """Return the date's share of the table in bytes; None: the warehouse does not report bytes."""
    return None if layout.size_bytes is None else round(layout.size_bytes * of_date / max(layout.rows, 1))


def _layout_check(platform: Platform, layout: TableLayout, of_date: int) -> Check:
    share = 100 * of_date / max(layout.rows, 1)
    evidence: dict[str, Value] = {
        "rows": layout.rows,
        "rows of the date": of_date,
        "rows of the date, share": percent(share),
        "size": size_in_bytes(layout.size_bytes),
        "read by a MERGE": size_in_bytes(bytes_of_merge(platform, layout, of_date)),
    }
    question = TABLE_LAYOUT.on(evidence)
    if not layout.has_partitions:
        return question.passes(
            f"{counted(layout.rows, 'row')}; this platform has no partitions and does not bill reads"
        )
    column, read = platform.table.date_column, evidence["read by a MERGE"]
    if is_pruned(platform, layout):
        return question.passes(f"partitioned by {column}: a MERGE reads about {read}")
    summary = f"not partitioned by {column}: each MERGE scans the whole table, {read}, for {share:.1f}% of its rows"
    limit = platform.environment.google.maximum_bytes_billed
    if limit and (layout.size_bytes or 0) > limit * _NEAR_LIMIT:
        step = f"Above google.maximum_bytes_billed, {spoken_bytes(limit)}, consolidations are refused: partition it."
        return question.warns(summary, step)
    return question.passes(summary)


@section(ROUND_TRIPS)
def round_trips(scope: Scope) -> Section:
    """Time one small request to each service from here. A service that runs elsewhere may see other latencies."""
    platform, coordinator = scope.platform, scope.platform.environment.services.coordinator
    asked: tuple[tuple[Question, Callable[[], object]], ...] = (
        (WAREHOUSE, lambda: platform.warehouse.query("SELECT 1 AS answered")),
        (LOCK_SERVICE, lambda: platform.locks.locks()),
        (LOGS, lambda: platform.logs.newest(coordinator, since=datetime.now(UTC) - timedelta(hours=1))),
    )
    has_logs = platform.environment.services.is_named
    return Section(tuple(_timed(question, ask) for question, ask in asked if has_logs or question is not LOGS))


def _timed(question: Question, ask: Callable[[], object]) -> Check:
    started = perf_counter()
    try:
        ask()
    except CouldNotLook as error:
        return question.could_not_look(error)
    taken = perf_counter() - started
    question = question.on({"answered in": seconds(taken)})
    if taken >= _SLOW_SECONDS:
        step = "A consolidation makes dozens of requests. Check the network and the cloud's status page."
        return question.warns(f"slow: {spoken_seconds(taken)} for one request", step)
    return question.passes(f"{taken * 1000:,.0f} ms")
