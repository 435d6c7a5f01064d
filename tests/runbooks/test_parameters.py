"""Parameters are checked, all of them, before a kernel starts."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.errors import UserError
from lib.runbooks.parameters import (
    Parameter,
    assignment_words,
    declared_parameters,
    parse_assignments,
    resolve_values,
)
from lib.words.old_names import current_names

CELL = """\
from typing import Optional

environment: str = ""
game_date: str = "today"  # date of the games
limit: Optional[int] = None  # rows; empty: all
threshold: float = 0.5
mode: str = "preview"  # one of preview, apply: what to do
lock: str = ""  # one of off, on or empty: the position
player: str = "x=1"  # one of them: not a list of choices
pages: int | None = None
kind: Literal["a", 2] = "a"
dry_run: bool = True  # change nothing
players: list[str] = []
"""
DECLARED = declared_parameters(CELL, where="test.ipynb")


def resolved(**given_values: object) -> dict[str, Any]:
    return resolve_values(DECLARED, given_values)


def test_cell_is_parsed_with_types_defaults_and_help() -> None:
    assert [(p.name, p.type.text, p.default, p.help) for p in DECLARED][1:3] == [
        ("game_date", "str", "today", "date of the games"),
        ("limit", "Optional[int]", None, "rows; empty: all"),
    ]
    assert resolved() == {parameter.name: parameter.default for parameter in DECLARED}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("game_date", "", ""),
        ("game_date", "yesterday", "yesterday"),
        ("game_date", "2028-02-29", "2028-02-29"),
        ("limit", "", None),
        ("limit", "none", None),
        ("limit", "-3", -3),
        ("threshold", "1e-3", 0.001),
        ("mode", "apply", "apply"),
        ("lock", "", ""),
        ("lock", "off", "off"),
        ("player", "anyone", "anyone"),
        ("pages", "", None),
        ("kind", "2", 2),
        ("dry_run", "false", False),
        ("players", "a, b,,c", ["a", "b", "c"]),
    ],
)
def test_text_becomes_the_declared_type(name: str, text: str, value: object) -> None:
    assert resolved(**{name: text})[name] == value


@pytest.mark.parametrize(
    ("name", "wrong", "expected"),
    [
        ("limit", "abc", "a whole number or empty"),
        ("limit", "1.5", "a whole number or empty"),
        ("limit", True, "a whole number or empty"),
        ("threshold", "nan", "a number"),
        ("mode", "aply", "one of preview, apply"),
        ("mode", "", "one of preview, apply"),
        ("mode", True, "one of preview, apply"),
        ("lock", "OFF", "one of off, on or empty"),
        ("kind", "b", "one of a, 2"),
        ("dry_run", "maybe", "true or false"),
        ("game_date", "2026-02-30", "a date as YYYY-MM-DD"),
        ("environment", "\udcff", "text"),
        ("players", [1], "texts separated by commas"),
    ],
)
def test_wrong_value_is_one_line_that_names_parameter_value_and_type(name: str, wrong: object, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        resolved(**{name: wrong})
    message = str(caught.value)
    assert name in message
    assert repr(wrong) in message
    assert expected in message
    assert "\n" not in message


def test_unknown_name_is_refused_with_the_closest_one() -> None:
    with pytest.raises(UserError, match=r"no parameter 'game_dat'; did you mean game_date\?"):
        resolved(game_dat="2026-01-17")


@pytest.mark.parametrize("assignments", [["limit"], ["=3"], ["limit=1", "limit=2"]])
def test_malformed_assignments_are_refused(assignments: list[str]) -> None:
    with pytest.raises(UserError):
        parse_assignments(assignments)


@pytest.mark.parametrize(
    "cell",
    [
        *("x = 1", "x: dict = {}", "x: int = 'a'", "x: int = compute()", "x: int", "def", "x: str = 'open"),
        *("x: str = 'c'  # one of a, b: which", "x: str = ''  # one of a, b: which", "x: Literal['a'] = 'b'"),
    ],
)
def test_invalid_cell_is_refused(cell: str) -> None:
    with pytest.raises(UserError, match=r"test\.ipynb"):
        declared_parameters(cell, where="test.ipynb")


@given(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.dates(date(1900, 1, 1), date(2999, 12, 31)),
)
def test_what_python_writes_is_read_back(whole: int, number: float, flag: bool, day: date) -> None:
    texts = parse_assignments(
        [f"limit={whole}", f"threshold={number!r}", f"dry_run={flag}", f"game_date={day.isoformat()}"]
    )
    values = resolved(**texts)
    assert (values["limit"], values["threshold"], values["dry_run"]) == (whole, number, flag)
    assert values["game_date"] == day.isoformat()


def test_an_old_name_is_accepted_if_the_runbook_has_the_new_one() -> None:
    renamed = declared_parameters('date: str = "today"', where="test.ipynb")
    assert resolve_values(renamed, {"game_date": "2026-01-17"}) == {"date": "2026-01-17"}
    assert resolve_values(renamed, {"game_date": "2026-01-17", "date": "2026-01-17"}) == {"date": "2026-01-17"}
    with pytest.raises(UserError, match="parameter date is also given under its old name, with a different value"):
        resolve_values(renamed, {"game_date": "2026-01-17", "date": "today"})
    assert resolved(game_date="2026-01-17")["game_date"] == "2026-01-17"  # a project's own runbook may keep it
    with pytest.raises(UserError, match="no parameter 'game_date'"):
        resolve_values(declared_parameters("limit: int = 1", where="test.ipynb"), {"game_date": "2026-01-17"})
    assert current_names({"game_date": "2026-01-17", "limit": 1}) == {"date": "2026-01-17", "limit": 1}


@given(st.lists(st.text(alphabet="ab \n").map(str.strip).filter(bool)))
def test_a_list_is_passed_on_unchanged(players: list[str]) -> None:
    _, assignment = assignment_words({"players": players})
    assert resolved(**parse_assignments([assignment])) == resolved(players=players)


@pytest.mark.parametrize("players", [["a,b"], ["a", " c"], ["a", ""]])
def test_a_list_that_would_change_is_not_passed_on(players: list[str]) -> None:
    with pytest.raises(UserError, match=r"parameter players: .* cannot be passed on"):
        assignment_words({"players": players})


@given(st.text())
def test_any_text_is_a_value_or_a_clear_error(text: str) -> None:
    for parameter in DECLARED:
        assert "\n" not in outcome(parameter, text)


def outcome(parameter: Parameter, text: str) -> str:
    try:
        return repr(parameter.value(text))
    except UserError as error:
        return str(error)
