"""Translates GoogleSQL, in which all statements are written, to DuckDB's SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import sqlglot
from sqlglot import exp

from lib.consolidation.identifiers import TableName
from lib.consolidation.warehouse import Parameters, Value
from lib.embedded.newest_of_each import sorted_where_needed

_TYPES = {
    "STRING": "VARCHAR",
    "INT64": "BIGINT",
    "FLOAT64": "DOUBLE",
    "NUMERIC": "DECIMAL(38, 9)",
    "BOOL": "BOOLEAN",
    "DATE": "DATE",
    "DATETIME": "TIMESTAMP",
    "TIMESTAMP": "TIMESTAMPTZ",
    "BYTES": "BLOB",
    "JSON": "JSON",
}
_NUMERIC = (38, 9)
_STAND_IN = "stand-in"  # not a valid name of a dataset: see `TableName`
_ONE_OF_THEM, _ALL_OF_THEM = "one-of-them", "all-of-them"  # not valid names of tables
_SAME_OF_EACH = re.compile(
    r"SELECT '(?P<table>\w+)' AS staging_table, (?P<items>.+?) FROM (?P<dataset>`\w+`\.)`(?P=table)`(?P<rest>.*?)"
    r"(?: UNION ALL SELECT '(?P<next>\w+)' AS staging_table, (?P=items) FROM (?P=dataset)`(?P=next)`(?P=rest))+"
    r"(?=\)|$| UNION ALL | ORDER BY )"  # what follows belongs to all of them, not to the last one
)
_TABLE_OF_EACH = re.compile(r"SELECT '(\w+)' AS staging_table, ")
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)(?:\[\])?")
_NAMES = {
    "VARCHAR": "STRING",
    "TINYINT": "INT64",
    "SMALLINT": "INT64",
    "INTEGER": "INT64",
    "BIGINT": "INT64",
    "FLOAT": "FLOAT64",
    "DOUBLE": "FLOAT64",
    "BOOLEAN": "BOOL",
    "DATE": "DATE",
    "TIMESTAMP": "DATETIME",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "BLOB": "BYTES",
    "JSON": "JSON",
}


@lru_cache(maxsize=512)
def translate(sql: str) -> tuple[str, frozenset[str]]:
    """Return the statement in DuckDB's SQL and the names of its parameters."""
    tree = duckdb_tree(sql)
    names = frozenset(parameter.name for parameter in tree.find_all(exp.Parameter))
    return tree.transform(sorted_where_needed, copy=False).sql(dialect="duckdb", copy=False), names


def duckdb_tree(sql: str) -> exp.Expr:
    """Return the statement's syntax tree as DuckDB runs it."""
    tree = sqlglot.parse_one(sql, read="bigquery")
    for rewritten in (_null_safe_equality, _counted, _partitioned_by_number):
        tree = tree.transform(rewritten, copy=False)
    return tree


def _null_safe_equality(node: exp.Expr) -> exp.Expr:
    """Replace ``a = b OR (a IS NULL AND b IS NULL)``, for which DuckDB would compare every pair of rows."""
    equal = node.this if isinstance(node, exp.Or) else None
    if not isinstance(equal, exp.EQ):
        return node
    both_null = exp.and_(equal.left.is_(exp.null()), equal.right.is_(exp.null()))
    return exp.NullSafeEQ(this=equal.left, expression=equal.right) if node.expression.unnest() == both_null else node


def _counted(node: exp.Expr) -> exp.Expr:
    """Make ``COUNTIF`` of no rows 0, as in BigQuery; DuckDB returns NULL, which fails every requirement."""
    if not isinstance(node, exp.CountIf):
        return node
    return exp.Count(this=exp.Case(ifs=[exp.If(this=node.this, true=exp.Literal.number(1))]))


def _partitioned_by_number(node: exp.Expr) -> exp.Expr:
    """Partition by the number instead of ``CAST(number + 0 AS STRING)``: in DuckDB, -0.0 equals 0.0 anyway."""
    if isinstance(node, exp.Window):
        for part in node.args.get("partition_by") or []:
            if isinstance(part, exp.Cast) and part.is_type("text") and isinstance(part.this, exp.Add):
                part.replace(part.this.this)
    return node


def bind(sql: str, parameters: Parameters, passing: Iterable[TableName] = ()) -> tuple[str, dict[str, Value]]:
    """Return the translated statement and the parameters that it uses.

    Args:
        sql: The statement in GoogleSQL.
        parameters: Values by name.
        passing: Tables that exist only for this statement. Their names are replaced after translation, so that
            it is cached: translating takes longer than running the statement.
    """
    relations = list(passing)
    for number, relation in enumerate(relations):
        sql = sql.replace(relation.sql, f"`{_STAND_IN}`.`{number}`")
    translated, names = _translated_once(sql)
    for number, relation in enumerate(relations):
        translated = translated.replace(f'"{_STAND_IN}"."{number}"', f'"{relation.dataset}"."{relation.table}"')
    return translated, {name: parameters[name] for name in names}


def _translated_once(sql: str) -> tuple[str, frozenset[str]]:
    """Translate a statement; a SELECT repeated for many staging tables is translated only once.

    For 200 tables this takes a fiftieth of the time, and less than running the statement.
    """
    found = _SAME_OF_EACH.search(sql)
    if not found:
        return translate(sql)
    whole, names = translate(f"{sql[: found.start()]}SELECT * FROM `{_ALL_OF_THEM}`{sql[found.end() :]}")
    select = f"SELECT '{_ONE_OF_THEM}' AS staging_table, {found['items']} FROM {found['dataset']}`{_ONE_OF_THEM}`"
    one, more_names = translate(f"{select}{found['rest']}")
    each = " UNION ALL ".join(one.replace(_ONE_OF_THEM, table) for table in _TABLE_OF_EACH.findall(found[0]))
    return whole.replace(f'"{_ALL_OF_THEM}"', f"({each})"), names | more_names


def to_duckdb_type(googlesql_type: str) -> str:
    """Return DuckDB's name of a type: ``ARRAY<STRING>`` → ``VARCHAR[]``."""
    if googlesql_type.startswith("ARRAY<"):
        return f"{_TYPES[googlesql_type[6:-1]]}[]"
    return _TYPES[googlesql_type]


def to_googlesql_type(duckdb_type: str) -> str:
    """Return GoogleSQL's name of a type: ``DECIMAL(4,1)`` → ``NUMERIC``; others keep their name."""
    if duckdb_type.endswith("[]"):
        return f"ARRAY<{to_googlesql_type(duckdb_type[:-2])}>"
    if duckdb_type.startswith("DECIMAL"):
        return "NUMERIC"
    return _NAMES.get(duckdb_type, duckdb_type)


def type_parameters(duckdb_type: str) -> tuple[int, ...]:
    """Return the parameters of a type: ``DECIMAL(4,1)`` → (4, 1); none for the DECIMAL that represents NUMERIC."""
    found = _DECIMAL.fullmatch(duckdb_type)
    parameters = (int(found[1]), int(found[2])) if found else ()
    return () if parameters == _NUMERIC else parameters
