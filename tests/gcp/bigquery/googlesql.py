"""GoogleSQL's own analyzer (https://github.com/google/zetasql), with tables as BigQuery has them.

It knows the grammar, the functions and the types; it does not know BigQuery's planner
(which joins it accepts, what a transaction may hold) nor its quotas.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from google.protobuf.message import Message
from zetasql.api import TableBuilder, TypeFactory
from zetasql.core import ZetaSqlLocalService
from zetasql.types import (
    AnalyzerOptions,
    LanguageOptions,
    ParseRequest,
    ProductMode,
    ResolvedColumnDefinition,
    ResolvedCreateTableAsSelectStmt,
    ResolvedStatement,
    SimpleCatalog,
    SimpleTable,
    Type,
    TypeKind,
    ZetaSQLBuiltinFunctionOptions,
)
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2

from lib.consolidation.warehouse import Column
from tests.gcp.bigquery import compiled  # noqa: F401 - before the analyzer is first used
from tests.gcp.bigquery.double import script

Answer = TypeVar("Answer", bound=Message)
Schemas = Mapping[tuple[str, str], Sequence[Column]]
_Tables = tuple[tuple[tuple[str, str], tuple[Column, ...]], ...]

_KINDS = {
    "STRING": TypeKind.TYPE_STRING,
    "INT64": TypeKind.TYPE_INT64,
    "FLOAT64": TypeKind.TYPE_DOUBLE,
    "NUMERIC": TypeKind.TYPE_NUMERIC,
    "BOOL": TypeKind.TYPE_BOOL,
    "DATE": TypeKind.TYPE_DATE,
    "TIMESTAMP": TypeKind.TYPE_TIMESTAMP,
    "DATETIME": TypeKind.TYPE_DATETIME,
    "JSON": TypeKind.TYPE_JSON,
}
# The columns in use, as listed in the reference:
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
    """A statement sent to BigQuery, with the tables that existed then."""

    sql: str
    parameters: Mapping[str, str]
    schemas: Schemas


def analyze(sent: Sent) -> list[ResolvedStatement]:
    """Return the resolved statements; raise the analyzer's objection."""
    _parse(sent.sql)
    tables = {name: tuple(columns) for name, columns in sent.schemas.items()}
    statements, nodes = [], script.parse(sent.sql)
    # The analyzer does not know a script's variables, so they become parameters.
    variables = {node.name: node.type for node in nodes if isinstance(node, script.Declare)}
    parameters = tuple({**sent.parameters, **variables}.items())
    for sql in _statements(nodes):
        resolved = _analyzed(script.with_parameters(sql, variables), parameters, tuple(tables.items()))
        statements.append(resolved)
        if isinstance(resolved, ResolvedCreateTableAsSelectStmt):
            tables["", resolved.name_path[-1]] = tuple(map(_created, resolved.column_definition_list))
    return statements


def call(method: str, request: Message, answer_type: type[Answer]) -> Answer:
    """Call the service with protobuf: filling the wheel's own classes takes longer than the call itself."""
    answer = ZetaSqlLocalService.get_instance().wasm_client.call_grpc_func(method, request, answer_type)
    return answer if isinstance(answer, answer_type) else answer_type.FromString(answer)


def _parse(sql: str) -> None:
    request = ParseRequest(sql_statement=sql, options=language_options(), allow_script=True)
    call("ZetaSqlLocalService_Parse", request.to_proto(), local_service_pb2.ParseResponse)


@cache
def _analyzed(sql: str, parameters: tuple[tuple[str, str], ...], tables: _Tables) -> ResolvedStatement:
    """Analyze a statement; cached because scripts have most statements in common."""
    typed = [AnalyzerOptions.QueryParameter(name=name, type=type_of(kind)) for name, kind in parameters]
    answer = ZetaSqlLocalService.get_instance().analyze(
        sql_statement=sql,
        options=AnalyzerOptions(language_options=language_options(), query_parameters=typed, prune_unused_columns=True),
        registered_catalog_id=_registered(tables),
    )
    return answer.resolved_statement


@cache
def language_options() -> LanguageOptions:
    """Return the options for BigQuery's dialect, with all kinds of statements."""
    language = LanguageOptions.maximum_features()
    language.product_mode = ProductMode.PRODUCT_EXTERNAL
    language.supported_statement_kinds = []
    return language


def _statements(nodes: Sequence[script.Node]) -> Iterator[str]:
    """Yield each statement, and each condition as a SELECT."""
    for node in nodes:
        if isinstance(node, script.Statement):
            yield from () if node.sql in _NO_ANALYSIS else (node.sql,)
        elif isinstance(node, script.If):
            # The only system variable in use; it is an integer.
            yield f"SELECT {node.condition.sql.replace('@@row_count', 'CAST(1 AS INT64)')}"
            yield from _statements(node.body)
        elif isinstance(node, script.Block):
            yield from _statements([*node.body, *(node.handler or [])])


@cache
def _registered(tables: _Tables) -> int:
    """Return the number of a registered catalog: reading a catalog takes longer than analyzing a statement."""
    datasets: dict[str, list[SimpleTable]] = defaultdict(list)
    for (dataset, table), columns in tables:
        datasets[dataset].append(simple_table(table, {column.name: column.type for column in columns}))
    catalog = SimpleCatalog(
        name="project",
        table=datasets.pop("", []),
        catalog=[_dataset(*dataset) for dataset in datasets.items()],
        builtin_function_options=ZetaSQLBuiltinFunctionOptions(language_options=language_options()),
    )
    return ZetaSqlLocalService.get_instance().register_catalog(simple_catalog=catalog).registered_id


def _dataset(name: str, tables: list[SimpleTable]) -> SimpleCatalog:
    views = [simple_table(view, columns) for view, columns in _INFORMATION_SCHEMA.items()]
    return SimpleCatalog(
        name=name,
        table=[*tables, simple_table("__TABLES__", _TABLES)],
        catalog=[SimpleCatalog(name="INFORMATION_SCHEMA", table=views)],
    )


def simple_table(name: str, columns: Mapping[str, str]) -> SimpleTable:
    """Return a catalog table with these columns."""
    builder = TableBuilder(name)
    for column, kind in columns.items():
        builder.add_column(column, type_of(kind))
    return builder.build()


def _created(column: ResolvedColumnDefinition) -> Column:
    return Column(column.name, _name_of(column.type))


def _name_of(kind: Type) -> str:
    if kind.type_kind == TypeKind.TYPE_ARRAY:
        return f"ARRAY<{_name_of(kind.array_type.element_type)}>"
    return next(name for name, known in _KINDS.items() if known == kind.type_kind)


def type_of(kind: str) -> Type:
    """Return the type for ``STRING``, ``ARRAY<STRING>`` and so on."""
    if kind.startswith("ARRAY<"):
        return TypeFactory.create_array_type(type_of(kind[6:-1]))
    return TypeFactory.create_simple_type(_KINDS[kind])
