"""The conformance suite of commands, for every platform: their kind, the environment, and quoting."""

from __future__ import annotations

import inspect
import shlex
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.ports.commands import Commands
from lib.verdict.check import Changing, Looking
from tests.verdict.command_kinds import changes_something

ENVIRONMENT = "production"
ARGUMENTS: dict[str, Any] = {
    "name": "rollback",
    "game_date": date(2026, 1, 17),
    "since": date(2026, 1, 17),
    "parameters": {"lock": "off"},
    "dropped_at": datetime(2026, 1, 17, tzinfo=UTC),
    "moment": datetime(2026, 1, 17, tzinfo=UTC),
    "role": "projects/p/roles/r",
}
NAMES = [
    name
    for name, _ in inspect.getmembers(Commands, inspect.isfunction)
    if not name.startswith("_") and name not in ("looking", "changing")  # their caller chooses the words
]


def asked(commands: Commands, command: str, /, **given_values: object) -> Looking | Changing | None:
    """Call the method with a value for each argument that needs one."""
    method = getattr(commands, command)
    values = {**ARGUMENTS, **given_values}
    needed = {
        parameter.name: values.get(parameter.name, parameter.name)
        for parameter in inspect.signature(method).parameters.values()
        if parameter.default is parameter.empty or parameter.name in values
    }
    made: Looking | Changing | None = method(**needed)
    return made


class CommandsSuite:
    """A subclass provides the `commands` of an environment named `ENVIRONMENT`."""

    commands: Commands

    @pytest.mark.parametrize("name", NAMES)
    def test_its_kind_matches_its_words(self, name: str) -> None:
        made = asked(self.commands, name)
        assert made is None or type(made) is (Changing if changes_something(made) else Looking), made

    @pytest.mark.parametrize("name", NAMES)
    def test_it_names_the_environment_or_its_project(self, name: str) -> None:
        made = asked(self.commands, name)
        if made and made.startswith("runbook "):
            assert shlex.split(made)[-2:] == ["--env", ENVIRONMENT]

    @pytest.mark.parametrize(
        ("name", "argument"),
        [
            ("consolidate_dry_run", "batch_id"),
            ("undo_repair", "backup_table"),
            ("run", "name"),
            ("describe_service", "service"),
            ("list_roles", "service_account"),
            ("add_role", "service_account"),
            ("send_all_traffic", "revision"),
            ("set_variable", "value"),
            ("ask_health", "url"),
            ("read_any_log", "service"),
            ("cancel_job", "job_id"),
            ("remove_dataset", "dataset"),
        ],
    )
    @given(hostile=st.text(st.sampled_from("a' \"$;`|&\\()\n-*"), min_size=1))
    def test_a_hostile_value_is_one_word(self, name: str, argument: str, hostile: str) -> None:
        plain, made = asked(self.commands, name), asked(self.commands, name, **{argument: hostile})
        assert len(shlex.split(made or "")) == len(shlex.split(plain or ""))
