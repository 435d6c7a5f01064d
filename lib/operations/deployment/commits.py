"""Are the deployed commits up to date? The commits of serving revisions, compared with their repository's branch."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from lib.environment import Repository
from lib.errors import CouldNotLook
from lib.operations.deployment.branch import Branch, Standing, short
from lib.operations.scope import Scope
from lib.ports.services import ServiceStatus
from lib.verdict.check import Check, Looking, Question
from lib.verdict.section import Section, facts, section
from lib.verdict.verdict import Verdict, worst
from lib.words.quantities import Value, seconds, spoken_seconds
from lib.words.text import text_of

DEPLOYED_COMMIT = Question(
    "deployed_commit",
    "Deployed commits",
    affects="the service: it does not run the newest code of its branch",
    can_wait="yes, if that is intended",
)
# The labels that the services' deployment sets.
_COMMIT, _BRANCH = "commit-sha", "git-branch"
_LABEL = re.compile(r"([0-9a-f]{7,64})((?:[-_]?dirty)?)", re.ASCII)
_LONGEST_LABEL = 80


@dataclass(frozen=True)
class _Answer:
    """What is known about one serving revision."""

    verdict: Verdict
    words: str
    step: str = ""
    standing: Standing | None = None


@section(DEPLOYED_COMMIT)
def deployed_commits(scope: Scope) -> Section:
    """Check for each service with a known repository whether the newest commit of its branch serves traffic."""
    names = scope.platform.environment.services
    asked = [(service, repository) for service in names.both if (repository := names.repository_of(service))]
    if not asked:
        why = "no repository is configured; see services in params/environments/production.yaml"
        return Section((), (facts("Deployed commits", {"answer": f"skipped: {why}"}),))
    branches: dict[tuple[str, str, bool], Branch] = {}
    with TemporaryDirectory(prefix="runbook-git-") as folder:
        checks = []
        for service, repository in asked:
            # Services of one repository share one clone.
            key = (repository.repository, repository.branch, bool(repository.path))
            branch = branches.setdefault(key, Branch(repository, Path(folder) / str(len(branches))))
            checks.append(_check(scope, service, repository, branch))
    return Section(tuple(checks))


def _check(scope: Scope, service: str, repository: Repository, branch: Branch) -> Check:
    platform = scope.platform
    role = platform.environment.services.role_of(service)
    question = replace(DEPLOYED_COMMIT, id=f"{DEPLOYED_COMMIT.id}_{role}", name=f"Commit of {service}")
    try:
        status = platform.services.describe(service)
        serving = list(dict.fromkeys(share.revision for share in status.traffic if share.percent))
        answers = [_answer(scope, repository, branch, status, revision) for revision in serving]
    except CouldNotLook as error:
        return question.could_not_look(error)
    evidence = _evidence(scope.now, repository, status, dict(zip(serving, answers, strict=True)))
    question = question.on(evidence, [_by_hand(repository, answers), platform.commands.describe_service(service)])
    if not answers:
        return question.unknown("no revision serves traffic", "Check its revisions and their traffic.")
    verdict = worst([answer.verdict for answer in answers])
    several = len(answers) > 1
    words = [f"{name}: {one.words}" if several else one.words for name, one in zip(serving, answers, strict=True)]
    step = next((answer.step for answer in answers if answer.verdict is verdict), "")
    return question.answer(verdict, "; ".join(words), step)


def _answer(scope: Scope, repository: Repository, branch: Branch, status: ServiceStatus, revision: str) -> _Answer:
    labels = status.labels_of(revision)
    label, built_from = labels.get(_COMMIT, ""), text_of(labels.get(_BRANCH, ""))[:_LONGEST_LABEL]
    if not label:
        step = f"Label each deployment with its commit: gcloud run deploy --update-labels={_COMMIT}=COMMIT"
        return _Answer(Verdict.UNKNOWN, f"{revision} has no label {_COMMIT}: its commit is unknown", step)
    known = _LABEL.fullmatch(label)
    if known is None:
        words = f"the label {_COMMIT} of {revision} is {text_of(label)[:_LONGEST_LABEL]!r}, which is not a commit"
        return _Answer(Verdict.UNKNOWN, words, "Label each deployment with the commit that it was built from.")
    standing = branch.standing(known[1], repository.path)
    return _judged(scope.now, repository, standing, short(known[1]), built_from, is_dirty=bool(known[2]))


def _judged(
    now: datetime, repository: Repository, standing: Standing, commit: str, built_from: str, *, is_dirty: bool
) -> _Answer:
    name, path = repository.branch, repository.path
    dirty = ", built from a dirty tree: it includes uncommitted changes" if is_dirty else ""
    if not standing.commit:
        built = f" (built from branch {built_from})" if built_from not in ("", name) else ""
        step = f"Deploy {name}, or merge the deployed commit. A squashed or rebased commit has another id on {name}."
        return _Answer(Verdict.WARN, f"{commit} is not on {name}{built}{dirty}", step, standing)
    if standing.missing:
        step = f"Deploy {short(standing.head)}, or find out why it is held back."
        return _Answer(Verdict.WARN, f"{_behind(now, repository, standing)}{dirty}", step, standing)
    others = f"; none of {standing.behind} newer commits touches {path}" if standing.behind else ""
    words = f"in sync with {name} at {commit}{others}{dirty}"
    if is_dirty:
        step = f"Nobody can see what runs: commit the changes, and deploy {short(standing.head)}."
        return _Answer(Verdict.WARN, words, step, standing)
    return _Answer(Verdict.PASS, words, standing=standing)


def _behind(now: datetime, repository: Repository, standing: Standing) -> str:
    oldest, number = standing.missing[-1], len(standing.missing)
    since = spoken_seconds(_age_seconds(now, oldest.committed_at))
    commits = "1 commit" if number == 1 else f"{number:,} commits"
    within = f" in {repository.path}" if repository.path else ""
    return f"{commits} behind {repository.branch}{within} since {since} (oldest missing: {oldest})"


def _age_seconds(now: datetime, moment: datetime) -> float:
    return max(0.0, (now - moment).total_seconds())


def _evidence(
    now: datetime, repository: Repository, status: ServiceStatus, answers: dict[str, _Answer]
) -> dict[str, Value]:
    evidence: dict[str, Value] = {
        "repository": repository.repository,
        "serves": list(answers),
        f"label {_COMMIT}": [text_of(status.labels_of(name).get(_COMMIT))[:_LONGEST_LABEL] for name in answers],
        f"label {_BRANCH}": [text_of(status.labels_of(name).get(_BRANCH))[:_LONGEST_LABEL] for name in answers],
    }
    for standing in [answer.standing for answer in answers.values() if answer.standing][:1]:
        evidence[f"newest commit of {repository.branch}"] = short(standing.head)
        evidence["commits behind"] = len(standing.missing)
        if repository.path:
            evidence[f"commits behind, outside {repository.path} too"] = standing.behind
        if standing.missing:
            evidence["behind since"] = seconds(_age_seconds(now, standing.missing[-1].committed_at))
            evidence["oldest missing"] = str(standing.missing[-1])
            evidence["newest missing"] = str(standing.missing[0])
    return evidence


def _by_hand(repository: Repository, answers: Sequence[_Answer]) -> Looking:
    """The command that lists missing commits; for a remote repository only its newest commit, without a clone."""
    commit = next((found.commit for answer in answers if (found := answer.standing) and found.commit), "")
    if not repository.is_folder or not commit:
        return Looking(shlex.join(["git", "ls-remote", "--", repository.repository, f"refs/heads/{repository.branch}"]))
    path = ["--", repository.path] if repository.path else []
    lacking = f"{commit}..{repository.branch}"
    return Looking(shlex.join(["git", "-C", repository.repository, "log", "--oneline", lacking, *path]))
