"""Building the timeline of consolidations from a large log, compared with only reading its file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from bench.measure import python
from bench.result import Ratio, Result, compared
from bench.setting import Setting

_SERVICE = "prediction-coordinator"
_CONNECTED = """
from datetime import UTC, datetime
from lib.operations.logs.history import LogHistory
from lib.platform import connect
history = LogHistory(connect("local"), datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
"""
_OURS = "assert len(history.consolidations) > 100"
_TOLD = (
    "🔒 Acquiring consolidation lock for game_date=2026-01-02, batch={batch}",
    "✅ Acquired consolidation lock: consolidation_2026-01-02 (batch={batch}, timeout=300s)",
    "🔄 Executing MERGE for batch={batch} with 15 staging tables",
    "✅ MERGE complete: 587 rows affected in 812.3ms (batch={batch})",
    "🔍 Running post-consolidation validation for game_date=2026-01-02...",
    "✅ Post-consolidation validation PASSED (0 duplicates)",
    "🔓 Released consolidation lock: consolidation_2026-01-02 (batch={batch})",
)
# Parses each line as JSON, which any query of the log has to do.
_READ = """
with open({path!r}, encoding="utf-8") as file:
    assert sum("Acquired" in json.loads(line)["message"] for line in file) > 100
"""


def results(setting: Setting) -> Iterator[Result]:
    sizes = (20_000, 100_000) if setting.quick else (100_000, 1_000_000)
    for lines in sizes:
        part = Setting(setting.folder / str(lines), setting.quick)
        path = _written(part, lines)
        yield compared(
            f"timeline of {lines:,} log lines",
            "reading the file line by line as JSON",
            Ratio(3),
            partial(python, _CONNECTED, _OURS, variables=part.variables),
            partial(python, "import json", _READ.format(path=str(path))),
            rounds=setting.rounds(5),
            why="of the lines that matter here, one in ten, each becomes an entry and an event",
            rows=lines,
        )


def _written(setting: Setting, lines: int) -> Path:
    """A log of which one line in ten is of a consolidation, as on a busy day."""
    from lib.embedded.logs import append_entries, log_path
    from lib.ports.logs import LogEntry

    home = Path(setting.variables["RUNBOOK_HOME"])
    at = datetime(2026, 1, 2, tzinfo=UTC)
    for start in range(0, lines, 10_000):
        entries = []
        for number in range(start, min(start + 10_000, lines)):
            step, batch = number % 10, number // 70
            message = (
                _TOLD[number // 10 % len(_TOLD)].format(batch=f"batch_{batch}")
                if step == 0
                else f"GET /health 200 in {step} ms"
            )
            entries.append(LogEntry(at + timedelta(seconds=number), message, _SERVICE, "rev-1", "host:1", "INFO", {}))
        append_entries(home, _SERVICE, entries)
    return log_path(home, _SERVICE)
