"""The form below a plan in JupyterLab: it does what the plan's command does, once, and reports what it did not do."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lib.cli import cli
from lib.consolidation.errors import WarehouseUnavailable
from lib.consolidation.upkeep.audit import ActionRecord
from lib.embedded.adapters import EmbeddedAdapters
from lib.operations.changes.action import Applied, carry_out
from lib.operations.changes.audit import changes, releases
from lib.operations.changes.plan import LIFE, Approval, Plan
from lib.operations.changes.repair import Repair, checked_repair, repair
from lib.operations.duplicates.duplicates import duplicates, remaining_duplicates
from lib.operations.scope import scope_of
from lib.platform import Platform
from lib.verdict.live import SESSION_VARIABLE
from lib.verdict.section import Section
from lib.verdict.verdict import Verdict
from tests.environments import local
from tests.operations.changes.actions import CASES, DAY, MAIN, Case, everything, main_rows, run, the_race
from tests.operations.changes.forms import Form, form_of, lasting

WHY = "it's <b>the race</b>"
COMMANDS: dict[str, Callable[[Any], tuple[str, ...]]] = {
    "repair": lambda action: ("repair", "apply", "--date", str(DAY)),
    "undo": lambda action: ("repair", "undo", "--date", str(DAY), "--backup", action.backup),
    "release": lambda action: ("locks", "release", str(DAY)),
    "spec": lambda action: ("fence", "spec"),
    "cleanup": lambda action: ("run", "consolidation_timeout", "-p", f"cleanup={action.batch_id}"),
}


def on_record(platform: Platform) -> list[ActionRecord]:
    return [*changes(platform), *releases(platform)]


@pytest.fixture(autouse=True)
def live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SESSION_VARIABLE, "notebooks/duplicate_diagnosis.ipynb")


@pytest.fixture(params=CASES.values(), ids=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.mark.parametrize("name", COMMANDS)
def test_its_record_is_the_same_as_that_of_the_command(
    name: str, platform: Platform, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = CASES[name].set_up(platform)
    twin = home.parent / "twin"
    shutil.copytree(home, twin)
    section = carry_out(platform, action, Approval("target"))
    plan = str(section.checks[0].evidence["plan"])
    form = form_of(section).fill_in(WHY, action.plan().target)
    form.button.click()
    monkeypatch.setenv("RUNBOOK_HOME", str(twin))
    words = COMMANDS[name](action)
    approved = ("-p", f"plan={plan}", "-p", f"reason={WHY}") if "run" in words else ("--plan", plan, "--reason", WHY)
    typed = CliRunner().invoke(cli, (*words, *approved))
    assert typed.exit_code in (0, 1), typed.output  # a runbook judges more than the change
    by_command = Platform(local(), EmbeddedAdapters(twin, local()))
    (ours,), (theirs,) = ([lasting(asdict(record)) for record in on_record(each)] for each in (platform, by_command))
    assert ours == theirs
    assert (ours["reason"], ours["status"]) == (WHY, "done")
    assert (main_rows(platform), platform.locks.locks()) == (main_rows(by_command), by_command.locks.locks())


def test_nothing_happens_before_both_are_typed_and_nothing_twice(platform: Platform, case: Case) -> None:
    action = case.set_up(platform)
    before = everything(platform)
    target = action.plan().target
    section = carry_out(platform, action, Approval("target"))
    form = form_of(section)
    section._ipython_display_()
    assert form.button.button_style == ""
    assert "Nothing has been changed yet" in form.words
    for reason, typed in (("", ""), (WHY, ""), ("", target), (WHY, f"{target}0"), ("why it is safe", target)):
        form.fill_in(reason, typed)
        assert form.button.disabled
        form.button.click()
        assert "nothing was changed" in form.words
    assert everything(platform) == before
    assert on_record(platform) == []
    button = form.fill_in(WHY, f" {target} ").button
    assert (button.disabled, button.button_style) == (False, "danger")
    button.click()
    assert not form.is_open
    assert "verified and recorded" in form.words
    assert "Audit record" in form.words
    assert "<b>the race" not in form.words
    after = everything(platform)
    button.click()
    assert len(on_record(platform)) == 1
    assert everything(platform) == after != before


def test_a_plan_whose_state_has_changed_is_refused_in_one_line(platform: Platform, case: Case) -> None:
    action = case.set_up(platform)
    form = form_of(carry_out(platform, action, Approval("target")))
    button = form.fill_in(WHY, action.plan().target).button
    case.move(platform)
    before = everything(platform)
    button.click()
    assert "Refused" in form.words
    assert "\n" not in form.words.split("</style>")[-1]
    assert everything(platform) == before
    assert on_record(platform) == []


def test_its_result_replaces_the_plan_in_the_verdict(platform: Platform) -> None:
    the_race(platform)
    scope = scope_of(platform, date=str(DAY))
    request = checked_repair(platform, "preview", DAY)
    duplicates(scope, DAY, DAY)
    planned_repair = repair(scope, request)
    remaining_duplicates(scope, planned_repair)
    assert scope.verdict().verdict is Verdict.FAIL
    run(platform, f"INSERT INTO {MAIN} FROM {MAIN} WHERE player_lookup = 'player5'")
    outdated = form_of(planned_repair).fill_in(WHY, str(DAY))
    outdated.button.click()
    assert "run this cell again" in outdated.words
    planned_repair = repair(scope, request)
    form_of(planned_repair).fill_in(WHY, str(DAY)).button.click()
    (done,) = [check for check in scope.verdict().checks if check.id == "repair"]
    assert "done, verified and recorded" in done.summary
    assert scope.verdict().verdict is Verdict.FAIL  # until the cells below check again
    remaining_duplicates(scope, planned_repair)
    assert scope.verdict().verdict is Verdict.PASS
    again = repair(scope, request)
    assert ("needs no repair" in again.checks[0].summary, again.offer) == (True, None)


class Watched(Repair):
    """A repair that notes how its form looks while it is applied, and may be interrupted afterwards."""

    def apply(self, plan: Plan, record: ActionRecord) -> Applied:
        WATCHED.append((WATCHED[0].words, [field.disabled for field in WATCHED[0].box.children[1:4]]))
        WATCHED[0].button.click()
        applied = super().apply(plan, record)
        if record.reason == "interrupted":
            raise KeyboardInterrupt
        return applied


WATCHED: list[Any] = []


@pytest.mark.parametrize("reason", [WHY, "interrupted"])
def test_while_it_works_it_says_so_and_ignores_clicks(platform: Platform, reason: str) -> None:
    the_race(platform)
    section = carry_out(platform, Watched(platform, DAY), Approval("target"))
    heard: list[Section] = []
    assert section.offer
    section.offer.then(heard.append)
    form = form_of(section).fill_in(reason, str(DAY))
    WATCHED[:] = [form]
    if reason == WHY:
        form.button.click()
    else:
        with pytest.raises(KeyboardInterrupt):
            form.button.click()
    ((words, disabled),) = WATCHED[1:]
    assert ("Nothing has been changed yet" in words, "Working on it since" in words) == (False, True)
    assert disabled == [True] * 3
    assert [found.checks[0].verdict for found in heard] == [Verdict.PASS if reason == WHY else Verdict.UNKNOWN]
    assert ("Check the current state before you do anything else" in form.words) == (reason != WHY)
    assert not form.is_open


class Unreadable(Repair):
    """A repair whose rows can be read only once."""

    def plan(self) -> Plan:
        if READ:
            raise WarehouseUnavailable("the warehouse does not answer")
        READ.append(True)
        return super().plan()


READ: list[bool] = []


def test_when_the_state_cannot_be_read_again_nothing_is_changed_and_it_can_be_retried(platform: Platform) -> None:
    the_race(platform)
    READ.clear()
    form = form_of(carry_out(platform, Unreadable(platform, DAY), Approval("target"))).fill_in(WHY, str(DAY))
    form.button.click()
    assert "Could not check, and nothing was changed: the warehouse does not answer" in form.words
    assert (on_record(platform), form.button.disabled) == ([], False)
    READ.clear()
    form.button.click()
    assert "verified and recorded" in form.words


class Hastened(asyncio.SelectorEventLoop):
    """A loop whose clock can be moved forward."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


