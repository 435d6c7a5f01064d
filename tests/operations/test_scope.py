"""Dates are those of the operators' time zone, and shown text is escaped."""

from datetime import UTC, date, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from lib.errors import UserError
from lib.operations.scope import scope_of, what_was_read
from lib.platform import Platform
from lib.verdict.conclusion import RunCost
from lib.verdict.section import Table
from lib.words.dates import resolve_game_date
from lib.words.quantities import spoken_seconds

EASTERN = "America/New_York"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("today", date(2026, 1, 17)),
        ("", date(2026, 1, 17)),
        ("Yesterday", date(2026, 1, 16)),
        ("2026-02-28", date(2026, 2, 28)),
    ],
)
def test_late_in_the_evening_today_is_still_the_eastern_day(text: str, expected: date) -> None:
    late = datetime(2026, 1, 18, 3, 30, tzinfo=UTC)
    assert resolve_game_date(text, EASTERN, now=late) == expected
    assert resolve_game_date("today", "UTC", now=late) == date(2026, 1, 18)


@pytest.mark.parametrize(
    "wrong", [{"hours": 0}, {"hours": float("nan")}, {"timezone": "../etc/passwd"}, {"timezone": "Mars"}]
)
def test_a_scope_that_makes_no_sense_is_refused(platform: Platform, wrong: dict[str, object]) -> None:
    with pytest.raises(UserError):
        scope_of(platform, **wrong)  # type: ignore[arg-type]


def test_a_date_under_the_old_name_of_its_parameter_is_refused(platform: Platform) -> None:
    """papermill itself accepts any parameter name."""
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    try:
        shell.user_ns["game_date"] = "2026-01-16"
        with pytest.raises(UserError, match="parameter game_date is now called date; write -p date 2026-01-16"):
            scope_of(platform, game_date="today")
        assert scope_of(platform, game_date="2026-01-16").game_date == date(2026, 1, 16)  # a runbook that kept the name
    finally:
        InteractiveShell.clear_instance()


def test_a_scope_takes_the_zone_it_is_given(platform: Platform) -> None:
    moment = datetime(2026, 1, 18, 3, 30, tzinfo=UTC)
    assert scope_of(platform, now=moment).game_date == date(2026, 1, 17)
    assert scope_of(platform, now=moment, timezone="Asia/Tokyo").game_date == date(2026, 1, 18)


def test_a_run_counts_its_queries_where_reading_is_not_billed(platform: Platform) -> None:
    scope = scope_of(platform)
    for _ in range(2):
        platform.warehouse.query("SELECT 1 AS one")
    platform.warehouse.query("SELECT 2 AS two")
    (table,) = what_was_read(scope).exhibits
    assert [tuple(row) for row in table.rows] == [(2, "SELECT 1 AS one"), (1, "SELECT 2 AS two")]
    conclusion = scope.verdict()
    assert conclusion.cost == RunCost(3)
    assert conclusion.as_data()["cost"] == {"queries": 3, "read_bytes": None}
    assert str(conclusion.cost) == "3 queries"
    assert str(RunCost(1_234, 1_400_000_000)) == "1,234 queries, 1.4 GB"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(f"{tag} {attrs}" if tag == "span" else tag)


_WHOLE_WORD = "span [('class', 'whole')]"
_ANYTHING = st.one_of(st.text(), st.floats(), st.integers(), st.none(), st.binary())


@given(st.lists(st.tuples(_ANYTHING, _ANYTHING), max_size=70))
@example([(b"\0" * 12 + b" ", "a long cell of several words, with 2026-01-17")])
@example([("a long cell that ends with a <span onclick=x>word</span>", None)])
def test_a_table_shows_any_text_and_contains_only_its_own_tags(rows: list[tuple[object, object]]) -> None:
    html = Table("Rows <b>", ("a", "b"), rows, note="<i>")._repr_html_()
    tags = _Tags()
    tags.feed(html)
    assert tags.seen <= {"table", "caption", "thead", "tbody", "tr", "th", "td", "p", "b", _WHOLE_WORD}
    assert "<i>" not in html
    assert html.count("<tr>") <= 51
    html.encode("utf-8")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "-"),
        (0.019, "19 ms"),
        (0.84, "0.8 s"),
        (float("inf"), "inf s"),
        (250, "4 min 10 s"),
        (11_100, "3 h 5 min"),
        (187_200, "2 d 4 h"),
        (-90, "-1 min 30 s"),
    ],
)
def test_durations_are_spoken(seconds: float | None, expected: str) -> None:
    assert spoken_seconds(seconds) == expected
