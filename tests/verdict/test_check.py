"""Read-only and changing commands never share a box: each field of a check refuses the other kind."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from lib.verdict.check import Changing, Check, Looking, Question
from lib.verdict.conclusion import Conclusion
from lib.verdict.verdict import Verdict

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
def test_a_check_refuses_commands_of_the_other_kind(held: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"Check\.(commands|changes) takes a list of (Looking|Changing) commands only"):
        Check(id="locks", name="Locks", verdict=Verdict.FAIL, summary="1 stuck", **held)


def test_the_kinds_stay_separate_from_the_notebook_to_the_record() -> None:
    check = Question("locks", "Locks", commands=[LOOK, LOOK]).fails("1 stuck", changes=[CHANGE])
    payload = Conclusion((check,), "1 stuck").as_data()
    (read,) = TypeAdapter(Conclusion).validate_python(payload).checks
    assert (read.commands, read.changes) == ((LOOK,), (CHANGE,))
    assert type(read.changes[0]) is Changing
    new = ("changes", "since", "affects", "can_wait")
    old = {name: value for name, value in payload["checks"][0].items() if name not in new}
    assert TypeAdapter(Check).validate_python(old).changes == ()
