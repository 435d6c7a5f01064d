"""GoogleSQL's own analyzer (https://github.com/google/zetasql), with tables as BigQuery has them.

It knows the grammar, the functions and the types; it does not know BigQuery's planner
(which joins it accepts, what a transaction may hold) nor its quotas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from zetasql.api import Analyzer, Parser, TableBuilder, TypeFactory
from zetasql.types import (
    AnalyzerOptions,
    LanguageOptions,
    ProductMode,
    ResolvedCreateTableAsSelectStmt,
    ResolvedStatement,
    SimpleCatalog,
    SimpleTable,
    Type,
    TypeKind,
    ZetaSQLBuiltinFunctionOptions,
)

from lib.consolidation.warehouse import Column
from tests.gcp.bigquery import compiled  # noqa: F401 - before the analyzer is first used
from tests.gcp.bigquery.double import script

Schemas = Mapping[tuple[str, str], Sequence[Column]]

_KINDS = {
    "STRING": TypeKind.TYPE_STRING,
    "INT64": TypeKind.TYPE_INT64,
    "FLOAT64": TypeKind.TYPE_DOUBLE,
    "NUMERIC": TypeKind.TYPE_NUMERIC,
    "BOOL": TypeKind.TYPE_BOOL,
    "DATE": TypeKind.TYPE_DATE,
    "TIMESTAMP": TypeKind.TYPE_TIMESTAMP,
}
# As the reference lists them, as far as they are asked for:
# https://cloud.google.com/bigquery/docs/information-schema-columns and -table-options
_TABLES = {
    "table_id": "STRING",
    "row_count": "INT64",
    "creation_time": "INT64",
    "last_modified_time": "INT64",
    "type": "INT64",
}
_INFORMATION_SCHEMA = {
    "COLUMNS": {
        "table_name": "STRING",
        "column_name": "STRING",
        "ordinal_position": "INT64",
        "data_type": "STRING",
        "is_hidden": "STRING",
        "is_nullable": "STRING",
        "is_partitioning_column": "STRING",
        "clustering_ordinal_position": "INT64",
    },
    "TABLE_OPTIONS": {"table_name": "STRING", "option_name": "STRING", "option_value": "STRING"},
}
_NO_ANALYSIS = ("BEGIN TRANSACTION", "COMMIT TRANSACTION", "ROLLBACK TRANSACTION")


@dataclass(frozen=True)
class Sent:
    """What was sent to BigQuery, with the tables that were there."""

    sql: str
    parameters: Mapping[str, str]
    schemas: Schemas


def analyze(sent: Sent) -> list[ResolvedStatement]:
    """Its statements, resolved; raises what the analyzer objects to."""
    language = language_options()
    Parser.parse_script_static(sent.sql, language)
    catalog = _catalog(sent, language)
    parameters = [
        AnalyzerOptions.QueryParameter(name=name, type=type_of(kind)) for name, kind in sent.parameters.items()
    ]
    options = AnalyzerOptions(language_options=language, query_parameters=parameters, prune_unused_columns=True)
    statements = []
    for sql in _statements(script.parse(sent.sql)):
        resolved = Analyzer(options, catalog).analyze_statement(sql)
        statements.append(resolved)
        if isinstance(resolved, ResolvedCreateTableAsSelectStmt):
            catalog.table.append(_created(resolved))
    return statements


@cache
def language_options() -> LanguageOptions:
    """GoogleSQL as BigQuery has it, with statements of every kind."""
    language = LanguageOptions.maximum_features()
    language.product_mode = ProductMode.PRODUCT_EXTERNAL
    language.supported_statement_kinds = []
    return language


def _statements(nodes: Sequence[script.Node]) -> Iterator[str]:
    """Each statement, and each condition as a SELECT."""
    for node in nodes:
        if isinstance(node, script.Statement):
            yield from () if node.sql in _NO_ANALYSIS else (node.sql,)
        elif isinstance(node, script.If):
            # Of the system's variables we use this one, which is a whole number.
            yield f"SELECT {node.condition.sql.replace('@@row_count', 'CAST(1 AS INT64)')}"
            yield from _statements(node.body)
        elif isinstance(node, script.Block):
            yield from _statements([*node.body, *(node.handler or [])])


def _catalog(sent: Sent, language: LanguageOptions) -> SimpleCatalog:
    datasets = [_dataset(dataset, sent) for dataset in {dataset for dataset, _ in sent.schemas}]
    return SimpleCatalog(
        name="project",
        catalog=datasets,
        builtin_function_options=ZetaSQLBuiltinFunctionOptions(language_options=language),
    )


def _dataset(dataset: str, sent: Sent) -> SimpleCatalog:
    """With the tables that the text names: all of a catalog is sent to the analyzer for each statement."""
    tables = [
        simple_table(table, {column.name: column.type for column in columns})
        for (owner, table), columns in sent.schemas.items()
        if owner == dataset and table in sent.sql
    ]
    views = [simple_table(name, columns) for name, columns in _INFORMATION_SCHEMA.items()]
    return SimpleCatalog(
        name=dataset,
        table=[*tables, simple_table("__TABLES__", _TABLES)],
        catalog=[SimpleCatalog(name="INFORMATION_SCHEMA", table=views)],
    )


def simple_table(name: str, columns: Mapping[str, str]) -> SimpleTable:
    """A table of these columns, for a catalog."""
    builder = TableBuilder(name)
    for column, kind in columns.items():
        builder.add_column(column, type_of(kind))
    return builder.build()


def _created(resolved: ResolvedCreateTableAsSelectStmt) -> SimpleTable:
    builder = TableBuilder(resolved.name_path[-1])
    for column in resolved.column_definition_list:
        builder.add_column(column.name, column.type)
    return builder.build()


def type_of(kind: str) -> Type:
    """Of ``STRING``, ``ARRAY<STRING>`` and the like."""
    if kind.startswith("ARRAY<"):
        return TypeFactory.create_array_type(type_of(kind[6:-1]))
    return TypeFactory.create_simple_type(_KINDS[kind])
