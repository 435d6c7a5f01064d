"""Incidents of deployments, and of logs that were not collected."""

from __future__ import annotations

from datetime import timedelta

from lib.verdict.verdict import Verdict
from rehearsal.drills.drill import Look, Scene, incident
from rehearsal.drills.stage import Stage

_MISSING = "ModuleNotFoundError: No module named 'google.cloud.firestore'"
_BROKEN_WORKER = "prediction-worker-00067-bad"
_ERRORS = 40
_COORDINATOR_OLDER = timedelta(days=9)


@incident(2, "worker crash-looped after the deploy: a client library was missing")
def worker_crash_loop(stage: Stage) -> Scene:
    """The newest revision never starts, the old one keeps the traffic, and its deep health check fails."""
    from lib.embedded.deployment import Revision, worker_deep_health

    stage.past_dates(1)
    stage.clean_night()
    broken = Revision(_BROKEN_WORKER, stage.now - timedelta(minutes=20), is_ready=False, reason=_MISSING)
    deployment = stage.deploy().with_revision(stage.worker, broken, traffic_percent=0)
    sick = worker_deep_health({"firestore_connection": _MISSING})
    deployment.with_health(stage.worker, "/health/deep", 503, sick).save(stage.home)
    stage.log(stage.worker, [f"ERROR worker failed to boot: {_MISSING}"] * _ERRORS)
    revision = (f"{_BROKEN_WORKER} is not ready: {_MISSING}", "go back", "HTTP 503: firestore_connection")
    errors = (f"Errors of {stage.worker}", f"{_ERRORS} error lines", _MISSING)
    return Scene(
        [
            Look("deploy_verify", Verdict.FAIL, revision, stage.of_today),
            Look("day1_monitoring", Verdict.WARN, errors, stage.of_today),
        ]
    )


@incident(2, "coordinator ran without the lock: only one of the two services was deployed")
def half_deployed(stage: Stage) -> Scene:
    """The worker is new; the coordinator, which takes the lock, is nine days older."""
    from dataclasses import replace

    stage.clean_night()
    deployment = stage.deploy()
    coordinator = deployment.service(stage.coordinator)
    old = replace(coordinator.revisions[0], deployed_at=stage.now - _COORDINATOR_OLDER)
    deployment.with_service(stage.coordinator, replace(coordinator, revisions=(old,))).save(stage.home)
    says = (f"only {stage.worker} was deployed", f"{stage.coordinator} is 8 d", "deploy it now")
    return Scene([Look("deploy_verify", Verdict.WARN, says, stage.of_today)])


@incident(3, "watching for lock lines showed nothing for two weeks")
def silent_coordinator(stage: Stage) -> Scene:
    """The coordinator works, but its logs are not collected."""
    from lib.embedded.logs import log_path

    stage.deploy()
    stage.clean_night()
    log_path(stage.home, stage.coordinator).unlink()
    says = ("no consolidation was logged", f"{stage.coordinator}: no log lines in 30 days", "not collected")
    silent = (f"Logs of {stage.coordinator}: no log lines", "not collected")
    return Scene(
        [
            Look("day1_monitoring", Verdict.UNKNOWN, silent, stage.of_today),
            Look("deploy_verify", Verdict.UNKNOWN, says, stage.of_today),
        ]
    )
