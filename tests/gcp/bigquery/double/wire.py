"""Types and values in the format of the REST API."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from lib.consolidation.warehouse import Column
from lib.embedded.googlesql import to_duckdb_type, to_googlesql_type
from tests.gcp.bigquery.double.faults import ApiError

_LEGACY = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN"}
_STANDARD = {legacy: standard for standard, legacy in _LEGACY.items()}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READERS = {
    "INT64": int,
    "FLOAT64": float,
    "BOOL": lambda text: text == "true",
    "NUMERIC": Decimal,
    "DATE": date.fromisoformat,
    "TIMESTAMP": datetime.fromisoformat,
    "DATETIME": datetime.fromisoformat,
    "STRING": str,
}


def parameters_of(described: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return ``queryParameters`` as Python values."""
    return {item["name"]: _parameter(item["parameterType"], item["parameterValue"]) for item in described}


def _parameter(kind: Mapping[str, Any], value: Mapping[str, Any]) -> Any:
    if kind["type"] == "ARRAY":
        return [_parameter(kind["arrayType"], item) for item in value.get("arrayValues", [])]
    return None if value.get("value") is None else _READERS[kind["type"]](value["value"])


def field_of(name: str, googlesql_type: str) -> dict[str, Any]:
    """Return a column as a field of a schema."""
    if googlesql_type.startswith("ARRAY<"):
        return {**field_of(name, googlesql_type[6:-1]), "mode": "REPEATED"}
    return {"name": name, "type": _LEGACY.get(googlesql_type, googlesql_type), "mode": "NULLABLE"}


def result_field(name: str, duckdb_type: str) -> dict[str, Any]:
    """Return a column of a result; a sum of integers is HUGEINT in DuckDB and INT64 in BigQuery."""
    return field_of(name, to_googlesql_type(duckdb_type.replace("HUGEINT", "BIGINT")))


def column_of(field: Mapping[str, Any]) -> Column:
    """Return a field of a schema as a column."""
    kind = _STANDARD.get(field["type"], field["type"])
    return Column(field["name"], f"ARRAY<{kind}>" if field.get("mode") == "REPEATED" else kind)


def data_type(field: Mapping[str, Any]) -> str:
    """Return a field's type as INFORMATION_SCHEMA writes it."""
    scale = f", {field['scale']}" if "scale" in field else ""
    return f"{column_of(field).type}({field['precision']}{scale})" if "precision" in field else column_of(field).type


def declared(field: Mapping[str, Any]) -> str:
    """Return DuckDB's declaration of a field; arrays default to empty, as BigQuery's are never NULL."""
    column = column_of(field)
    if column.element:
        return f'"{column.name}" {to_duckdb_type(column.type)} DEFAULT []'
    if "precision" in field:
        return f'"{column.name}" DECIMAL({field["precision"]}, {field.get("scale", 0)})'
    return f'"{column.name}" {to_duckdb_type(column.type)}'


def stored(googlesql_type: str, value: Any) -> Any:
    """Convert a value of a JSON row for DuckDB."""
    if googlesql_type.startswith("ARRAY<") and (value is None or None in value):
        raise ApiError("invalid", "Only optional fields can be set to NULL")
    return json.dumps(value) if googlesql_type == "JSON" and value is not None else value


def cells(row: Sequence[Any], fields: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a row of a result; a NULL array becomes empty."""
    values = (
        [] if value is None and field["mode"] == "REPEATED" else value for value, field in zip(row, fields, strict=True)
    )
    return {"f": [{"v": _cell(value)} for value in values]}


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [{"v": _cell(item)} for item in value]
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime) and value.tzinfo:
        return str((value - _EPOCH) // timedelta(microseconds=1))
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, date) else str(value)
