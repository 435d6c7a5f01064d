"""Variants without one of the defences for a table where a moved line supersedes the old one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lib.consolidation.fence
import lib.consolidation.merge
from lib.consolidation import superseding
from lib.consolidation.fence import SPEC_CHANGED, STALE_TOKEN
from lib.consolidation.key import counted_rows, quoted, same_key
from lib.consolidation.merge import NEW_DUPLICATES, NONE_ACTIVE, TWO_ACTIVE
from lib.consolidation.warehouse import Execute, Step
from proof.variant import Variant
from proof.variants import RACED_FENCE_ROWS, with_steps, without_requirement
from proof.warehouse import SimulatedWarehouse
from tests.consolidation.unfenced import unmoved
from tests.consolidation.world import LINES_MOVE

_run_transaction = SimulatedWarehouse.transact
_merge_source = superseding.merge_source
_UNCHECKED = without_requirement(lib.consolidation.merge, TWO_ACTIVE, NONE_ACTIVE, NEW_DUPLICATES)
_DEACTIVATE = Execute(
    "deactivate",
    f"UPDATE {LINES_MOVE.table.sql} AS T SET {quoted(LINES_MOVE.active_column)} = FALSE "
    f"WHERE {counted_rows(LINES_MOVE, 'T')} AND EXISTS (SELECT 1 FROM {LINES_MOVE.superseded.sql} AS W "
    f"WHERE W.superseded_by = @run_id AND {same_key(LINES_MOVE, 'T', 'W')})",
)


def _supersede_afterwards(self: Any, steps: Sequence[Step], parameters: Any, **options: Any) -> Any:
    """As the pipeline did: first the MERGE, and then an UPDATE by itself."""
    [*later] = [step for step in steps if isinstance(step, Execute) and step.name == "supersede"]
    outcome = _run_transaction(self, [step for step in steps if step not in later], parameters, **options)
    if later:
        options["job_id"] = f"{options['job_id']}_afterwards"
        _run_transaction(self, [*later, _DEACTIVATE], parameters, **options)
    return outcome


def _all_are_kept(staged: Any) -> str:
    return f"(SELECT * REPLACE (TRUE AS {superseding.KEPT}) FROM {_merge_source(staged)} AS marked)"


MOVING_OFF = (
    Variant(
        "superseded-afterwards",
        "old lines are set inactive by an UPDATE after the MERGE was committed",
        [(SimulatedWarehouse, "transact", _supersede_afterwards), _UNCHECKED],
        lines_move=True,
    ),
    Variant(
        "all-lines-of-a-batch-stay",
        "several lines of one batch all stay active, and nothing checks it",
        [(superseding, "merge_source", _all_are_kept), _UNCHECKED],
        lines_move=True,
    ),
    Variant(
        "no-fence-lines-move",
        "the transaction has no fence, and lines move",
        [
            RACED_FENCE_ROWS,
            with_steps(unmoved),
            without_requirement(lib.consolidation.fence, SPEC_CHANGED, STALE_TOKEN),
        ],
        not_asked=frozenset({"fence"}),
        lines_move=True,
    ),
)

MOVING_SECOND_LINES = (
    Variant(
        "no-check-of-active-lines",
        "the transaction does not check that each staged player has one active line",
        [without_requirement(lib.consolidation.merge, TWO_ACTIVE, NONE_ACTIVE)],
        lines_move=True,
    ),
)
