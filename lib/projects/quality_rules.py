"""Learn rules for a new table's values from its rows: only a few, which new rows are likely to keep."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lib.consolidation.schema import NUMBERS
from lib.projects.sample import Sample

# A column with at most this many words, each in at least this many rows on average, is assumed to have no others.
_MOST_WORDS = 8
_FEWEST_ROWS_A_WORD = 20
# Numbers that are identifiers; their mean is meaningless.
_ID = re.compile(r"(^|_)(id|key|code|no|number)$")


def learnt_rules(sample: Sample, known: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rules found, in the form of ``columns:`` in a quality file.

    Args:
        sample: The rows.
        known: Columns named in the settings, which are checked without a rule.
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
