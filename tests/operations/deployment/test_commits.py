"""Deployed commits compared with git, over real repositories; their contents and the labels are hostile."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lib.embedded.deployment import Deployment, Revision
from lib.environment import Repository, ServiceNames
from lib.operations.deployment import branch
from lib.operations.deployment.commits import deployed_commits
from lib.operations.scope import scope_of
from lib.platform import Platform
from lib.ports.services import LATEST
from lib.verdict.check import Check
from lib.verdict.verdict import Verdict
from rehearsal.repository import commit_all

WORKER, COORDINATOR = "prediction-worker", "prediction-coordinator"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST_AT = NOW - timedelta(hours=10)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    return tmp_path / "code"


def labelled(home: Path, *revisions: tuple[str, int, dict[str, str]], service: str = WORKER) -> None:
    """Deploy the revisions, newest first, each with its share of the traffic and its labels."""
    deployment = Deployment()
    kept = tuple(Revision(name, NOW, labels=labels) for name, _, labels in revisions)
    traffic = {name: percent for name, percent, _ in revisions if percent}
    deployment.with_service(service, replace(deployment.service(service), revisions=kept, traffic=traffic)).save(home)


def checks_of(platform: Platform, worker: Repository, coordinator: Repository | None = None) -> Sequence[Check]:
    both = {"worker": worker, "coordinator": coordinator} if coordinator else {"worker": worker}
    services = ServiceNames(WORKER, COORDINATOR, both)  # type: ignore[arg-type]
    compared = replace(platform, environment=replace(platform.environment, services=services))
    return deployed_commits(scope_of(compared, now=NOW)).checks


def answer(platform: Platform, home: Path, code: Path, commit: str, **settings: str) -> Check:
    labelled(home, ("w-1", 100, {"commit-sha": commit, "git-branch": "fix-lines"}))
    (check,) = checks_of(platform, Repository(str(code), **settings))
    assert check.id == "deployed_commit_worker"
    return check


def test_the_newest_commit_is_in_sync_and_an_older_one_shows_what_it_lacks(
    platform: Platform, home: Path, code: Path
) -> None:
    ids = commit_all(code, ["first", "fix the lines\n\nand more", "third"], first_at=FIRST_AT)
    newest = answer(platform, home, code, ids[-1][:7])
    assert (newest.verdict, newest.summary) == (Verdict.PASS, f"in sync with main at {ids[-1][:7]}")
    older = answer(platform, home, code, ids[0])
    behind = f"2 commits behind main since 9 h 0 min (oldest missing: {ids[1][:7]} fix the lines)"
    assert (older.verdict, older.summary) == (Verdict.WARN, behind)
    assert older.next_step == f"Deploy {ids[-1][:7]}, or find out why it is held back."
    assert older.commands[0] == f"git -C {code} log --oneline {ids[0]}..main"


def test_commits_elsewhere_in_the_repository_do_not_count(platform: Platform, home: Path, code: Path) -> None:
    (first,) = commit_all(code, ["a worker"], first_at=FIRST_AT)
    commit_all(code, ["a page", "another page"], first_at=FIRST_AT, path="site")
    check = answer(platform, home, code, first, path="worker")
    assert check.summary == f"in sync with main at {first[:7]}; none of 2 newer commits touches worker"
    behind = {label: value for label, value in check.evidence.items() if label.startswith("commits behind")}
    assert (check.verdict, list(behind.values())) == (Verdict.PASS, [0, 2])
    (second,) = commit_all(code, ["fix the worker"], first_at=NOW)
    later = answer(platform, home, code, first, path="worker")
    assert later.verdict is Verdict.WARN
    assert later.summary.startswith("1 commit behind main in worker since 0.0 s")
    assert f"(oldest missing: {second[:7]} fix the worker)" in later.summary


def test_both_services_of_one_repository(platform: Platform, home: Path, code: Path) -> None:
    ids = commit_all(code, ["first", "second"], first_at=FIRST_AT)
    labelled(home, ("w-1", 100, {"commit-sha": ids[0]}))
    worker, coordinator = checks_of(platform, Repository(str(code)), Repository(str(code)))
    assert (worker.verdict, coordinator.verdict) == (Verdict.WARN, Verdict.UNKNOWN)
    assert coordinator.id == "deployed_commit_coordinator"
    assert "has no label commit-sha" in coordinator.summary


@pytest.mark.parametrize(
    ("label", "verdict", "said"),
    [
        ("0123456789abcdef", Verdict.WARN, "0123456 is not on main (built from branch fix-lines)"),
        ("{newest}-dirty", Verdict.WARN, "in sync with main at {short}, built from a dirty tree"),
        ("", Verdict.UNKNOWN, "w-1 has no label commit-sha: its commit is unknown"),
        ("--output=/tmp/x", Verdict.UNKNOWN, "is '--output=/tmp/x', which is not a commit"),
        ("<b>\x1b[31m" + "x" * 5_000, Verdict.UNKNOWN, "which is not a commit"),
        ("abc123", Verdict.UNKNOWN, "which is not a commit"),
    ],
)
def test_labels_are_read_and_checked(
    platform: Platform, home: Path, code: Path, label: str, verdict: Verdict, said: str
) -> None:
    (newest,) = commit_all(code, ["first"], first_at=FIRST_AT)
    check = answer(platform, home, code, label.format(newest=newest))
    assert check.verdict is verdict
    assert said.format(short=newest[:7]) in check.summary
    assert check.summary.isprintable()
    assert len(check.summary) < 300


def test_the_serving_revision_counts_not_the_newest(platform: Platform, home: Path, code: Path) -> None:
    ids = commit_all(code, ["first", "second"], first_at=FIRST_AT)
    new, old = {"commit-sha": ids[1]}, {"commit-sha": ids[0]}
    labelled(home, ("w-2", 0, new), ("w-1", 100, old))
    (check,) = checks_of(platform, Repository(str(code)))
    assert check.summary.startswith("1 commit behind main")
    labelled(home, ("w-2", 60, new), ("w-1", 40, old))
    (both,) = checks_of(platform, Repository(str(code)))
    assert both.verdict is Verdict.WARN
    assert both.summary.startswith(f"w-2: in sync with main at {ids[1][:7]}; w-1: 1 commit behind main")
    labelled(home)
    (nothing,) = checks_of(platform, Repository(str(code)))
    assert (nothing.verdict, nothing.summary) == (Verdict.UNKNOWN, "no revision serves traffic")


def test_the_service_s_label_counts_for_the_newest_revision_only(platform: Platform, home: Path, code: Path) -> None:
    ids = commit_all(code, ["first", "second"], first_at=FIRST_AT)
    deployment = Deployment()
    service = replace(
        deployment.service(WORKER), revisions=(Revision("w-2"), Revision("w-1")), labels={"commit-sha": ids[1]}
    )
    deployment.with_service(WORKER, replace(service, traffic={LATEST: 100})).save(home)
    (newest,) = checks_of(platform, Repository(str(code)))
    assert newest.verdict is Verdict.PASS
    deployment.with_service(WORKER, replace(service, traffic={"w-1": 100})).save(home)
    (older,) = checks_of(platform, Repository(str(code)))
    assert (older.verdict, "w-1 has no label" in older.summary) == (Verdict.UNKNOWN, True)


@pytest.mark.parametrize("name", ["main", "release/2"])
def test_a_repository_that_git_cannot_read_is_unknown(platform: Platform, home: Path, code: Path, name: str) -> None:
    if name != "main":
        commit_all(code, ["first"], first_at=FIRST_AT)
    check = answer(platform, home, code, "0123456789", branch=name)
    assert check.verdict is Verdict.UNKNOWN
    assert ("has no branch release/2" if name != "main" else "git ls-remote failed") in check.summary
    assert "without a password" in check.next_step


def test_without_git_it_is_unknown(
    platform: Platform, home: Path, code: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    check = answer(platform, home, code, "0123456789")
    assert (check.verdict, "git cannot be run: No such file" in check.summary) == (Verdict.UNKNOWN, True)


def test_a_server_that_never_answers_is_unknown(
    platform: Platform, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(branch, "_ASKING_SECONDS", 0.2)
    labelled(home, ("w-1", 100, {"commit-sha": "0123456789"}))
    with socket.create_server(("127.0.0.1", 0)) as server:
        remote = Repository(f"git://127.0.0.1:{server.getsockname()[1]}/code")
        checks = checks_of(platform, remote, remote)
    assert "git ls-remote took longer than 0 s" in checks[0].summary
    assert [check.verdict for check in checks] == [Verdict.UNKNOWN] * 2


def test_settings_and_hooks_of_the_repository_are_not_used(
    platform: Platform, home: Path, code: Path, tmp_path: Path
) -> None:
    first, _ = commit_all(code, ["first", "\x1b[31m<script>" + "y" * 5_000], first_at=FIRST_AT)
    proof = tmp_path / "was-run"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {proof}\n")
    program.chmod(0o755)
    settings = {"core": "fsmonitor hooksPath sshCommand pager", "gpg": "program", "uploadpack": "packObjectsHook"}
    with (code / ".git" / "config").open("a") as config:
        config.write("[log]\n\tshowSignature = true\n")
        for part, names in settings.items():
            config.write(f"[{part}]\n" + "".join(f"\t{name} = {program}\n" for name in names.split()))
    for path in ("", "worker"):
        check = answer(platform, home, code, first, path=path)
        assert (check.verdict, "<script>" in check.summary) == (Verdict.WARN, True)
        assert check.summary.isprintable()
        assert len(check.summary) < 300
    assert not proof.exists()


def test_without_a_repository_the_check_is_skipped(platform: Platform) -> None:
    section = deployed_commits(scope_of(platform))
    assert section.checks == ()
    assert "no repository is configured" in section.exhibits[0].rows[0][1]
