"""Looking and changing never share a box: each command carries its kind, and a check holds no other."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Literal

import pytest
from pydantic import TypeAdapter

from lib.consolidation.table_spec import TableSpec
from lib.environment import Environment
from lib.operations import by_hand
from lib.verdict.check import Check
from lib.verdict.commands import Changing, Looking
from lib.verdict.conclusion import Conclusion
from lib.verdict.verdict import Verdict
from tests.operations.commands import changes_something

COMMANDS = [
    function
    for name, function in inspect.getmembers(by_hand, inspect.isfunction)
    if function.__module__ == by_hand.__name__
    and not name.startswith("_")
    and name not in ("command", "change")  # their caller chooses the words
]
ARGUMENTS: dict[str, Any] = {
    "name": "rollback",
    "game_date": date(2026, 1, 17),
    "since": date(2026, 1, 17),
    "parameters": {"lock": "off"},
    "spec": TableSpec(),
    "dropped_at": datetime(2026, 1, 17, tzinfo=UTC),
    "moment": datetime(2026, 1, 17, tzinfo=UTC),
    "role": "projects/p/roles/r",
}


@pytest.mark.parametrize("platform", ["embedded", "google"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda function: function.__name__)
def test_a_command_is_of_the_kind_that_its_words_are(
    command: Callable[..., Looking | Changing], platform: Literal["embedded", "google"]
) -> None:
    arguments = {**ARGUMENTS, "environment": Environment(name="production", platform=platform, project_id="p")}
    needed = {
        name: arguments.get(name, name)
        for name, parameter in inspect.signature(command).parameters.items()
        if parameter.default is parameter.empty or name in arguments
    }
    made = command(**needed)
    assert type(made) is (Changing if changes_something(made) else Looking), made


LOOK, CHANGE = Looking("bq ls --jobs"), Changing("bq cancel job")


@pytest.mark.parametrize(
    "held",
    [
        {"commands": [CHANGE]},
        {"commands": (LOOK, CHANGE)},
        {"changes": [LOOK]},
        {"commands": [CHANGE, "bq ls"]},
        {"commands": [None]},
        {"commands": LOOK},
    ],
)
def test_a_check_holds_no_command_of_the_other_kind(held: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"Check\.(commands|changes) takes a list of (Looking|Changing) commands only"):
        Check("Locks", Verdict.FAIL, "1 stuck", **held)


def test_the_kinds_stay_apart_from_the_notebook_to_the_record() -> None:
    check = Check("Locks", Verdict.FAIL, "1 stuck", commands=[LOOK, LOOK], changes=[CHANGE])
    payload = Conclusion((check,), "1 stuck").as_data()
    (read,) = TypeAdapter(Conclusion).validate_python(payload).checks
    assert (read.commands, read.changes) == ((LOOK,), (CHANGE,))
    assert type(read.changes[0]) is Changing
    old = {name: value for name, value in payload["checks"][0].items() if name != "changes"}
    assert TypeAdapter(Check).validate_python(old).changes == ()
