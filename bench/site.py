"""An archive of many runs: building its site, adding a run, verifying and searching."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.measure import Side, python
from bench.result import Result, within
from bench.setting import Setting
from lib.archive.archive import RECORD, REPORT, Archive
from lib.archive.chain import Chain, Event, Fingerprint
from lib.archive.local_store import LocalStore
from lib.archive.record import RUN_ID_MOMENT, Outcome, RunRecord, RunStatus, to_json
from lib.verdict.check import Question
from lib.verdict.conclusion import Conclusion
from lib.verdict.verdict import Verdict

_START = datetime(2026, 1, 1, tzinfo=UTC)
_RUNBOOKS = ("day1_monitoring", "daily_quality", "deploy_verify", "week2_performance_review")
_RUNS = 50_000
_ARCHIVE = """
from lib.archive.archive import Archive
from lib.archive.search import Selection, searched
from lib.archive.verification import verify
from lib.site.build import build_site
archive = Archive()
build_site(Archive(f"{archive.store.address('')}/../empty"))
"""


def results(setting: Setting) -> Iterator[Result]:
    runs = _RUNS // 10 if setting.quick else _RUNS
    archive = Archive(setting.variables["RUNBOOK_OUTPUTS"])
    archive.store = _Unsynced(Path(setting.variables["RUNBOOK_OUTPUTS"]))
    for number in range(runs):
        _file(archive, number)
    yield _row(setting, runs, "first build of the site", 10, "build_site(archive, fresh=True)")
    more = []
    for number in range(runs, runs + setting.rounds(5)):
        _file(archive, number)
        more.append(python(_ARCHIVE, "build_site(archive)", variables=setting.variables))
    yield within(f"archive of {runs:,} runs: site with one more run", 1, Side(more))
    yield _row(setting, runs, "verify", 8, "assert verify(archive).exit_code == 0")
    nowhere = "assert searched(archive, Selection(), {!r}, 20) == ([], 0)"
    yield _row(setting, runs, "search for a word that is nowhere", 2, nowhere.format("nowhere"))
    yield _row(setting, runs, "search for a number that is nowhere", 2, nowhere.format("77777"))


def _row(setting: Setting, runs: int, what: str, most_seconds: float, measured: str) -> Result:
    samples = [python(_ARCHIVE, measured, variables=setting.variables) for _ in range(setting.rounds(3))]
    return within(f"archive of {runs:,} runs: {what}", most_seconds * runs / _RUNS, Side(samples))


class _Unsynced(LocalStore):
    """A store that does not sync to disk, which is not part of the benchmark; there are no other writers."""

    def create(self, name: str, content: bytes) -> bool:
        self.write(name, content)
        return True


def _file(archive: Archive, number: int) -> None:
    """File and seal an hourly run with ten checks with figures; one run in twenty is a FAIL."""
    at = _START + timedelta(hours=number)
    verdict = Verdict.FAIL if number % 20 == 0 else Verdict.PASS
    checks = [
        Question(f"check_{chr(ord('a') + i)}", f"Check {i}", {"keys": number % 17}).answer(
            verdict if i == 0 else Verdict.PASS, f"{number % 17 + i} keys of 587"
        )
        for i in range(10)
    ]
    conclusion = Conclusion(tuple(checks), checks[0].summary)
    record = RunRecord(
        run_id=f"{at:{RUN_ID_MOMENT}}-{number % 16**4:04x}",
        runbook=_RUNBOOKS[number % len(_RUNBOOKS)],
        title="Monitoring",
        environment="production" if number % 3 else "local",
        timezone="America/New_York",
        parameters={"game_date": f"{at:%Y-%m-%d}"},
        started_at=at,
        heartbeat_at=at,
        code_version="v1",
        versions={},
        who="operator",
        host="host",
        pid=1,
    )
    ended = record.finished(Outcome(RunStatus.COMPLETED, conclusion.headline, conclusion), at + timedelta(seconds=3))
    place = f"{ended.environment}/{ended.runbook}/{ended.run_id}"
    files = {RECORD: to_json(ended), REPORT: b"<!doctype html><title>report</title>"}
    for name, content in files.items():
        archive.store.write(f"{place}/{name}", content)
    sealed = {name: Fingerprint.of(content) for name, content in files.items()}
    Chain(archive.store).append(Event.SEALED, place, sealed)
