"""Two weeks of consolidations before the fix and two after it: their log lines and rows.

The old code logged only its MERGE, which took 5 to 30 s. The new code logs every step; a whole consolidation takes 6
to 32 s, and waits first while another one of its date is running.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from lib.platform import Platform
from lib.ports.logs import LogEntry
from rehearsal.slates import Slate, slate_of
from rehearsal.stage import NEW_COORDINATOR, OLD_COORDINATOR, batch_name, embedded_warehouse, insert_rows

DAYS_BEFORE = DAYS_AFTER = 14

_STARTS = {"batch": time(11), "linecheck": time(14), "regen": time(17)}
_CHANCE_OF_RIVAL = 0.15
_FIX_DEPLOYED = time(5)


@dataclass(frozen=True)
class PastConsolidation:
    """A consolidation that exists only in the log; durations are in seconds."""

    batch_id: str
    game_date: date
    started_at: datetime
    rows: int
    staging_tables: int
    merge_seconds: float
    overhead_seconds: float
    validation_seconds: float
    waited_seconds: float = 0.0

    @property
    def ended_at(self) -> datetime:
        worked = self.waited_seconds + self.overhead_seconds + self.merge_seconds + self.validation_seconds
        return self.started_at + timedelta(seconds=worked)


def fix_deployed_at(platform: Platform, today: date) -> datetime:
    """Return when the fix was deployed in the history of that day (UTC)."""
    day = today - timedelta(days=DAYS_AFTER + 1)
    return datetime.combine(day, _FIX_DEPLOYED, ZoneInfo(platform.environment.timezone)).astimezone(UTC)


class History(NamedTuple):
    """The number of consolidations before and after the fix, and of rows."""

    before: int
    after: int
    rows: int


def write_history(platform: Platform, today: date, *, seed: int = 0) -> History:
    """Log four weeks of consolidations up to the day before yesterday, and insert each date's last batch.

    Args:
        platform: An embedded platform.
        today: The date in the environment's zone.
        seed: The same seed gives the same figures on any day.
    """
    from lib.embedded.logs import append_entries

    generator = random.Random(seed)  # noqa: S311
    zone = ZoneInfo(platform.environment.timezone)
    first_fixed = today - timedelta(days=DAYS_AFTER + 1)
    service = platform.environment.services.coordinator
    entries: list[LogEntry] = []
    rows: list[dict[str, Any]] = []
    before = after = 0
    for offset in range(-DAYS_BEFORE, DAYS_AFTER):
        game_date = first_fixed + timedelta(days=offset)
        slate = slate_of(game_date, seed=seed)
        for done in _consolidations_of(slate, zone, generator, is_fixed=offset >= 0):
            before, after = before + (offset < 0), after + (offset >= 0)
            entries += _lines(done, service) if offset >= 0 else [_old_line(done, service)]
        rows += slate.predict(done.batch_id, generated_at=done.started_at)
    insert_rows(platform, rows)
    append_entries(embedded_warehouse(platform).path.parent, service, entries)
    return History(before, after, len(rows))


def append_past(platform: Platform, done: Iterable[PastConsolidation]) -> None:
    """Log consolidations of the fixed code, at any time."""
    from lib.embedded.logs import append_entries

    service = platform.environment.services.coordinator
    entries = [line for consolidation in done for line in _lines(consolidation, service)]
    append_entries(embedded_warehouse(platform).path.parent, service, entries)


def _consolidations_of(
    slate: Slate, zone: ZoneInfo, generator: random.Random, *, is_fixed: bool
) -> Iterator[PastConsolidation]:
    """The day's batches; since the fix, some have to wait for another one."""
    for kind, start in _STARTS.items():
        local = datetime.combine(slate.game_date, start, zone) + timedelta(seconds=generator.uniform(0, 3600))
        first = _consolidation(kind, slate, local.astimezone(UTC), generator)
        yield first
        if is_fixed and generator.random() < _CHANCE_OF_RIVAL:
            yield _waiting_for(first, slate, generator)


def _consolidation(kind: str, slate: Slate, started_at: datetime, generator: random.Random) -> PastConsolidation:
    return PastConsolidation(
        batch_id=batch_name(kind, slate.game_date, started_at=started_at),
        game_date=slate.game_date,
        started_at=started_at,
        rows=slate.rows,
        staging_tables=generator.randint(15, 175),
        merge_seconds=min(29.5, max(5.0, generator.lognormvariate(2.2, 0.4))),
        overhead_seconds=generator.uniform(0.4, 0.9),
        validation_seconds=generator.uniform(0.6, 1.5),
    )


def _waiting_for(first: PastConsolidation, slate: Slate, generator: random.Random) -> PastConsolidation:
    started_at = first.started_at + timedelta(seconds=generator.uniform(0.2, 3))
    rival = _consolidation("linecheck", slate, started_at, generator)
    return replace(rival, waited_seconds=(first.ended_at - started_at).total_seconds())


def _old_line(done: PastConsolidation, service: str) -> LogEntry:
    return LogEntry(done.ended_at, _merge_complete(done), service, OLD_COORDINATOR, "coordinator-1")


def _lines(done: PastConsolidation, service: str) -> Iterator[LogEntry]:
    key = f"consolidation_{done.game_date}"
    batch = f"batch={done.batch_id}"
    acquired = done.waited_seconds + 0.005
    merged = acquired + done.overhead_seconds + done.merge_seconds
    validated = merged + done.validation_seconds
    steps = [
        (0.0, f"🔒 Acquiring consolidation lock for game_date={done.game_date}, {batch}"),
        (acquired, f"✅ Acquired consolidation lock: {key} ({batch}, timeout=300s)"),
        (
            acquired + done.overhead_seconds,
            f"🔄 Executing MERGE for {batch} with {done.staging_tables} staging tables",
        ),
        (merged, _merge_complete(done)),
        (merged + 0.001, f"🔍 Running post-consolidation validation for game_date={done.game_date}..."),
        (validated, "✅ Post-consolidation validation PASSED (0 duplicates)"),
        (validated + 0.02, f"🔓 Released consolidation lock: {key} ({batch})"),
    ]
    instance = f"coordinator-{1 + (done.waited_seconds > 0)}"
    for seconds, line in steps:
        at = done.started_at + timedelta(seconds=seconds)
        yield LogEntry(at, line, service, NEW_COORDINATOR, instance)


def _merge_complete(done: PastConsolidation) -> str:
    return f"✅ MERGE complete: {done.rows} rows affected in {done.merge_seconds * 1000:.1f}ms (batch={done.batch_id})"
