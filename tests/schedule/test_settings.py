"""An invalid schedule is refused completely, in one line, before anything starts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lib.errors import UserError
from lib.places import ROOT
from lib.runbooks.catalogue import find_runbook
from lib.schedule.planning import next_times, why_inactive
from lib.schedule.settings import Schedule, load_schedule

WriteSchedule = Callable[..., Schedule]
HOURLY = {"runbook": "healthy", "cron": "0 * * * *"}
NOW = datetime(2026, 1, 17, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"runbook": "helthy"}, r"entries\.tried: there is no runbook 'helthy'; did you mean healthy"),
        ({"environment": "../local"}, r"entries\.tried: there is no environment"),
        ({"parameters": {"limt": 1}}, r"entries\.tried: there is no parameter 'limt'; did you mean limit"),
        ({"parameters": {"limit": "many"}}, r"entries\.tried: parameter limit: 'many' is not a whole number"),
        ({"parameters": {"plan": "3f2a"}}, r"entries\.tried\.parameters\.plan: changes cannot be scheduled"),
        ({"parameters": {"environment": "local"}}, r"entries\.tried: parameter environment is set from"),
        ({"parameters": ["limit"]}, r"entries\.tried\.parameters: must be settings below it, got a list"),
        ({"cron": "0 * * *"}, r"entries\.tried\.cron: '0 \* \* \*' is not a cron expression"),
        ({"cron": "61 * * * *"}, r"entries\.tried\.cron: '61 \* \* \* \*' is not a cron expression: Bad minute"),
        ({"cron": "0 0 31 2 *"}, r"entries\.tried\.cron: '0 0 31 2 \*' is not a cron expression"),
        ({"cron": "0 0 0 * * *"}, r"five fields"),
        ({"timezone": "Mars/Olympus"}, r"time zone 'Mars/Olympus' is not known"),
        ({"days_since_deploy": "7-2"}, r"entries\.tried\.days_since_deploy: must have the form 2-7 or 14, got '7-2'"),
        ({"retries": 99}, r"entries\.tried\.retries: must be between 0 and 10, got 99"),
        ({"timeout_seconds": float("nan")}, r"entries\.tried\.timeout_seconds"),
        ({"catch_up_seconds": 0}, r"entries\.tried\.catch_up_seconds: must be between 60"),
        ({"on_failure": "explode"}, r"entries\.tried\.on_failure: must be 'continue' or 'pause', got text"),
        ({"retry": 1}, r"entries\.tried\.retry is not a setting"),
        ({"deployed_at": "2026-01-17T14:00:00"}, r"deployed_at: give the time with its zone"),
        ({"deployed_at": "9999-12-31T00:00:00Z", "days_since_deploy": "2-9999"}, r"deployed_at: year .*, got 9999"),
        ({"deployed_at": "0001-01-01T00:00:00Z", "days_since_deploy": "2-9999"}, r"deployed_at: year .*, got 1$"),
        ({"runbook": "daily_quality", "parameters": {"timezone": "Mars"}}, r"entries\.tried: time zone 'Mars'"),
        ({"name": "other"}, r"entries\.tried: write its settings below it"),
    ],
)
def test_invalid_settings_are_refused(write_schedule: WriteSchedule, entry: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint) as refused:
        write_schedule({"good": HOURLY, "tried": {**HOURLY, **entry}})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["", "Upper", "../up", "a" * 49, "<script>", 7])
def test_a_name_that_cannot_be_a_folder_is_refused(write_schedule: WriteSchedule, name: object) -> None:
    with pytest.raises(UserError, match="is not a valid name"):
        write_schedule({name: HOURLY})  # type: ignore[dict-item]


def test_a_file_without_a_schedule_is_refused(tmp_path: Path) -> None:
    for content in ("", "[]", "entries: []", "a: [", "entries: {a: 1}", "concurrency: 0\nentries: {}"):
        (tmp_path / "schedule.yaml").write_text(content)
        with pytest.raises(UserError, match=r"schedule\.yaml"):
            load_schedule(tmp_path / "schedule.yaml")


def test_a_duplicate_key_is_refused(write_schedule: WriteSchedule, tmp_path: Path) -> None:
    write_schedule({})
    entry = "{runbook: healthy, cron: 0 9 * * *}"
    for content, reason in {
        f"entries:\n  daily: {entry}\n  daily: {entry}\n": "the key 'daily' appears twice, on lines 2 and 3",
        "entries:\n  daily: {cron: 0 9 * * *, cron: 1 9 * * *}": "the key 'cron' appears twice, on lines 2 and 2",
    }.items():
        (tmp_path / "schedule.yaml").write_text(content)
        with pytest.raises(UserError) as refused:
            load_schedule()
        assert str(refused.value) == f"{tmp_path / 'schedule.yaml'} cannot be read: {reason}"
    (tmp_path / "schedule.yaml").write_text(
        f"entries:\n  daily: &daily {entry}\n  later: &later {{<<: *daily, cron: 0 12 * * *}}\n"
        "  last: {<<: *later, retries: 1}\n"
    )
    assert [entry.cron for entry in load_schedule().entries.values()] == ["0 9 * * *", "0 12 * * *", "0 12 * * *"]


def test_the_shipped_schedule_is_hourly_then_daily_then_weekly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RUNBOOK_SCHEDULE", raising=False)
    shipped = load_schedule()
    assert {why_inactive(entry, NOW) for entry in shipped.entries.values()} == {"", "deployed_at is not set"}

    deployed = (ROOT / "params" / "schedule.yaml").read_text().replace("null", "2026-01-05T14:00:00-05:00")
    (tmp_path / "deployed.yaml").write_text(deployed)
    entries = load_schedule(tmp_path / "deployed.yaml").entries
    deployed_at = datetime(2026, 1, 5, 19, tzinfo=UTC)
    timed = [entry for entry in entries.values() if entry.days_since_deploy]
    counts = {entry.name: len(list(next_times(entry, deployed_at))) for entry in timed}
    # 14:00 of day 0 to the end of day 1, both in New York; Monday of week 2 is the 19th.
    assert counts == {"day1_hourly": 9 + 24, "days2to7_daily": 6, "week2_review": 1}


def test_entries_of_several_environments_share_a_schedule(
    write_schedule: WriteSchedule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environments = tmp_path / "environments"
    environments.mkdir()
    monkeypatch.setenv("RUNBOOK_ENVIRONMENTS", str(environments))
    shipped = (ROOT / "params" / "environments" / "local.yaml").read_text()
    (environments / "shop.yaml").write_text(shipped)
    assert write_schedule({"first": HOURLY}).entries["first"].environment == "shop"  # the only environment

    (environments / "mall.yaml").write_text(shipped)
    with pytest.raises(UserError, match=r"entries\.first: there is no environment 'local'. Known: mall, shop"):
        write_schedule({"first": HOURLY})
    schedule = write_schedule({"first": HOURLY, "second": {**HOURLY, "environment": "mall"}}, environment="shop")
    assert [*schedule.of("mall").entries] == ["second"]
    with pytest.raises(UserError, match="no entries for local; it has entries for mall, shop"):
        schedule.of("local")


def test_dates_are_those_of_the_planned_time_in_the_environment(write_schedule: WriteSchedule) -> None:
    entry = write_schedule({"daily": {**HOURLY, "parameters": {"game_date": "yesterday", "limit": 7}}}).entries["daily"]
    just_after_midnight_utc = datetime(2026, 1, 17, 0, 30, tzinfo=UTC)  # the evening before in New York
    values = entry.planned_values(find_runbook("healthy"), just_after_midnight_utc)
    assert values == {"game_date": "2026-01-15", "limit": 7}

    # A default that is a word is resolved too; an empty one is left out.
    holds = write_schedule({"holds": {**HOURLY, "runbook": "holds_once"}, "plain": HOURLY}).entries
    assert holds["holds"].planned_values(find_runbook("holds_once"), NOW) == {"date": "2026-01-17"}
    assert holds["plain"].planned_values(find_runbook("healthy"), NOW) == {}


def test_a_date_parsed_by_yaml_becomes_text(write_schedule: WriteSchedule, tmp_path: Path) -> None:
    write_schedule({})
    (tmp_path / "schedule.yaml").write_text(
        "entries: {daily: {runbook: healthy, cron: 0 9 * * *, parameters: {game_date: 2026-01-17}}}"
    )
    assert load_schedule().entries["daily"].parameters == {"game_date": "2026-01-17"}
