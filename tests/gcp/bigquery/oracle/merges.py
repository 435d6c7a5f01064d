"""Rewrites a MERGE as equivalent SELECTs, because the reference implementation cannot run a MERGE."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from lib.consolidation.warehouse import Column
from tests.gcp.bigquery.oracle.reference import Row


@dataclass(frozen=True)
class MergeParts:
    """The target of a MERGE afterwards, in three parts.

    Attributes:
        unmatched: Rows of the target that match no row of the source.
        matched: A row for each matching pair, with the values after the MERGE.
        inserted: Rows of the source that match nothing; empty if the MERGE does not insert them.
        is_delete: Whether the MERGE deletes matched rows.
    """

    unmatched: str
    matched: str
    inserted: str
    is_delete: bool

    def kept(self, matched: Sequence[Row]) -> Sequence[Row]:
        """The matched rows that remain afterwards."""
        return [] if self.is_delete else matched


def merge_target(sql: str) -> str:
    """Return the target's name without its dataset."""
    return sqlglot.parse_one(sql, read="bigquery").this.name


def merge_parts(sql: str, columns: Sequence[Column]) -> MergeParts:
    """Split a MERGE in one of the library's forms into its parts."""
    tree = sqlglot.parse_one(sql, read="bigquery")
    target, source, on = (tree.args[part].sql("bigquery") for part in ("this", "using", "on"))
    updates: dict[str, str] = {}
    inserts: dict[str, str] = {}
    is_delete = False
    for when in tree.args["whens"].expressions:
        then = when.args["then"]
        if isinstance(then, exp.Update):
            updates = {one.left.name: one.right.sql("bigquery") for one in then.expressions}
        elif isinstance(then, exp.Insert):
            names = [column.name for column in then.this.expressions]
            inserts = dict(zip(names, (one.sql("bigquery") for one in then.expression.expressions), strict=True))
        else:
            is_delete = True
    alias = tree.this.alias
    changed = _items(columns, updates, lambda column: f"{alias}.`{column.name}`")
    new = _items(columns, inserts, lambda column: f"CAST(NULL AS {column.type})")
    return MergeParts(
        unmatched=f"SELECT {alias}.* FROM {target} WHERE NOT EXISTS (SELECT 1 FROM {source} WHERE {on})",
        matched=f"SELECT {changed} FROM {target} JOIN {source} ON {on}",
        is_delete=is_delete,
        inserted=f"SELECT {new} FROM {source} WHERE NOT EXISTS (SELECT 1 FROM {target} WHERE {on})" if inserts else "",
    )


def _items(columns: Sequence[Column], given: Mapping[str, str], otherwise: Callable[[Column], str]) -> str:
    return ", ".join(f"{given.get(column.name, otherwise(column))} AS `{column.name}`" for column in columns)
