"""A MERGE as SELECTs that mean the same: the reference implementation runs no MERGE."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from lib.consolidation.warehouse import Column
from tests.gcp.bigquery.oracle.reference import Row


@dataclass(frozen=True)
class MergeParts:
    """What a MERGE leaves of its target, in three parts.

    Attributes:
        unmatched: The target's rows that no source row matches.
        matched: A row for each pair that matches, with the values after the MERGE.
        inserted: The rows of the source that match nothing; empty: they are not inserted.
        is_delete: Whether the matched rows go.
    """

    unmatched: str
    matched: str
    inserted: str
    is_delete: bool

    def kept(self, matched: Sequence[Row]) -> Sequence[Row]:
        """The matched rows that are there afterwards."""
        return [] if self.is_delete else matched


def merge_target(sql: str) -> str:
    """The target's name without its dataset."""
    return sqlglot.parse_one(sql, read="bigquery").this.name


def merge_parts(sql: str, columns: Sequence[Column]) -> MergeParts:
    """Take a MERGE of the forms that the library writes to pieces."""
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
