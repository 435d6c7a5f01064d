"""The cost gate: estimates each query of a runbook and refuses those over a limit.

A dry run is free, and its estimate is an upper bound (https://cloud.google.com/bigquery/docs/estimate-costs).
Consolidations bypass this gate, so that a growing table never leaves a batch in staging;
the environment's `maximum_bytes_billed` limits them.
"""

from __future__ import annotations

from typing import Any

from lib.consolidation.errors import QueryOverLimit
from lib.consolidation.warehouse import Parameters, Row
from lib.gcp.bigquery_warehouse import BigqueryWarehouse
from lib.ports.jobs import QueryCost, ReadBudget
from lib.words.quantities import spoken_bytes


class MeteredBigqueryWarehouse(BigqueryWarehouse):
    """A `BigqueryWarehouse` that estimates, limits and records its queries.

    Args:
        query_limit_bytes: Queries that would read more than this are refused.
        budget: Bytes that all queries may read in total; None: no limit.

    Attributes:
        costs: The queries so far, in order.
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
            # An estimate may be wrong; BigQuery enforces a limit on billed bytes.
            limit = min(self._query_limit_bytes, self._maximum_bytes_billed or self._query_limit_bytes)
            config = self._query_config(sql, parameters, maximum_bytes_billed=limit)
            rows, read = self._rows_and_bytes(sql, config)
            if self._budget:  # only after success: what a failed query has read is unknown
                self._budget.give_back(max(0, estimated - read))
            return rows
        finally:
            self.costs.append(QueryCost(sql, estimated, read))

    def _admit(self, estimated: int) -> None:
        if estimated > self._query_limit_bytes:
            raise QueryOverLimit(
                f"the query was not run: it would read {spoken_bytes(estimated)}, and this environment allows "
                f"{spoken_bytes(self._query_limit_bytes)} per query; narrow the question, or raise "
                "google.query_limit_gb in the environment's file (params/environments)",
                self._query_limit_bytes / estimated,
            )
        if self._budget and (taken := self._budget.take(estimated)) < estimated:
            self._budget.give_back(taken)
            raise QueryOverLimit(
                f"the query was not run: it would read {spoken_bytes(estimated)}, and {spoken_bytes(taken)} are left "
                "of this session's budget; narrow the question, or start a session with a higher --max-bytes",
                taken / estimated,
            )
