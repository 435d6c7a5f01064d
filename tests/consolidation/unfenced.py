"""The consolidation's steps with the fence looked at and not moved, to see what moving it is good for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from lib.consolidation.warehouse import Execute, Step

_MOVE = re.compile(
    r"UPDATE (\S+) AS fence SET token = (.*), moved_by = @moved_by.*? FROM (\(.*) WHERE fence\.\S+ = \S+"
)


def unmoved(steps: Sequence[Step]) -> list[Step]:
    """What would stand in the fence's row stands in a temporary table of the transaction's own."""
    fence, *others = steps
    move = _MOVE.fullmatch(fence.sql)
    if move is None:
        return list(steps)
    fences, token, counted = move.groups()
    noted = f"CREATE TEMP TABLE unmoved AS SELECT @day AS day, {token} AS token, counted.* FROM {counted}"
    return [Execute("fence", noted), *(replace(step, sql=step.sql.replace(fences, "unmoved")) for step in others)]
