"""Estimates what a statement would read: its columns, in the partitions that remain after its filters.

See https://cloud.google.com/bigquery/docs/estimate-costs and querying-partitioned-tables. Each
scan counts, so reading a table twice costs twice. A LIMIT saves nothing. Where the page is silent,
or this analysis is not deep enough, the estimate is higher: whole rows of tables that DML changes, and of
each other table that is not read by a subquery.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlglot import exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope

from tests.gcp.bigquery.double.partition_filter import constant_comparisons
from tests.gcp.bigquery.double.sizes import EVERY_DAY, Days, overlap

Name = tuple[str, str]
_DAY = timedelta(days=1)
_MIRRORED = {exp.LT: exp.GT, exp.LTE: exp.GTE, exp.GT: exp.LT, exp.GTE: exp.LTE, exp.EQ: exp.EQ}


@dataclass(frozen=True)
class Scan:
    """One scan of a table.

    Attributes:
        columns: Columns that are read; None: all.
        days: First and last partition that are read.
    """

    table: Name
    columns: frozenset[str] | None = None
    days: Days = EVERY_DAY


@dataclass(frozen=True)
class Reader:
    """The tables as they are when a statement arrives.

    Attributes:
        schemas: Types of columns by dataset and name; tables that are missing here are not counted.
        partitioned: The date column by which a table is partitioned, if any.
        parameters: Parameters of the statement.
    """

    schemas: Mapping[Name, Mapping[str, str]]
    partitioned: Mapping[Name, str]
    parameters: Mapping[str, Any]

    def scans(self, tree: exp.Expression) -> Iterator[Scan]:
        """Return all scans of a statement."""
        if isinstance(tree, exp.Insert | exp.Create):
            yield from self.scans(tree.expression) if tree.expression else ()
            return
        try:
            yield from self._of_query(tree.copy()) if isinstance(tree, exp.Query) else self._of_rows(tree)
        except OptimizeError:  # a * over a temporary table
            yield from self._of_rows(tree)

    def _of_rows(self, tree: exp.Expression) -> list[Scan]:
        return [self._scan(table, None) for table in tree.find_all(exp.Table)]

    def _of_query(self, query: exp.Query) -> list[Scan]:
        schema: dict[str, dict[str, Mapping[str, str]]] = {}
        for (dataset, table), columns in self.schemas.items():
            schema.setdefault(dataset, {})[table] = columns
        qualified = qualify(
            query, dialect="bigquery", schema=schema, validate_qualify_columns=False, quote_identifiers=False
        )
        if not qualified.find(exp.Except, exp.Intersect):  # sqlglot would omit columns that these compare
            qualified = pushdown_projections(qualified)
        return [
            self._scan(source, {column.name for column in scope.columns if column.table == alias})
            for scope in traverse_scope(qualified)
            for alias, source in scope.sources.items()
            if isinstance(source, exp.Table)
        ]

    def _scan(self, table: exp.Table, columns: Collection[str] | None) -> Scan:
        name = (table.db, table.name)
        partitioned_by = self.partitioned.get(name)
        days = EVERY_DAY
        if partitioned_by:
            compared = constant_comparisons(table, partitioned_by)
            days = overlap(self._days(condition, partitioned_by) for condition in compared)
        return Scan(name, None if columns is None else frozenset(columns), days)

    def _days(self, condition: exp.Expression, column: str) -> Days:
        """Return the days that may meet the condition; all if its constant is not a date."""
        if isinstance(condition, exp.Between):
            if not isinstance(condition.this, exp.Column):
                return EVERY_DAY
            low, high = (self._date(condition.args[name]) for name in ("low", "high"))
            return low or date.min, high or date.max
        is_left = isinstance(condition.this, exp.Column) and condition.this.name == column
        constant = condition.expression if is_left else condition.this
        found = self._date(constant)
        kind = type(condition) if is_left else _MIRRORED[type(condition)]
        if found is None:
            return EVERY_DAY
        if kind is exp.EQ:
            return found, found
        if kind in (exp.GT, exp.GTE):
            return found + _DAY * (kind is exp.GT and not isinstance(self._value(constant), datetime)), date.max
        return date.min, found - _DAY * (kind is exp.LT and self._begins_a_day(constant))

    def _value(self, constant: exp.Expression) -> Any:
        if isinstance(constant, exp.Cast):
            return self._value(constant.this)
        return self.parameters.get(constant.name) if isinstance(constant, exp.Parameter) else constant.this

    def _begins_a_day(self, constant: exp.Expression) -> bool:
        value = self._value(constant)
        return not isinstance(value, datetime) or value.time() == time.min

    def _date(self, constant: exp.Expression) -> date | None:
        """Return the partition, a UTC day, that contains the constant."""
        value = self._value(constant)
        if isinstance(value, datetime):
            return value.date()
        try:
            return value if isinstance(value, date) else date.fromisoformat(str(value))
        except ValueError:
            return None