def test_it_closes_when_the_plan_expires(platform: Platform) -> None:
    the_race(platform)

    async def shown() -> Form:
        loop: Any = asyncio.get_running_loop()
        form = form_of(carry_out(platform, Repair(platform, DAY), Approval("target"))).fill_in(WHY, str(DAY))
        assert not form.button.disabled
        loop.ahead = LIFE.total_seconds()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return form

    with asyncio.Runner(loop_factory=Hastened) as runner:
        form = runner.run(shown())
    assert not form.is_open
    assert "expired" in form.words
    late = carry_out(platform, Repair(platform, DAY), Approval("target"), now=datetime.now(UTC) - timedelta(hours=1))
    assert not form_of(late).is_open


def test_it_is_shown_only_in_a_live_notebook_where_no_signature_is_needed(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_race(platform)
    now = datetime.now(UTC)

    def shown(on: Platform) -> Section:
        return carry_out(on, Repair(on, DAY), Approval("target"), now=now)

    signed = shown(replace(platform, environment=local(approval="person")))
    assert signed.offer is None
    approve, apply = (row[0] for row in signed.exhibits[-1].rows)
    assert approve == f"runbook approve {signed.checks[0].evidence['plan']}"
    assert apply.startswith("runbook run duplicate_diagnosis")
    assert shown(platform).offer
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    without_widgets = shown(platform)
    assert without_widgets.offer is None
    monkeypatch.delenv(SESSION_VARIABLE)
    assert (shown(platform).offer, repr(shown(platform))) == (None, repr(without_widgets))
