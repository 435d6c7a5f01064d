"""Text from outside is harmless wherever it is shown: on pages, in notebooks and terminals."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.words.choices import no_such
from lib.words.text import one_line, printable, text_of

HOSTILE = st.text(st.characters() | st.sampled_from("\x1b\x9b\x9d[]m0\r\n\x07\x85\u2028\u202e\ud800"))


@given(HOSTILE)
def test_one_line_is_one_line_without_control_characters(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in line)
    assert one_line(line) == line
    assert {unicodedata.category(char) for char in printable(text) if char not in "\t\n"}.isdisjoint({"Cc", "Cs"})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a \x1b[31mred\x1b[0m line\r\nand more", "a red line and more"),
        ("\x9b2Jgone", "gone"),
        ("tab\tnul\0 end", "tab nul\N{REPLACEMENT CHARACTER} end"),
        ("\u202egnp.exe", "\N{REPLACEMENT CHARACTER}gnp.exe"),
    ],
)
def test_escape_sequences_are_also_removed_from_cells(text: str, shown: str) -> None:
    assert one_line(text) == text_of(text) == shown


def test_a_long_unknown_name_costs_no_more_time() -> None:
    message = str(no_such("table", "orders" * 100_000, ["orders", "refunds"]))
    assert message.startswith("there is no table 'ordersorders")
    assert len(message) < 200
    assert message.endswith("Known: orders, refunds")
