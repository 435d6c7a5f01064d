"""What a run read from the warehouse: estimated before each query, and counted after it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from lib.verdict.check import Question
from lib.verdict.section import Section, section
from lib.verdict.table import Table, facts
from lib.words.quantities import spoken_bytes

if TYPE_CHECKING:
    from lib.operations.scope import Scope


@section(Question("query_costs", "What this run read"))
def what_was_read(scope: Scope) -> Section:
    """The queries of this run so far, the largest first, with estimated and actual bytes. Judges nothing."""
    costs = scope.platform.query_costs
    caption = "What this run read"
    if costs is None:
        return Section((), (facts(caption, {"bytes": "not counted: this platform bills nothing for reading"}),))
    estimated = sum(cost.estimated_bytes for cost in costs)
    read = sum(cost.read_bytes or 0 for cost in costs)
    refused = sum(cost.read_bytes is None for cost in costs)
    counted = Counter(costs)
    rows = [
        (spoken_bytes(cost.estimated_bytes), spoken_bytes(cost.read_bytes), times, cost.statement[:200])
        for cost, times in sorted(counted.items(), key=lambda pair: -pair[0].estimated_bytes * pair[1])
    ]
    note = (
        f"{len(costs)} queries: {spoken_bytes(estimated)} estimated, {spoken_bytes(read)} read"
        f"{f', {refused} refused or failed' if refused else ''}. "
        "A consolidation's own transaction is not among them; its bytes stand in its result."
    )
    return Section((), (Table(caption, ("Estimated", "Read", "Times", "Query"), rows, note, shown=15),))
