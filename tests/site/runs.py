"""Archived runs without running anything: ordinary nights, and hostile text everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from lib.archive.archive import Archive
from lib.archive.record import Origin, Outcome, RunError, RunRecord, RunStatus
from lib.verdict.change import Change
from lib.verdict.check import Question
from lib.verdict.conclusion import Conclusion
from lib.verdict.verdict import Verdict
from lib.words.quantities import Quantity, Value, seconds

START = datetime(2026, 11, 24, 19, 0, tzinfo=UTC)
UNDO = "runbook repair undo --game-date 2026-11-24 --backup _repair_backup_2026_11_24_4198aef0"
REPAIR = Change(
    action="repair", target="2026-11-24", what="15 rows removed", actor="ana", reason="the race left them", undo=UNDO
)
TITLES = {
    "day1_monitoring": "Is the fix holding?",
    "deploy_verify": "Is the deployment good?",
    "daily_quality": "Are the day's rows what they should be?",
    "stuck_lock_release": "Is a lock stuck?",
    "duplicate_diagnosis": "Where do the duplicates come from?",
}
HOSTILE = (
    "<script>alert('boo')</script>",
    "\"><img src=x onerror=alert(1)>' onmouseover='alert(2)",
    "]]> --> </title></style><svg onload=alert(3)>",
    "javascript:alert(4) https://evil.example/x.js",
    "\u202egpj.exe\u2066 \x00\x1b[31m \u2028 \\ \u0085",
    "{{ 7 * 7 }}{% raw %} &amp;#60; %3Cb%3E",
    "🏀 " + "A" * 400,
)
# Valid names of folders that are not valid names of runbooks.
HOSTILE_RUNBOOKS = ("<img src=x onerror=alert(1)>", "a'b\"c&d#e?f%2e;g h", "_\u202e🏀")


def record(
    verdict: Verdict = Verdict.PASS,
    *,
    runbook: str = "day1_monitoring",
    environment: str = "local",
    started_at: datetime = START,
    headline: str = "",
    status: RunStatus = RunStatus.COMPLETED,
    error: RunError | None = None,
    parameters: Mapping[str, Any] | None = None,
    evidence: Mapping[str, Value] | None = None,
    next_step: str = "",
    origin: Origin | None = None,
    changed: tuple[Change, ...] = (),
    timezone: str = "America/New_York",
) -> RunRecord:
    """Return a run that ended after 4.2 s; with status RUNNING, it still runs on another machine."""
    begun = RunRecord(
        run_id="",
        runbook=runbook,
        title=TITLES.get(runbook, runbook),
        environment=environment,
        timezone=timezone,
        parameters=parameters or {"game_date": f"{started_at:%Y-%m-%d}"},
        started_at=started_at,
        heartbeat_at=started_at,
        code_version="v1",
        versions={},
        who="operator",
        host="another-machine",
        pid=1,
        origin=origin or Origin(),
    )
    if status is RunStatus.RUNNING:
        return begun
    headline = headline or ("All 3 checks passed" if verdict is Verdict.PASS else f"Duplicates: it is {verdict}")
    check = Question("duplicates", "Duplicates", evidence or {}).answer(verdict, headline, next_step)
    conclusion = Conclusion((check,), headline) if status is RunStatus.COMPLETED else None
    return begun.finished(Outcome(status, headline, conclusion, error, changed), started_at + timedelta(seconds=4.2))


def archive_run(archive: Archive, run: RunRecord) -> str:
    """Archive a run and return its place."""
    return archive.begin(run).place


def many_runs(count: int, seed: int = 0) -> Iterator[RunRecord]:
    """Archive this many runs, the newest at `START`, mostly PASS, one in ten with hostile text."""
    random = Random(seed)
    for number in range(count):
        at = START - timedelta(minutes=53 * number)
        hostile = random.choice(HOSTILE) if random.random() < 0.1 else ""
        verdict = random.choices(list(Verdict), [16, 2, 1, 1])[0]
        stopped = verdict is Verdict.UNKNOWN and random.random() < 0.5
        duplicates = random.randint(1, 40) if verdict is Verdict.FAIL else 0
        yield record(
            verdict,
            runbook=random.choice(list(TITLES)),
            environment=random.choice(["production", "local"]),
            started_at=at,
            headline=hostile,
            status=RunStatus.TIMED_OUT if stopped else RunStatus.COMPLETED,
            parameters={"game_date": f"{at:%Y-%m-%d}", "reason": hostile},
            evidence={
                "duplicate keys": duplicates,
                "longest": seconds(random.uniform(5, 30)),
                "rows": Quantity(random.randint(1_500, 1_700), "rows"),
                f"label {hostile}": hostile,
            },
            changed=(replace(REPAIR, reason=hostile, target=hostile),) if verdict is Verdict.WARN else (),
            next_step=f"{hostile} runbook run duplicate_diagnosis -p game_date={at:%Y-%m-%d}",
        )
