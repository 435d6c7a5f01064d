"""Are the deployed commits up to date? The operators' most frequent chore, with one repository for both services."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from lib.verdict.verdict import Verdict
from rehearsal.drills.drill import Look, Scene, chore, ordinary_night
from rehearsal.drills.stage import Stage
from rehearsal.repository import commit_all

_SUBJECTS = ("Take the line from the schedule", *(f"Round the line, part {number}" for number in range(1, 8)))
_MISSING = len(_SUBJECTS) - 1
_OLDEST_MISSING = timedelta(days=2, minutes=30)


@chore("the worker is seven commits behind its branch, and nobody noticed")
def behind_its_branch(stage: Stage) -> Scene:
    """Every commit since the deployment touches only the worker."""
    stage.past_dates(1)
    stage.clean_night()
    commits = _code(stage)
    _deployed(stage, worker=commits[0], coordinator=commits[0])
    oldest = f"(oldest missing: {commits[1][:7]} {_SUBJECTS[1]})"
    says = (f"{_MISSING} commits behind main in worker since 2 d 0 h {oldest}", f"Deploy {commits[-1][:7]}")
    return Scene([Look("deploy_verify", Verdict.WARN, says, stage.of_today)])


@ordinary_night("both services run the newest commit that touches them")
def in_sync_with_git(stage: Stage) -> Scene:
    stage.past_dates(1)
    stage.clean_night()
    commits = _code(stage)
    _deployed(stage, worker=commits[-1], coordinator=commits[0])
    return Scene([Look("deploy_verify", Verdict.PASS, (), stage.of_today)])


def _code(stage: Stage) -> list[str]:
    """Create the services' repository, and return its commits: the deployed one, then seven of the worker."""
    first_at = stage.now - _OLDEST_MISSING - timedelta(hours=1)
    return commit_all(_repository(stage), _SUBJECTS, first_at=first_at, path="worker")


def _deployed(stage: Stage, **commits: str) -> None:
    """Deploy each role's service at its commit, and name its repository in the environment."""
    deployment = stage.deploy()
    services = {}
    for role, commit in commits.items():
        name = getattr(stage, role)
        service = deployment.service(name)
        labelled = replace(service.revisions[0], labels={"commit-sha": commit, "git-branch": "main"})
        deployed = replace(service, revisions=(labelled, *service.revisions[1:]))
        deployment = deployment.with_service(name, deployed)
        services[role] = {"name": name, "repository": str(_repository(stage)), "path": role}
    deployment.save(stage.home)
    stage.change_environment(services=services)


def _repository(stage: Stage) -> Path:
    return stage.home.parent / "code"
