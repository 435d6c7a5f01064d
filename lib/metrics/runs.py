"""Metrics of the archive: each runbook's last verdict and its age, and missed runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from lib.archive.archive import Archive, Run
from lib.schedule.expected import expected_runs
from lib.verdict.verdict import Verdict

# How many of a runbook's newest runs are searched for its last PASS; an older PASS is not reported.
_MOST_READ = 50
_OF = ["environment", "runbook"]


@dataclass(frozen=True)
class RunMetrics:
    """Metrics of the archive, which is read on each scrape.

    Attributes:
        archive: The archive.
        now: The time of the scrape (UTC).
    """

    archive: Archive
    now: datetime

    def families(self) -> Iterator[Metric]:
        """Yield the metrics. Raises `Unavailable` if the archive cannot be read."""
        verdicts = GaugeMetricFamily(
            "runbook_verdict", "1 for the last verdict of a runbook.", labels=[*_OF, "verdict"]
        )
        ended = GaugeMetricFamily("runbook_last_run_timestamp_seconds", "When its last run ended.", labels=_OF)
        passed = GaugeMetricFamily("runbook_last_pass_timestamp_seconds", "When its last PASS ended.", labels=_OF)
        for of, places in self._by_runbook().items():
            runs = list(self._down_to_a_pass(places))
            for verdict in Verdict if runs else ():
                verdicts.add_metric([*of, verdict], float(verdict is runs[0].record.verdict))
            if runs:
                ended.add_metric(of, _ended_at(runs[0]))
            if runs and runs[-1].record.verdict is Verdict.PASS:
                passed.add_metric(of, _ended_at(runs[-1]))
        yield from (verdicts, ended, passed, self._overdue())

    def _by_runbook(self) -> dict[tuple[str, str], list[str]]:
        """Return the places of each runbook's newest runs."""
        found: dict[tuple[str, str], list[str]] = {}
        for place in self.archive.places():
            environment, runbook, _ = place.split("/")
            places = found.setdefault((environment, runbook), [])
            if len(places) < _MOST_READ:
                places.append(place)
        return found

    def _down_to_a_pass(self, places: list[str]) -> Iterator[Run]:
        """Yield runs that have a verdict, newest first, up to and including the last PASS."""
        for place in places:
            run = self.archive.read(place)
            if isinstance(run, Run) and run.record.verdict is not None:
                yield run
                if run.record.verdict is Verdict.PASS:
                    return

    def _overdue(self) -> Metric:
        about = "Planned runs that were missed, and paused entries."
        family = GaugeMetricFamily("runbook_overdue_firings", about, labels=["environment", "entry"])
        missed = expected_runs(self.archive.store, self.now).missed
        for labels, number in Counter((run.entry.environment, run.entry.name) for run in missed).items():
            family.add_metric(labels, number)
        return family


def _ended_at(run: Run) -> float:
    return (run.record.finished_at or run.record.started_at).timestamp()
