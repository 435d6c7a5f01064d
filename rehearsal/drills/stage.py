"""The stage of a drill: a fresh embedded platform, and helpers for its scenes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib import places
from lib.consolidation.result import ConsolidationResult
from lib.platform import Platform, connect
from lib.ports.logs import LogEntry
from lib.settings_file import read_yaml
from lib.words.dates import resolve_game_date
from rehearsal.slates import Slate, slate_of
from rehearsal.stage import NEW_COORDINATOR, NEW_WORKER, batch_name, deploy_fix, insert_rows, run_sql, stage_batch

if TYPE_CHECKING:
    from lib.embedded.deployment import Deployment

BATCH_FILE = "batch_states.json"
_USUAL_TABLES = 15
_DEPLOYED_BEFORE = timedelta(hours=3)


@dataclass(frozen=True)
class Stage:
    """Where a drill takes place.

    Attributes:
        home: The state folder, empty at the start.
        environment: The drill's environment.
    """

    home: Path
    environment: str = "local"

    @cached_property
    def platform(self) -> Platform:
        return connect(self.environment)

    @cached_property
    def now(self) -> datetime:
        return datetime.now(UTC)

    @cached_property
    def today(self) -> date:
        return resolve_game_date("today", self.platform.environment.timezone, now=self.now)

    @property
    def of_today(self) -> dict[str, str]:
        """The parameters of a runbook for today."""
        return {"date": str(self.today)}

    @property
    def worker(self) -> str:
        return self.platform.environment.services.worker

    @property
    def coordinator(self) -> str:
        return self.platform.environment.services.coordinator

    def slate(self, day: date | None = None) -> Slate:
        """Return the slate of a date, today by default."""
        return slate_of(day or self.today)

    def stage(self, batch_id: str, rows: Sequence[Mapping[str, Any]], *, tables: int = _USUAL_TABLES) -> None:
        """Write a batch as the workers do.

        Args:
            batch_id: The batch.
            rows: Its rows.
            tables: Number of staging tables.
        """
        stage_batch(self.platform, rows, batch_id=batch_id, tables=tables)

    def consolidate(self, batch_id: str, day: date | None = None, *, cleanup: bool = True) -> ConsolidationResult:
        return self.platform.consolidator().consolidate_batch(
            batch_id=batch_id, game_date=day or self.today, cleanup=cleanup
        )

    def clean_night(self, day: date | None = None, *, kind: str = "batch") -> ConsolidationResult:
        """Stage and consolidate the date's slate under the lock."""
        batch_id = batch_name(kind, day or self.today)
        self.stage(batch_id, self.slate(day).predict(batch_id, generated_at=datetime.now(UTC)))
        return self.consolidate(batch_id, day)

    def past_dates(self, days: int, *, before: date | None = None) -> None:
        """Insert rows for earlier dates, written on their evenings, as the usual past."""
        until = before or self.today
        rows: list[dict[str, Any]] = []
        for number in range(1, days + 1):
            day = until - timedelta(days=number)
            written_at = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=22)
            rows += self.slate(day).predict("batch", generated_at=written_at)
        self.insert(rows)

    def insert(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows directly, without a consolidation."""
        insert_rows(self.platform, rows)

    def record_batches(self, *documents: Mapping[str, Any]) -> None:
        """Write the coordinator's documents of its batches, and name them in the drill's environment."""
        self.home.mkdir(exist_ok=True)
        (self.home / BATCH_FILE).write_text(json.dumps(documents, default=str), encoding="utf-8")
        self.change_environment(batch_state={"path": BATCH_FILE})

    def change_environment(self, **settings: Any) -> None:
        """Replace settings in the file of the drill's environment."""
        import yaml

        path = places.environments() / f"{self.environment}.yaml"
        path.write_text(yaml.safe_dump(read_yaml(path) | settings, sort_keys=False), encoding="utf-8")

    def run_sql(self, statement: str) -> None:
        """Run a GoogleSQL statement as if typed by hand."""
        run_sql(self.platform, statement)

    def log(
        self,
        service: str,
        lines: Iterable[str],
        *,
        at: datetime | None = None,
        instance: str = "instance-1",
        severity: str = "DEFAULT",
    ) -> None:
        """Log a service's lines, a second apart.

        Args:
            service: The service.
            lines: The lines.
            at: When the last line is logged, now by default.
            instance: The instance that logs them.
            severity: Their severity.
        """
        from lib.embedded.logs import append_entries

        said = list(lines)
        revision = {self.worker: NEW_WORKER, self.coordinator: NEW_COORDINATOR}[service]
        last = at or datetime.now(UTC)
        entries = [
            LogEntry(last - timedelta(seconds=len(said) - 1 - number), line, service, revision, instance, severity)
            for number, line in enumerate(said)
        ]
        append_entries(self.home, service, entries)

    def deploy(self) -> Deployment:
        """Deploy the fix to both services three hours ago. Returns the deployment, to change and save."""
        from lib.embedded.deployment import Deployment

        deploy_fix(self.platform, self.now - _DEPLOYED_BEFORE)
        return Deployment.load(self.home)
