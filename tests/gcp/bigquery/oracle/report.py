"""Counts of comparisons, and their differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlglot
from sqlglot import exp

from tests.gcp.bigquery.oracle.reference import Row


@dataclass(frozen=True)
class Difference:
    """Rows that only one side has, or rows in a different order."""

    kind: str
    sql: str
    duckdb: Sequence[Any]
    reference: Sequence[Any]

    def __str__(self) -> str:
        return f"{self.kind} differs: {self.sql}\n  DuckDB only: {self.duckdb}\n  reference only: {self.reference}"


@dataclass
class Report:
    """Numbers of comparisons by kind of statement, and all differences."""

    compared: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)

    def compare(self, kind: str, sql: str, duckdb: Iterable[Row], reference: Iterable[Row]) -> None:
        """Compare rows, ignoring their order."""
        self.compared[kind] += 1
        ours, theirs = (Counter(map(comparable, rows)) for rows in (duckdb, reference))
        if ours != theirs:
            only = [list((one - other).elements())[:3] for one, other in ((ours, theirs), (theirs, ours))]
            self.differences.append(Difference(kind, sql, *only))

    def compare_order(self, sql: str, names: Sequence[str], duckdb: Sequence[Row], reference: Sequence[Row]) -> None:
        """Compare the order of rows by the columns in their ORDER BY."""
        ordered = [names.index(name) for name in _ordered_by(sql) if name in names]
        ours, theirs = ([comparable([row[place] for place in ordered]) for row in rows] for rows in (duckdb, reference))
        if ours != theirs:
            self.differences.append(Difference("order", sql, ours, theirs))

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(self.compared.items()))
        left_out = ", ".join(f"{count} {why}" for why, count in sorted(self.left_out.items())) or "none"
        head = f"{self.compared.total()} statements compared ({counts}); left out: {left_out}"
        return "\n".join([f"{head}; {len(self.differences)} differences", *map(str, self.differences)])


def comparable(row: Iterable[Any]) -> tuple[Any, ...]:
    """Return values with their types so that values equal in SQL compare equal: -0.0 and 0.0, 1.50 and 1.5.

    An empty array is NULL here: BigQuery stores and returns a NULL array as an empty one.
    """
    return tuple(map(_comparable, row))


def _comparable(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, list | tuple):
        return comparable(value) or _comparable(None)
    if isinstance(value, Decimal):
        return "NUMERIC", value.normalize() + 0
    if isinstance(value, float):
        # A sum's last digits depend on the order of rows, which neither side guarantees.
        return "FLOAT64", round(float(f"{value:.12g}"), 12) + 0.0
    return type(value).__name__, value


def _ordered_by(sql: str) -> list[str]:
    order = sqlglot.parse_one(sql, read="bigquery").args.get("order")
    return [one.this.name for one in order.expressions if isinstance(one.this, exp.Column)] if order else []
