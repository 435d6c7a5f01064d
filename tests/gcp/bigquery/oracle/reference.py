"""Statements on given rows, run by GoogleSQL's reference implementation (in the `zetasql` wheel).

It runs SELECT, INSERT and UPDATE; it refuses MERGE, scripts and transactions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from zetasql.types import (
    AnalyzerOptions,
    EvaluateModifyRequest,
    EvaluateQueryRequest,
    SimpleCatalog,
    ZetaSQLBuiltinFunctionOptions,
)
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2
from zetasql.wasi._pb2.zetasql.public.value_pb2 import ValueProto

from lib.consolidation.warehouse import Column, Parameters, Value
from tests.gcp.bigquery.googlesql import call, language_options, simple_table, type_of

Row = tuple[Any, ...]
_EPOCH = date(1970, 1, 1)
_DATASET = re.compile(r"`\w+`\.(?=`\w+`)")
_PARAMETER = re.compile(r"(?<!@)@(\w+)")
_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "BOOL"),
    (int, "INT64"),
    (float, "FLOAT64"),
    (str, "STRING"),
    (Decimal, "NUMERIC"),
    (datetime, "TIMESTAMP"),
    (date, "DATE"),
)


@dataclass(frozen=True)
class Contents:
    """A table's columns and rows."""

    columns: tuple[Column, ...]
    rows: Sequence[Row]


Tables = Mapping[str, Contents]


def select(sql: str, tables: Tables, parameters: Parameters) -> list[Row]:
    """Return the rows of a SELECT; tables are named without their dataset."""
    request = _request(EvaluateQueryRequest, sql, tables, parameters)
    answer = call("ZetaSqlLocalService_EvaluateQuery", request, local_service_pb2.EvaluateQueryResponse)
    return [tuple(map(_decoded, row.cell)) for row in answer.content.table_data.row]


def modified_rows(sql: str, tables: Tables, parameters: Parameters) -> list[Row]:
    """Return the rows that an INSERT adds, or the changed rows of an UPDATE."""
    request = _request(EvaluateModifyRequest, sql, tables, parameters)
    answer = call("ZetaSqlLocalService_EvaluateModify", request, local_service_pb2.EvaluateModifyResponse)
    return [tuple(map(_decoded, row.cell)) for row in answer.content]


def _request(request_type: type[Any], sql: str, tables: Tables, parameters: Parameters) -> Any:
    """Return a request as protobuf: the wheel's own classes support neither dates nor numerics."""
    bound = {name: parameters[name] for name in _PARAMETER.findall(sql)}
    language = language_options()
    request = request_type(
        sql=_DATASET.sub("", sql),
        options=AnalyzerOptions(
            language_options=language,
            query_parameters=[
                AnalyzerOptions.QueryParameter(name=name, type=type_of(_kind(value))) for name, value in bound.items()
            ],
        ),
        simple_catalog=SimpleCatalog(
            name="project",
            table=[simple_table(name, {one.name: one.type for one in held.columns}) for name, held in tables.items()],
            builtin_function_options=ZetaSQLBuiltinFunctionOptions(language_options=language),
        ),
    ).to_proto()
    for name, value in bound.items():
        request.params.add(name=name, value=_encoded(value, _kind(value)))
    for name, held in tables.items():
        content = request.table_content[name].table_data
        content.SetInParent()
        for row in held.rows:
            cells = [_encoded(value, column.type) for value, column in zip(row, held.columns, strict=True)]
            content.row.add(cell=cells)
    return request


def _kind(value: Value) -> str:
    if isinstance(value, list | tuple):
        return "ARRAY<STRING>"
    return next(kind for of, kind in _KINDS if isinstance(value, of))


def _encoded(value: Any, kind: str) -> ValueProto:
    encoded = ValueProto()
    if value is None:
        return encoded
    if kind.startswith("ARRAY<"):
        encoded.array_value.element.extend(_encoded(one, kind[6:-1]) for one in value)
        encoded.array_value.SetInParent()
    elif kind == "DATE":
        encoded.date_value = (value - _EPOCH).days
    elif kind == "TIMESTAMP":
        encoded.timestamp_value.FromDatetime(value.astimezone(UTC))
    elif kind == "NUMERIC":
        scaled = int(Decimal(value).scaleb(9))
        encoded.numeric_value = scaled.to_bytes(scaled.bit_length() // 8 + 1, "little", signed=True)
    else:
        fields = {"STRING": "string_value", "INT64": "int64_value", "FLOAT64": "double_value", "BOOL": "bool_value"}
        setattr(encoded, fields[kind], value)
    return encoded


def _decoded(value: ValueProto) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    held = getattr(value, kind)
    if kind == "array_value":
        return [_decoded(one) for one in held.element]
    if kind == "date_value":
        return _EPOCH + timedelta(days=held)
    if kind == "timestamp_value":
        return held.ToDatetime(tzinfo=UTC)
    if kind == "numeric_value":
        return Decimal(int.from_bytes(held, "little", signed=True)).scaleb(-9)
    return held
