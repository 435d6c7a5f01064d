"""A forced release is an action like any other change: reviewed, approved with its plan, and recorded."""

from __future__ import annotations

import json
import logging
import os
import pwd
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lib.cli import cli
from lib.locking.store import Claim, LockRecord
from lib.platform import Platform, connect

DAY = "2026-01-17"
RELEASE = ("locks", "release", DAY, "--steal")


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "home"))
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "somebody else")
    handlers = list(logging.getLogger("lib").handlers)
    yield connect()
    logging.getLogger("lib").handlers[:] = handlers


@pytest.fixture
def held(platform: Platform) -> LockRecord:
    """Create a lock whose holder is alive."""
    record = platform.locks.store.create(Claim(f"consolidation_{DAY}", "h1", "b1\x1b[31m\nb2", 300, "coordinator:7"))
    assert record is not None
    return record


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def json_of(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call(*words, "--json").stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--reason", "why it is safe"), "needs your own reason"),
        (("--reason", "its holder is gone"), "needs plan=DIGEST"),
        (("--plan", "3f9a1c2b4d5e-20260117T2315Z-a109c7"), "needs your own reason"),
        (("--plan", "3f9a1c2b4d5e-20260117T2315Z-a109c7", "--reason", "why it is safe"), "needs your own reason"),
        (("--plan", "a guess", "--reason", "its holder is gone"), "not a digest"),
    ],
)
def test_half_an_approval_releases_nothing(
    platform: Platform, held: LockRecord, words: tuple[str, ...], complaint: str
) -> None:
    refused = call(*RELEASE, *words)
    assert (refused.exit_code, complaint in refused.stderr) == (2, True), refused.output
    assert platform.locks.store.read(held.claim.lock_key).record == held


def test_the_plan_is_shown_and_nothing_is_released(platform: Platform, held: LockRecord) -> None:
    shown = call(*RELEASE)
    assert shown.exit_code == 0, shown.output
    assert f"Next: runbook locks release {DAY} --steal --plan " in shown.stdout
    assert "IS LIVE" in shown.stdout
    assert "\x1b" not in shown.stdout
    data = json_of(*RELEASE)
    assert (data["changed"], data["target"], "last heartbeat" in data["state"]) == (False, held.claim.lock_key, True)
    assert call("locks", "release", DAY).exit_code == 2  # alive, and must not be stolen
    assert platform.locks.store.read(held.claim.lock_key).record == held


def test_the_plan_shown_is_released_once_and_recorded_with_the_account(platform: Platform, held: LockRecord) -> None:
    words = shlex.split(json_of(*RELEASE)["next"].replace("why it is safe", "its holder was killed"))[1:]
    data = json_of(*words)
    assert (data["changed"], data["verdict"], data["target"]) == (True, "PASS", held.claim.lock_key), data
    (entry,) = platform.locks.store.audit_entries()
    assert (entry.reason, entry.actor) == ("its holder was killed", pwd.getpwuid(os.getuid()).pw_name)
    assert call(*words).exit_code == 2


def test_a_plan_does_not_outlive_a_heartbeat(platform: Platform, held: LockRecord) -> None:
    plan = json_of(*RELEASE)["plan"]
    renewed = platform.locks.store.renew(held)
    refused = call(*RELEASE, "--plan", plan, "--reason", "its holder was killed")
    assert (refused.exit_code, "because this has changed" in refused.stderr) == (1, True), refused.output
    assert platform.locks.store.read(held.claim.lock_key).record == renewed
