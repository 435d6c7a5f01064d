"""Metrics of an environment: locks, consolidations and their durations, duplicates, and the staging backlog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from lib.consolidation.staging import staging_backlog
from lib.consolidation.upkeep.duplicates import count_duplicates
from lib.consolidation.upkeep.totals import ledger_totals
from lib.errors import CouldNotLook
from lib.operations.logs.history import LogHistory
from lib.operations.logs.timeline import Consolidation
from lib.platform import Platform
from lib.words.dates import resolve_game_date

_WINDOW = timedelta(hours=24)
_PHASES: dict[str, Callable[[Consolidation], float | None]] = {
    "lock_wait": lambda run: run.lock_wait_seconds,
    "merge": lambda run: run.merge_seconds,
    "validation": lambda run: run.validation_seconds,
}


@dataclass(frozen=True)
class TableMetrics:
    """Metrics of an environment's table, which is read on each scrape.

    If a source cannot be read, its families are left out and ``consolidation_source_up`` is 0: an unknown value is
    never sent as 0.

    Attributes:
        platform: The environment.
        now: The time of the scrape (UTC).
    """

    platform: Platform
    now: datetime

    def families(self) -> Iterator[Metric]:
        up = _gauge("consolidation_source_up", "Whether a source of these metrics could be read.", "source")
        sources = {
            "locks": self._locks,
            "ledger": self._ledger,
            "logs": self._logs,
            "table": self._duplicates,
            "staging": self._staging,
        }
        for source, ask in sources.items():
            try:
                found = list(ask())
            except CouldNotLook:
                found = []
                up.add_metric([self.platform.name, source], 0)
            else:
                up.add_metric([self.platform.name, source], 1)
            yield from found
        yield up

    def _locks(self) -> Iterator[Metric]:
        held = [seen for seen in self.platform.locks.locks() if seen.record]
        count = _gauge("consolidation_locks", "Locks, by whether they are held or their lease has expired.", "state")
        oldest = _gauge("consolidation_lock_oldest_age_seconds", "Age of the oldest lock; 0 if there is none.")
        expired = sum(seen.is_expired for seen in held)
        count.add_metric([self.platform.name, "held"], len(held) - expired)
        count.add_metric([self.platform.name, "expired"], expired)
        ages = [(seen.read_at - seen.record.acquired_at).total_seconds() for seen in held if seen.record]
        oldest.add_metric([self.platform.name], max(ages, default=0.0))
        yield from (count, oldest)

    def _ledger(self) -> Iterator[Metric]:
        totals = ledger_totals(self.platform.warehouse, self.platform.table)
        runs = _counter("consolidation_committed", "Consolidations in the ledger.")
        rows = _counter("consolidation_rows", "Rows of these consolidations, by what happened to them.", "rows")
        last = _gauge("consolidation_last_commit_timestamp_seconds", "When the newest of them was committed.")
        runs.add_metric([self.platform.name], totals.runs)
        for name, number in totals.rows.items():
            rows.add_metric([self.platform.name, name], number)
        if totals.newest:
            last.add_metric([self.platform.name], totals.newest.timestamp())
        yield from (runs, rows, last)

    def _logs(self) -> Iterator[Metric]:
        history = LogHistory(self.platform, self.now - _WINDOW, self.now)
        attempts = _gauge("consolidation_attempts", "Consolidations of the last 24 hours, by how they ended.", "ended")
        phases = _gauge(
            "consolidation_phase_seconds", "Median and longest phases of the last 24 hours.", "phase", "quantile"
        )
        for progress, number in Counter(map(history.progress, history.consolidations)).items():
            attempts.add_metric([self.platform.name, progress.replace(" ", "_")], number)
        for phase, seconds_of in _PHASES.items():
            took = [seconds for run in history.consolidations if (seconds := seconds_of(run)) is not None]
            if took:
                phases.add_metric([self.platform.name, phase, "0.5"], median(took))
                phases.add_metric([self.platform.name, phase, "1"], max(took))
        yield from (attempts, phases)

    def _duplicates(self) -> Iterator[Metric]:
        today = resolve_game_date("today", self.platform.environment.timezone, now=self.now)
        since = today - timedelta(days=1)
        keys = _gauge("consolidation_duplicate_keys", "Keys with several rows, today and yesterday.", "day")
        rows = _gauge("consolidation_table_rows", "Rows that readers see, today and yesterday.", "day")
        counts = {
            count.game_date: count
            for count in count_duplicates(self.platform.warehouse, self.platform.table, since, today)
        }
        for day, name in ((since, "yesterday"), (today, "today")):
            count = counts.get(day)
            keys.add_metric([self.platform.name, name], count.duplicate_keys if count else 0)
            rows.add_metric([self.platform.name, name], count.rows if count else 0)
        yield from (keys, rows)

    def _staging(self) -> Iterator[Metric]:
        waiting = [batch for batch in staging_backlog(self.platform.warehouse, self.platform.table) if batch.waiting]
        tables = _gauge("consolidation_backlog_tables", "Staging tables that the ledger does not list as merged.")
        rows = _gauge("consolidation_backlog_rows", "Rows of these staging tables.")
        oldest = _gauge(
            "consolidation_backlog_oldest_age_seconds", "Time since the oldest of them was written; 0 if there is none."
        )
        found = [table for batch in waiting for table in batch.waiting]
        ages = [(self.now - table.changed_at).total_seconds() for table in found if table.changed_at]
        tables.add_metric([self.platform.name], len(found))
        rows.add_metric([self.platform.name], sum(table.rows for table in found))
        oldest.add_metric([self.platform.name], max(ages, default=0.0))
        yield from (tables, rows, oldest)


def _gauge(name: str, about: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, about, labels=["environment", *labels])


def _counter(name: str, about: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, about, labels=["environment", *labels])
