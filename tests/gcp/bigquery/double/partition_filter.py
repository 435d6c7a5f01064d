"""`requirePartitionFilter`: a statement must filter the partition column of each scan by constants.

See https://cloud.google.com/bigquery/docs/querying-partitioned-tables. Stricter than BigQuery
where its pages say nothing: only =, <, <=, >, >= and BETWEEN count, against literals and
parameters, in WHERE, ON and a MERGE's ON, directly at the table and not further out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlglot import exp

from tests.gcp.bigquery.double.faults import ApiError

_COMPARISONS = (exp.EQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
_OUTER = {"LEFT", "RIGHT", "FULL"}


def require_partition_filters(
    tree: exp.Expression, project: str, tables: Mapping[tuple[str, str], Mapping[str, Any]]
) -> None:
    """Refuse a statement that lacks a partition filter that a table requires.

    Args:
        tree: The statement.
        project: The project, for the message.
        tables: The catalogue's records of tables, by dataset and name.
    """
    for table in tree.find_all(exp.Table):
        kept = tables.get((table.db, table.name), {})
        column = kept.get("timePartitioning", {}).get("field")
        if not (column and kept.get("requirePartitionFilter")) or (isinstance(tree, exp.Insert) and _is_target(table)):
            continue
        if next(constant_comparisons(table, column), None) is None:
            raise ApiError(
                "invalidQuery",
                f"Cannot query over table '{project}.{table.db}.{table.name}' without a filter over column(s) "
                f"'{column}' that can be used for partition elimination",
            )


def constant_comparisons(table: exp.Table, column: str) -> Iterator[exp.Expression]:
    """Return the conditions that prune partitions in a scan: those that compare the column with constants."""
    return (one for one in _filters(table) if _compares(one, column, table))


def _is_target(table: exp.Table) -> bool:
    return isinstance(table.parent, exp.Insert | exp.Schema)


def _filters(table: exp.Table) -> Iterator[exp.Expression]:
    """Return the conditions that all rows used from this scan meet."""
    around = table.find_ancestor(exp.Select, exp.Merge, exp.Update, exp.Delete)
    if around is None:
        return
    where = around.args.get("where")
    conditions = [where.this] if where else []
    if isinstance(around, exp.Merge) and around.this is table:
        conditions.append(around.args["on"])
    for join in around.args.get("joins") or []:
        # ON does not filter the preserved side of an outer join.
        if join.side not in _OUTER or (join.side == "LEFT" and join.this is table):
            conditions += [join.args["on"]] if join.args.get("on") else []
    for condition in conditions:
        yield from _conjuncts(condition)


def _conjuncts(condition: exp.Expression) -> Iterator[exp.Expression]:
    inner = condition.unnest()
    if isinstance(inner, exp.And):
        yield from _conjuncts(inner.left)
        yield from _conjuncts(inner.right)
    else:
        yield inner


def _compares(condition: exp.Expression, column: str, table: exp.Table) -> bool:
    if isinstance(condition, exp.Between):
        values = [condition.this, condition.args["low"], condition.args["high"]]
    elif isinstance(condition, _COMPARISONS):
        values = [condition.left, condition.right]
    else:
        return False
    others = [value for value in values if not _is_column(value, column, table)]
    return len(others) == len(values) - 1 and all(map(_is_constant, others))


def _is_column(value: exp.Expression, column: str, table: exp.Table) -> bool:
    return isinstance(value, exp.Column) and value.name == column and value.table in ("", table.alias_or_name)


def _is_constant(value: exp.Expression) -> bool:
    if isinstance(value, exp.Cast):
        return _is_constant(value.this)
    return isinstance(value, exp.Literal | exp.Parameter)
