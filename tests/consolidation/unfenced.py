"""The consolidation's steps with a fence that is read but not moved, to show why it must be moved."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from lib.consolidation.warehouse import Execute, Step

_MOVE = re.compile(
    r"UPDATE (\S+) AS fence SET token = (.*), moved_by = @moved_by.*? FROM (\(.*) WHERE fence\.\S+ = \S+"
)


def unmoved(steps: Sequence[Step]) -> list[Step]:
    """Store the fence row's content in a temporary table of the transaction instead."""
    fence, *others = steps
    move = _MOVE.fullmatch(fence.sql)
    if move is None:
        return list(steps)
    fences, token, counted = move.groups()
    noted = f"CREATE TEMP TABLE unmoved AS SELECT @day AS day, {token} AS token, counted.* FROM {counted}"
    return [Execute("fence", noted), *(replace(step, sql=step.sql.replace(fences, "unmoved")) for step in others)]
