"""The cost gate: what runbooks ask BigQuery is estimated first, and refused over a limit.

A dry run is free, and its estimate an upper bound
(https://cloud.google.com/bigquery/docs/estimate-costs). A consolidation's transaction does
not pass here: a batch must not stay in staging because a table has grown, and its own limit
is the environment's `maximum_bytes_billed`.
"""

from __future__ import annotations

from typing import Any

from lib.consolidation.errors import QueryOverLimit
from lib.consolidation.warehouse import Parameters, Row
from lib.gcp.bigquery_warehouse import BigqueryWarehouse
from lib.ports.jobs import QueryCost, ReadBudget
from lib.words.quantities import spoken_bytes


class MeteredBigqueryWarehouse(BigqueryWarehouse):
    """A `BigqueryWarehouse` whose queries are estimated, held against a limit and counted.

    Args:
        query_limit_bytes: A query that would read more is not run.
        budget: What all queries together may read; None: no limit.

    Attributes:
        costs: The queries so far, in their order.
    """

    def __init__(self, *args: Any, query_limit_bytes: int, budget: ReadBudget | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._budget = budget
        self._query_limit_bytes = query_limit_bytes
        self.costs: list[QueryCost] = []

    def _answer(self, sql: str, parameters: Parameters) -> list[Row]:
        estimated = self.estimate(sql, parameters)
        read: int | None = None
        try:
            self._admit(estimated)
            # The belt: an estimate may be wrong, a limit on what is billed is not.
            limit = min(self._query_limit_bytes, self._maximum_bytes_billed or self._query_limit_bytes)
            config = self._query_config(sql, parameters, maximum_bytes_billed=limit)
            rows, read = self._rows_and_bytes(sql, config)
            if self._budget:  # what a query has read that failed is not known
                self._budget.give_back(max(0, estimated - read))
            return rows
        finally:
            self.costs.append(QueryCost(sql, estimated, read))

    def _admit(self, estimated: int) -> None:
        if estimated > self._query_limit_bytes:
            raise QueryOverLimit(
                f"the query would read {spoken_bytes(estimated)}, and this environment allows "
                f"{spoken_bytes(self._query_limit_bytes)} a query; it was not run. Ask about less, or raise "
                "google.query_limit_gb in the file of params/environments",
                self._query_limit_bytes / estimated,
            )
        if self._budget and (taken := self._budget.take(estimated)) < estimated:
            self._budget.give_back(taken)
            raise QueryOverLimit(
                f"the query would read {spoken_bytes(estimated)}, and {spoken_bytes(taken)} are left of what this "
                "session may read; it was not run. Ask about less, or begin a session with more --max-bytes",
                taken / estimated,
            )
