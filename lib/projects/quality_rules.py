"""Rules for the values of a new table, learnt from the rows that there are: few, and such as new rows keep."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lib.consolidation.schema import NUMBERS
from lib.projects.sample import Sample

# A column of so few words, in so many rows a word, has no others.
_MOST_WORDS = 8
_FEWEST_ROWS_A_WORD = 20
# Numbers that name something: their mean says nothing.
_ID = re.compile(r"(^|_)(id|key|code|no|number)$")


def learnt_rules(sample: Sample, known: Sequence[str]) -> list[dict[str, Any]]:
    """A rule for each column that has one, as ``columns:`` of a quality file takes it.

    Args:
        known: Columns that the settings name, which are judged without a rule.
    """
    rules = []
    for column in sample.columns:
        if column.name in known:
            continue
        rule = _values_of(sample, column.name, column.type)
        if not sample.empty(column.name):
            rule["required"] = True
        if rule:
            rules.append({"column": column.name, **rule})
    return rules


def _values_of(sample: Sample, name: str, type_: str) -> dict[str, Any]:
    if type_ == "STRING":
        words = sample.values(name)
        rows = len(sample) - sample.empty(name)
        few = 0 < len(words) <= _MOST_WORDS and rows >= _FEWEST_ROWS_A_WORD * len(words)
        return {"one_of": sorted(map(str, words))} if few else {}
    if type_ in NUMBERS and not _ID.search(name.lower()):
        return {"lowest": 0} if min(map(float, sample.values(name)), default=-1.0) >= 0 else {}
    return {}
