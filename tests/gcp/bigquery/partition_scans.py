"""Finds scans that read a whole partitioned table, in GoogleSQL's resolved tree.

BigQuery prunes partitions by filters that compare the partition column with constants
(https://cloud.google.com/bigquery/docs/querying-partitioned-tables). Counted here: =, <, <=,
>, >= and BETWEEN against literals and parameters. Not counted, because BigQuery's documentation
does not say that they prune: IN UNNEST, a function of the column, a column of another table, OR.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from zetasql.api import ResolvedNodeVisitor
from zetasql.types import (
    ResolvedCast,
    ResolvedColumnRef,
    ResolvedDeleteStmt,
    ResolvedExpr,
    ResolvedFilterScan,
    ResolvedFunctionCallBase,
    ResolvedInsertStmt,
    ResolvedJoinScan,
    ResolvedJoinScanEnums,
    ResolvedLiteral,
    ResolvedMergeStmt,
    ResolvedNode,
    ResolvedOrderByScan,
    ResolvedParameter,
    ResolvedProjectScan,
    ResolvedScan,
    ResolvedTableScan,
    ResolvedUpdateStmt,
    ResolvedWithScan,
)

_COMPARISONS = {"$equal", "$less", "$less_or_equal", "$greater", "$greater_or_equal", "$between"}
# A filter above these nodes also filters the scans below them; above a window or a LIMIT it does not.
_INPUTS: dict[type, tuple[str, ...]] = {
    ResolvedFilterScan: ("input_scan",),
    ResolvedProjectScan: ("input_scan",),
    ResolvedOrderByScan: ("input_scan",),
    ResolvedJoinScan: ("left_scan", "right_scan"),
    ResolvedWithScan: ("query",),
}


def unfiltered_scans(statement: ResolvedNode, table: str, column: str) -> int:
    """Count the scans of the table without a filter that compares the column with constants."""
    scans = _Scans(table, column)
    scans.visit(statement)
    return sum(column_id not in scans.filtered for column_id in scans.read)


def columns_read(statement: ResolvedNode) -> Counter[tuple[str, frozenset[str]]]:
    """Count the scans of each table by its name and the columns read."""
    tables = _Tables()
    tables.visit(statement)
    return tables.read


class _Tables(ResolvedNodeVisitor):
    def __init__(self) -> None:
        self.read: Counter[tuple[str, frozenset[str]]] = Counter()

    def visit_ResolvedTableScan(self, node: ResolvedTableScan) -> None:
        if node.table is not None:
            self.read[node.table.name, frozenset(column.name for column in node.column_list)] += 1


class _Scans(ResolvedNodeVisitor):
    """The id of the partition column in each scan (None if it is not read), and the ids that are filtered."""

    def __init__(self, table: str, column: str) -> None:
        self.read: list[int | None] = []
        self.filtered: set[int | None] = set()
        self._table, self._column = table, column

    def visit_ResolvedTableScan(self, node: ResolvedTableScan) -> None:
        self.read += self._ids(node)

    def visit_ResolvedFilterScan(self, node: ResolvedFilterScan) -> None:
        self._filter(node.filter_expr, node.input_scan)
        self.descend(node)

    def visit_ResolvedJoinScan(self, node: ResolvedJoinScan) -> None:
        kinds = ResolvedJoinScanEnums.JoinType
        # ON does not filter the preserved side of an outer join.
        if node.join_type in (None, kinds.INNER, kinds.LEFT):
            self._filter(node.join_expr, node.right_scan)
        if node.join_type in (None, kinds.INNER, kinds.RIGHT):
            self._filter(node.join_expr, node.left_scan)
        self.descend(node)

    def visit_ResolvedMergeStmt(self, node: ResolvedMergeStmt) -> None:
        self._filter(node.merge_expr, node.table_scan)
        self.descend(node)

    def visit_ResolvedUpdateStmt(self, node: ResolvedUpdateStmt) -> None:
        self._filter(node.where_expr, node.table_scan, node.from_scan)
        self.descend(node)

    def visit_ResolvedDeleteStmt(self, node: ResolvedDeleteStmt) -> None:
        self._filter(node.where_expr, node.table_scan)
        self.descend(node)

    def visit_ResolvedInsertStmt(self, node: ResolvedInsertStmt) -> None:
        """Skip the target, which is written and not read."""
        for part in (node.query, *node.row_list):
            self.visit(part)

    def _filter(self, condition: ResolvedExpr | None, *inputs: ResolvedScan | None) -> None:
        compared = {column_id for one in _conjuncts(condition) if (column_id := _compared_with_constants(one))}
        self.filtered |= compared & {column_id for scan in inputs for column_id in self._ids(scan)}

    def _ids(self, scan: ResolvedScan | None) -> Sequence[int | None]:
        """Return the partition column's ids in all scans that filters above this node apply to."""
        if isinstance(scan, ResolvedTableScan):
            if scan.table is None or scan.table.name != self._table:
                return []
            return [next((one.column_id for one in scan.column_list if one.name == self._column), None)]
        inputs = _INPUTS.get(type(scan), ())
        return [column_id for name in inputs for column_id in self._ids(getattr(scan, name))]


def _conjuncts(condition: ResolvedExpr | None) -> Iterator[ResolvedExpr]:
    if condition is None:
        return
    if _function(condition) != "$and":
        yield condition
        return
    assert isinstance(condition, ResolvedFunctionCallBase)
    for part in condition.argument_list:
        yield from _conjuncts(part)


def _compared_with_constants(condition: ResolvedExpr) -> int | None:
    """Return the id of the only column in a comparison; None for other conditions."""
    if _function(condition) not in _COMPARISONS:
        return None
    assert isinstance(condition, ResolvedFunctionCallBase)
    columns = [one for one in condition.argument_list if isinstance(one, ResolvedColumnRef) and not one.is_correlated]
    if len(columns) != 1 or sum(map(_is_constant, condition.argument_list)) != len(condition.argument_list) - 1:
        return None
    return columns[0].column.column_id if columns[0].column else None


def _is_constant(value: ResolvedExpr | None) -> bool:
    if isinstance(value, ResolvedCast):
        return _is_constant(value.expr)
    return isinstance(value, ResolvedLiteral | ResolvedParameter)


def _function(value: ResolvedExpr) -> str:
    named = value.function.name if isinstance(value, ResolvedFunctionCallBase) and value.function else None
    return (named or "").rpartition(":")[2]
