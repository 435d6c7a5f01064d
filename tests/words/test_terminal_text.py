"""Terminal text as shown on a page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.words.terminal_text import Screen, without_escapes


def shown(*writes: tuple[str, str]) -> list[str]:
    screen = Screen()
    for stream, text in writes:
        screen.write(text, stream, 0)
    return [row.text for row in screen.rows]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("10%\r20%\r100%\ndone\n", ["100%", "done"]),
        ("long line\rshort", ["short"]),
        ("windows\r\nlines\r\r\n", ["windows", "lines"]),
        ("held\r", ["held"]),
        ("12\b\b34", ["34"]),
        ("a\x1b[31mb\x1b[0mc", ["abc"]),
        ("outer 0\n\rinner 0\x1b[A\router 1\n\rinner 1\x1b[A\n", ["outer 1", "inner 1"]),
        ("x\x1b[99Ay", ["xy"]),
    ],
)
def test_the_final_state_is_shown(text: str, rows: list[str]) -> None:
    assert shown(("stdout", text)) == rows


def test_a_bar_and_printed_lines_do_not_mix() -> None:
    writes = [("stderr", "\r10%"), ("stdout", "one\n"), ("stderr", "\r20%"), ("stdout", "two\n"), ("stderr", "\r30%\n")]
    assert shown(*writes) == ["30%", "one", "two"]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.just("\n"))))
def test_plain_text_is_unchanged_however_it_is_split(pieces: list[str]) -> None:
    rows = shown(*(("stdout", piece) for piece in pieces))
    assert "\n".join(rows) == "".join(pieces).removesuffix("\n")


@given(
    st.lists(
        st.sampled_from(["\x1b", "[", "]", "8;;", "\x07", "\\", "31", "m", "A", "P", "\x9b", "\r", "\n", "\b", "é"])
    )
)
def test_no_escape_sequence_remains(parts: list[str]) -> None:
    text = "".join(parts)
    for result in (without_escapes(text), "".join(shown(("stdout", text)))):
        assert "\x1b" not in result


@pytest.mark.parametrize(
    "text",
    ["\x1b]8;;https://a.b\x1b\\link\x1b]8;;\x1b\\", "\x1b]8;;https://a.b\x07link\x1b]8;;\x07", "\x1b[4;1mlink\x1b[0m"],
)
def test_links_and_colours_become_their_text(text: str) -> None:
    assert without_escapes(text) == "link"
