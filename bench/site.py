"""Building the site over many runs, and over one more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bench.measure import Side, python
from bench.result import Result, within
from bench.setting import Setting
from lib.archive.archive import Archive, Run
from lib.archive.record import Outcome, RunRecord, RunStatus
from lib.verdict.check import Question
from lib.verdict.conclusion import Conclusion
from lib.verdict.verdict import Verdict

_START = datetime(2026, 1, 1, tzinfo=UTC)
_RUNBOOKS = ("day1_monitoring", "daily_quality", "deploy_verify", "week2_performance_review")
_LISTINGS = (
    "every run's folder is listed twice, the second time to see what another builder did meanwhile, and the rows of "
    "all runs are read and kept as one file; the pages themselves take a fifth"
)
_ARCHIVE = """
from lib.archive.archive import Archive
from lib.site.build import build_site
archive = Archive()
build_site(Archive(f"{archive.store.address('')}/../empty"))
"""


def results(setting: Setting) -> Iterator[Result]:
    runs = 1_000 if setting.quick else 10_000
    variables = setting.variables
    archive = Archive(variables["RUNBOOK_OUTPUTS"])
    for number in range(runs):
        _file(archive, number)
    full = [python(_ARCHIVE, "build_site(archive, fresh=True)", variables=variables) for _ in range(setting.rounds(3))]
    yield within(f"site with {runs:,} runs, full build", 10 * runs / 10_000, Side(full))
    more = []
    for number in range(runs, runs + setting.rounds(5)):
        _file(archive, number)
        more.append(python(_ARCHIVE, "build_site(archive)", variables=variables))
    yield within(f"site with {runs:,} runs, one more run", 0.3, Side(more), why=_LISTINGS)


def _file(archive: Archive, number: int) -> Run:
    """A run an hour, of ten checks with figures; one of twenty FAILs."""
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
        run_id="",
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
    run = archive.begin(ended)
    archive.store.write(run.report, b"<!doctype html><title>report</title>")
    return run
