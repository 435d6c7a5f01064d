"""GoogleSQL's own analyser finds every name, type and function in every statement.

It does not know BigQuery's limits on transactions and joins; those are told only by a live run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from lib.consolidation.warehouse import Column, Parameters
from tests.consolidation.recorded import record_a_whole_life

api = pytest.importorskip("zetasql.api")
types = pytest.importorskip("zetasql.types")

_KINDS = {"FLOAT64": "DOUBLE"}
_BOUND = {
    "str": "STRING",
    "int": "INT64",
    "date": "DATE",
    "datetime": "TIMESTAMP",
    "list": "ARRAY<STRING>",
    "tuple": "ARRAY<STRING>",
}
_LANGUAGE = types.LanguageOptions.maximum_features()
_LANGUAGE.product_mode = types.ProductMode.PRODUCT_EXTERNAL


def test_every_statement_is_googlesql(tmp_path_factory: pytest.TempPathFactory) -> None:
    statements = record_a_whole_life(tmp_path_factory.mktemp("analysed"))
    tables: dict[str, Sequence[tuple[str, Any]]] = {}
    for statement in statements:
        tables |= {name.table: typed(columns) for name, columns in statement.tables.items()}
    for sql, parameters in {statement.sql: statement.parameters for statement in statements}.items():
        resolved = analysed(sql, parameters, tables)
        if isinstance(resolved, types.ResolvedCreateTableAsSelectStmt):
            # The steps after it read this table.
            columns = [(column.name, column.column.type) for column in resolved.output_column_list]
            tables[resolved.name_path[-1]] = columns


def analysed(sql: str, parameters: Parameters, tables: Mapping[str, Sequence[tuple[str, Any]]]) -> Any:
    catalog = api.CatalogBuilder("catalog")
    for name, columns in tables.items():
        table = api.TableBuilder(name)
        for column, type_ in columns:
            table.add_column(column, type_)
        catalog.add_table(table.build())
    catalog.with_builtin_functions(types.ZetaSQLBuiltinFunctionOptions(language_options=_LANGUAGE))
    options = types.AnalyzerOptions(language_options=_LANGUAGE)
    options.query_parameters = [
        types.AnalyzerOptions.QueryParameter(name=name, type=type_of(_BOUND[type(value).__name__]))
        for name, value in parameters.items()
    ]
    # Its catalogues here are flat.
    return api.Analyzer(options, catalog.build()).analyze_statement(sql.replace("`nba_predictions`.", ""))


def typed(columns: Sequence[Column]) -> list[tuple[str, Any]]:
    return [(column.name, type_of(column.type)) for column in columns]


def type_of(name: str) -> Any:
    factory = api.TypeFactory
    if name.startswith("ARRAY<"):
        return factory.create_array_type(type_of(name[6:-1]))
    return factory.create_simple_type(getattr(types.TypeKind, f"TYPE_{_KINDS.get(name, name)}"))
