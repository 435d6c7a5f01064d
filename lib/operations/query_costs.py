"""What the queries of a run read, as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lib.ports.jobs import QueryCost
from lib.verdict.section import Table
from lib.words.nouns import counted
from lib.words.quantities import spoken_bytes

_READ = "What this run read"


def cost_table(costs: Sequence[QueryCost]) -> Table:
    """Return the queries, largest first, with estimated and actual bytes where reading is billed."""
    return _billed(costs) if any(cost.estimated_bytes is not None for cost in costs) else _asked(costs)


def read_bytes(costs: Sequence[QueryCost]) -> int | None:
    """Return the bytes that they read; None: reading is not billed here."""
    if all(cost.estimated_bytes is None for cost in costs):
        return None
    return sum(cost.read_bytes or 0 for cost in costs)


def _asked(costs: Sequence[QueryCost]) -> Table:
    rows = [(times, statement[:200]) for statement, times in Counter(cost.statement for cost in costs).most_common()]
    note = f"{counted(len(costs), 'query')}. Reading is not billed here, so bytes are not counted."
    return Table(_READ, ("Times", "Query"), rows, note, shown=15)


def _billed(costs: Sequence[QueryCost]) -> Table:
    estimated = sum(cost.estimated_bytes or 0 for cost in costs)
    refused = sum(cost.read_bytes is None for cost in costs)
    rows = [
        (spoken_bytes(cost.estimated_bytes), spoken_bytes(cost.read_bytes), times, cost.statement[:200])
        for cost, times in sorted(Counter(costs).items(), key=lambda pair: -(pair[0].estimated_bytes or 0) * pair[1])
    ]
    note = (
        f"{counted(len(costs), 'query')}: {spoken_bytes(estimated)} estimated, {spoken_bytes(read_bytes(costs))} read"
        f"{f', {refused} refused or failed' if refused else ''}. "
        "A consolidation's own transaction is not included; its result shows its bytes."
    )
    return Table(_READ, ("Estimated", "Read", "Times", "Query"), rows, note, shown=15)
