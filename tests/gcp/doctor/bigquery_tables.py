"""BigQuery's ``tables.get`` and ``datasets.get`` over HTTP, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPMessage
from typing import Any

from lib.consolidation.warehouse import Column
from tests.gcp.http_server import Answer, serving_json

Tables = dict[str, dict[str, Any]]

_LEGACY_TYPES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN"}


def described(columns: Sequence[Column], **more: Any) -> dict[str, Any]:
    """Return a table resource with these columns."""
    return {
        "schema": {"fields": [_field(column) for column in columns]},
        "numRows": "330000",
        "numBytes": "700000000",
        **more,
    }


def _field(column: Column) -> dict[str, str]:
    kind = column.type.removeprefix("ARRAY<").removesuffix(">")
    mode = "NULLABLE" if kind == column.type else "REPEATED"
    return {"name": column.name, "type": _LEGACY_TYPES.get(kind, kind), "mode": mode}


@contextmanager
def serving_tables(tables: Tables) -> Iterator[str]:
    """Yield the address of a server with these tables (by ``dataset.table``) and datasets (by ``dataset``)."""

    def answer(path: str, _: HTTPMessage) -> Answer:
        parts = path.partition("?")[0].removeprefix("/bigquery/v2/").split("/")
        project, names = parts[1], parts[3::2]
        found = tables.get(".".join(names))
        if found is None:
            missing = f"Not found: {'Table' if names[1:] else 'Dataset'} {project}:{'.'.join(names)}"
            error = {"code": 404, "message": missing, "errors": [{"reason": "notFound", "message": missing}]}
            return 404, {"error": error}
        reference = dict(zip(("datasetId", "tableId"), names, strict=False), projectId=project)
        return 200, {**found, "tableReference" if names[1:] else "datasetReference": reference}

    with serving_json(answer) as address:
        yield address
