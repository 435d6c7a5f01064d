"""Numbers with nouns and verbs: singular after 1, plural after all others."""

from __future__ import annotations

import pytest

from lib.words.nouns import agreeing, counted, plural, singular
from lib.words.quantities import Quantity


@pytest.mark.parametrize("noun", ["row", "batch", "entry", "day", "duplicate key", "staging table", "MERGE"])
def test_the_singular_of_a_plural_is_the_noun(noun: str) -> None:
    assert plural(noun) != noun
    assert singular(plural(noun)) == noun
    assert singular(noun) == noun


def test_noun_and_verb_agree_with_the_number() -> None:
    assert counted(1, "row", "is") == "1 row is"
    assert counted(0, "row", "is") == "0 rows are"
    assert counted(1_200, "batch", "waits") == "1,200 batches wait"
    assert [agreeing(2, verb) for verb in ("has", "was", "continues")] == ["have", "were", "continue"]


@pytest.mark.parametrize(
    ("quantity", "words"),
    [
        (Quantity(1, "rows a table"), "1 row a table"),
        (Quantity(1.5, "rows a table"), "1.5 rows a table"),
        (Quantity(0, "rows"), "0 rows"),
        (Quantity(1, "ms"), "1 ms"),
        (Quantity(1, "of one row"), "1 of one row"),
    ],
)
def test_a_quantity_reads_as_a_counted_noun(quantity: Quantity, words: str) -> None:
    assert str(quantity) == words
