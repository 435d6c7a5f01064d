"""What people read has none of the phrases that read as translated."""

import pytest

from lib.places import ROOT
from tests.house.plain_english import READ, broken_in, phrases


def test_nothing_that_people_read_has_such_a_phrase() -> None:
    found = [str(phrase) for phrase in phrases(ROOT / name for name in READ if (ROOT / name).exists())]
    assert found == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Whoever holds the lock", ["Whoever"]),
        ("# the run is\n    # told to stop", ["is told"]),  # over the end of a comment's line
        ("x is no table, and there is no lock", ["is no"]),
        ("a page that tells what is\nwrong", ["that tells"]),
        ("there is no longer a lock; nobody told them", []),
    ],
)
def test_phrases_are_found_where_they_are(text: str, words: list[str]) -> None:
    assert [found for _, found, _ in broken_in(text)] == words
