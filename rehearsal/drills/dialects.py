"""The same nights in each dialect of the services' real log lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from lib.verdict.verdict import Verdict
from rehearsal.drills.drill import Drill, Look, Scene
from rehearsal.drills.stage import Stage
from rehearsal.service_nights import (
    BATCH,
    DAY,
    DIALECTS,
    Night,
    delayed,
    killed,
    night,
    one_of_twelve_gave_up,
    printed,
    write,
)
from rehearsal.services_writer import merge_as_services, stage_as_services
from rehearsal.stage import deploy_fix, stage_batch

_DATE: Mapping[str, str] = {"date": str(DAY)}
_DAYS_OF_HISTORY = 1
_LEFTOVERS = 5
_WORKERS = ("prediction-worker-00035-4xk_0a49f283", "prediction-worker-00036-b7c_51ce0d7e")


def _drill(dialect: str, name: str, title: str, nights: Callable[[], Sequence[Night]], looks: Sequence[Look]) -> Drill:
    def set_up(stage: Stage) -> Scene:
        moment = write(stage.home, nights())
        deploy_fix(stage.platform, moment - timedelta(hours=5))
        stage.past_dates(_DAYS_OF_HISTORY, before=DAY)
        stage.insert(stage.slate(DAY).predict("batch", generated_at=moment))
        return Scene(looks, moment)

    return Drill(f"{name}_{dialect}", f"{title}, as the services log in {dialect}", set_up, dialect=dialect)


def _of(dialect: str) -> list[Drill]:
    def one(name: str) -> Callable[[], Sequence[Night]]:
        return lambda: [night(dialect, name)]

    longest = "Acquired consolidation lock"
    monitoring, timeout, verify, rollback = "day1_monitoring", "consolidation_timeout", "deploy_verify", "rollback"
    return [
        _drill(
            dialect,
            "clean",
            "a clean night",
            one("clean"),
            [Look(runbook, Verdict.PASS, (), _DATE) for runbook in (verify, monitoring, timeout)],
        ),
        _drill(
            dialect,
            "waited",
            "a wait of 250 s for the lock",
            lambda: [delayed(night(dialect, "waited_120s"), 130, longest)],
            [
                Look(monitoring, Verdict.WARN, (f"{BATCH} waited 4 min 10 s, 83.4% of the limit", "is held by"), _DATE),
                Look(timeout, Verdict.WARN, ("95% of it waiting for the lock",)),
                Look(rollback, Verdict.PASS, ("not advised",)),
            ],
        ),
        _drill(
            dialect,
            "contention",
            "one of twelve consolidations did not get the lock",
            lambda: one_of_twelve_gave_up(dialect),
            [
                Look(monitoring, Verdict.WARN, ("1 of 12 failed", "8.3%"), _DATE),
                Look(rollback, Verdict.PASS, ("not advised",)),
            ],
        ),
        _drill(
            dialect,
            "gave_up",
            "the only consolidation did not get the lock",
            one("lock_not_acquired"),
            [Look(monitoring, Verdict.FAIL, ("1 of 1 failed",), _DATE)],
        ),
        _drill(
            dialect,
            "zero_rows",
            "a MERGE of 15 tables that affected nothing",
            one("merge_zero_rows"),
            [Look(monitoring, Verdict.FAIL, ("MERGE affected 0 rows",), _DATE)],
        ),
        _drill(
            dialect,
            "blind_validation",
            "a validation that could not run and was logged as passed",
            one("validation_could_not_run"),
            [Look(verify, Verdict.WARN, ("its validation could not run",), _DATE)],
        ),
        _drill(
            dialect,
            "prints_only",
            "only the coordinator's printed lines were collected",
            lambda: [printed(night(dialect, "clean"))],
            [Look(monitoring, Verdict.UNKNOWN, ("only print output of prediction-coordinator",), _DATE)],
        ),
        _drill(
            dialect,
            "killed",
            "a consolidation killed during its MERGE",
            lambda: [killed(night(dialect, "clean"))],
            [Look(timeout, Verdict.FAIL, ("in phase MERGE",))],
        ),
    ]


def _leftovers(dialect: str) -> Drill:
    def set_up(stage: Stage) -> Scene:
        moment = write(stage.home, [night(dialect, "clean")])
        deploy_fix(stage.platform, moment - timedelta(hours=5))
        rows = stage.slate(DAY).predict(BATCH, generated_at=moment)
        stage_as_services(stage.platform, rows, batch_id=BATCH, tables=_LEFTOVERS)
        merge_as_services(stage.platform, BATCH)
        says = ("merged by another writer", f"{_LEFTOVERS} staging tables are left")
        return Scene([Look("consolidation_timeout", Verdict.PASS, says, {**_DATE, "batch": BATCH})], moment)

    title = f"staging tables left by another writer, as the services log in {dialect}"
    return Drill(f"leftovers_{dialect}", title, set_up, dialect=dialect)


def _two_revisions(dialect: str) -> Drill:
    """A deployment in the middle of the batch, then a kill: the tables of both revisions are one batch."""

    def set_up(stage: Stage) -> Scene:
        moment = write(stage.home, [killed(night(dialect, "clean"))])
        deploy_fix(stage.platform, moment - timedelta(hours=5))
        stage.past_dates(_DAYS_OF_HISTORY, before=DAY)
        rows = stage.slate(DAY).predict(BATCH, generated_at=moment)
        written = stage_batch(stage.platform, rows, batch_id=BATCH, tables=len(_WORKERS))
        for staged, worker in zip(written, _WORKERS, strict=True):
            spelled = staged.table.sibling(f"_staging_{BATCH}_{worker}".replace("-", "_"))
            stage.run_sql(f"CREATE TABLE {spelled.sql} AS SELECT * FROM {staged.table.sql}")  # noqa: S608 - own names
        stage.platform.warehouse.drop([staged.table for staged in written])
        waits = (f"2 staging tables with {len(rows):,} rows wait", f"--batch {BATCH} --date {DAY}")
        return Scene([Look("consolidation_timeout", Verdict.FAIL, waits, {**_DATE, "batch": BATCH})], moment)

    title = f"a waiting batch staged by two revisions, as the services log in {dialect}"
    return Drill(f"two_revisions_{dialect}", title, set_up, dialect=dialect)


DRILLS: Sequence[Drill] = [
    drill for dialect in DIALECTS for drill in (*_of(dialect), _leftovers(dialect), _two_revisions(dialect))
]
