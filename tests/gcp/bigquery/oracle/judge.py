"""An embedded warehouse that also runs every statement in the reference implementation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from lib.consolidation.identifiers import TableName
from lib.consolidation.warehouse import Column, Parameters, Require, Row, Step, TransactionOutcome
from lib.embedded.duckdb_warehouse import DuckdbWarehouse
from lib.embedded.googlesql import bind, to_googlesql_type
from tests.gcp.bigquery.oracle import reference
from tests.gcp.bigquery.oracle.merges import merge_parts, merge_target
from tests.gcp.bigquery.oracle.reference import Contents, Tables
from tests.gcp.bigquery.oracle.report import Difference, Report, comparable

_TABLES = """
SELECT schema_name, table_name FROM duckdb_tables()
UNION ALL SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal
"""
_CREATED = re.compile(r"CREATE TEMP TABLE (\w+) AS (.*)", re.DOTALL)
# A digest covers the text of numbers and times, which each warehouse formats differently, so digests are not compared.
_DIGEST = "TO_HEX(MD5("


class JudgedWarehouse(DuckdbWarehouse):
    """A warehouse that adds its comparisons to the report; for one thread."""

    def __init__(self, path: Path, report: Report) -> None:
        super().__init__(path)
        self.report = report

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Remember the last connection, on which a transaction's steps are judged."""
        with super().connection() as connection:
            self._opened = connection
            yield connection

    def query(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        gather: Mapping[TableName, Sequence[TableName]] | None = None,
    ) -> list[Row]:
        sql, bound = _timeless(sql), parameters or {}
        with self.connection() as connection:
            tables = _contents(connection, sql, gather or {})
        rows = super().query(sql, parameters, gather=gather)
        names = list(rows[0]) if rows else []
        ours, theirs = [tuple(row.values()) for row in rows], reference.select(sql, tables, bound)
        if _DIGEST in sql:
            self.report.left_out["digests"] += 1
            digest = names.index("content")
            ours, theirs = ([(*row[:digest], *row[digest + 1 :]) for row in found] for found in (ours, theirs))
            names.remove("content")
        self.report.compare("SELECT", sql, ours, theirs)
        self.report.compare_order(sql, names, ours, theirs)
        return rows

    def transact(self, steps: Sequence[Step], parameters: Parameters, **options: Any) -> TransactionOutcome:
        return super().transact(self._judged(steps, parameters), parameters, **options)  # type: ignore[arg-type]

    def _judged(self, steps: Sequence[Step], parameters: Parameters) -> Iterator[Step]:
        """Compare the tables before and after each step in its open transaction."""
        for step in steps:
            sql = _timeless(step.sql)
            before = _contents(self._opened, sql)
            if isinstance(step, Require):
                self._judge_condition(f"SELECT {sql}", before, parameters)
                yield replace(step, sql=sql)
            else:
                yield replace(step, sql=sql)
                self._judge_change(sql, before, _contents(self._opened, sql), parameters)

    def _judge_condition(self, sql: str, tables: Tables, parameters: Parameters) -> None:
        if _DIGEST in sql:
            self.report.left_out["digests"] += 1
            return
        held = self._opened.execute(*bind(sql, parameters)).fetchall()
        self.report.compare("requirement", sql, held, reference.select(sql, tables, parameters))

    def _judge_change(self, sql: str, before: Tables, after: Tables, parameters: Parameters) -> None:
        if created := _CREATED.fullmatch(sql):
            selected = reference.select(created[2], before, parameters)
            self.report.compare("CREATE TABLE AS", sql, after[created[1]].rows, selected)
        elif sql.startswith("MERGE"):
            self._judge_merge(sql, before, after, parameters)
        else:
            [(kind, target)] = re.findall(r"^(INSERT|UPDATE)(?: INTO)? `\w+`\.`(\w+)`", sql)
            there = set(map(comparable, before[target].rows))
            changed = reference.modified_rows(sql, before, parameters)
            if kind == "INSERT":
                self.report.compare(kind, sql, after[target].rows, [*before[target].rows, *changed])
            else:
                ours, theirs = (
                    [row for row in rows if comparable(row) not in there] for rows in (after[target].rows, changed)
                )
                self.report.compare(kind, sql, ours, theirs)

    def _judge_merge(self, sql: str, before: Tables, after: Tables, parameters: Parameters) -> None:
        target = merge_target(sql)
        parts = merge_parts(sql, before[target].columns)
        unmatched, matched, inserted = (
            reference.select(part, before, parameters) if part else []
            for part in (parts.unmatched, parts.matched, parts.inserted)
        )
        self.report.compare("MERGE", sql, after[target].rows, [*unmatched, *parts.kept(matched), *inserted])
        if len(unmatched) + len(matched) != len(before[target].rows):
            self.report.differences.append(Difference("MERGE with several source rows for one row", sql, [], matched))


def _timeless(sql: str) -> str:
    """Replace the current time, which differs between two evaluations."""
    return sql.replace("CURRENT_TIMESTAMP()", "TIMESTAMP '2026-01-17 13:00:00+00'")


def _contents(
    connection: duckdb.DuckDBPyConnection, sql: str, gather: Mapping[TableName, Sequence[TableName]] | None = None
) -> dict[str, Contents]:
    """Return the contents of the statement's relations by name without dataset, gathered ones included."""
    named = set(re.findall(r"\w+", sql))
    found = connection.execute(_TABLES).fetchall()
    held = {table: _content(connection, f'FROM "{dataset}"."{table}"') for dataset, table in found if table in named}
    for relation, members in (gather or {}).items():
        union = " UNION ALL ".join(f'FROM "{member.dataset}"."{member.table}"' for member in members)
        held[relation.table] = _content(connection, union)
    return held


def _content(connection: duckdb.DuckDBPyConnection, sql: str) -> Contents:
    found = connection.execute(sql)
    kinds = [(name, str(kind).replace("HUGEINT", "BIGINT")) for name, kind, *_ in found.description or ()]
    return Contents(tuple(Column(name, to_googlesql_type(kind)) for name, kind in kinds), found.fetchall())
