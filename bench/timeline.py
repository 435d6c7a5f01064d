"""Building the timeline of consolidations from a large log, compared with only reading its file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from bench.measure import Work, in_turn, python
from bench.result import Ratio, Result, compared, from_sides, held
from bench.setting import Setting

_SERVICE = "prediction-coordinator"
_CONNECTED = """
from datetime import UTC, datetime
from lib.operations.logs.history import LogHistory
from lib.platform import connect
history = LogHistory(connect("local"), datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
dialects = history.dialects
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
# The minimum for any timeline: search each line for the words of all dialects, parse and keep those with a match,
# and apply the expressions of their line.
_SAME_CALLS = """
import ahocorasick, json, re
words = ahocorasick.Automaton()
for anchor in dialects.anchors:
    words.add_word(max(re.findall(r"[\\w :=()-]+", anchor, re.ASCII), key=len), True)
words.make_automaton()
kept = []
with open({path!r}, "rb") as file:
    for line in file:
        if next(words.iter(line.decode("latin-1")), None):
            kept.append(json.loads(line))
            found = dialects.found(kept[-1]["message"])
            dialects.values(found[0], kept[-1]["message"])
assert len(kept) > 100
"""
_SIMPLE, _FLOOR = "reading the file line by line as JSON", "the same search, parsing and expressions in a bare loop"
_SEARCH = (
    "searching each line for a hundred words takes as long as parsing it; the rest are the relevant lines, one in ten, "
    "which are parsed and matched with their dialect's expressions"
)
_JOINED = "each line becomes an entry and an event, is compared with its copies, and joined with its consolidation"
_KEPT = "relevant lines are kept for reports to quote; text with a symbol such as 🔒 takes four bytes per character"


def results(setting: Setting) -> Iterator[Result]:
    sizes = (20_000, 100_000) if setting.quick else (100_000, 1_000_000)
    for lines in sizes:
        part = Setting(setting.folder / str(lines), setting.quick)
        path = _written(part, lines, one_in=10)
        what, rounds, ours = f"timeline of {lines:,} log lines", setting.rounds(5), _timeline(part)
        simple = partial(python, "import json", _READ.format(path=str(path)))
        yield compared(what, _SIMPLE, Ratio(2.5), ours, simple, rounds=rounds, why=_SEARCH, rows=lines)
        sides = in_turn(ours, _bare_loop(part, path), rounds)
        yield from_sides(what, _FLOOR, Ratio(1.5), *sides, why=_JOINED, rows=lines)
    yield held(f"peak memory of a {what}", _FLOOR, Ratio(1.2), *sides, why=_KEPT)
    part = Setting(setting.folder / "all", setting.quick)
    path = _written(part, sizes[0], one_in=1)
    what = f"timeline of {sizes[0]:,} log lines, all about consolidations"
    yield compared(
        what, _FLOOR, Ratio(2), _timeline(part), _bare_loop(part, path), rounds=setting.rounds(5), why=_JOINED
    )


def _timeline(setting: Setting) -> Work:
    return partial(python, _CONNECTED, _OURS, variables=setting.variables)


def _bare_loop(setting: Setting, path: Path) -> Work:
    return partial(python, _CONNECTED, _SAME_CALLS.format(path=str(path)), variables=setting.variables)


def _written(setting: Setting, lines: int, *, one_in: int) -> Path:
    """Write a log where every line, or one in ten as on a busy day, is about a consolidation."""
    from lib.embedded.logs import append_entries, log_path
    from lib.ports.logs import LogEntry

    home = Path(setting.variables["RUNBOOK_HOME"])
    at = datetime(2026, 1, 2, tzinfo=UTC)
    for start in range(0, lines, 10_000):
        entries = []
        for number in range(start, min(start + 10_000, lines)):
            step, told = number % one_in, number // one_in
            message = (
                _TOLD[told % len(_TOLD)].format(batch=f"batch_{told // len(_TOLD)}")
                if step == 0
                else f"GET /health 200 in {step} ms"
            )
            entries.append(LogEntry(at + timedelta(seconds=number), message, _SERVICE, "rev-1", "host:1", "INFO", {}))
        append_entries(home, _SERVICE, entries)
    return log_path(home, _SERVICE)
