"""Orders of a shop: a table without an active column, row ids or lines, on the embedded platform."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

from lib.consolidation.identifiers import TableName
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column
from lib.environment import Environment
from lib.operations.quality.night import Night, night_of
from lib.operations.quality.rules import QualityRules
from lib.operations.scope import scope_of
from lib.platform import Platform
from lib.verdict.section import Section
from rehearsal.stage import embedded_warehouse

SPEC = TableSpec(
    table=TableName("shop", "orders"),
    key_columns=("order_id", "sku"),
    nullable_keys=(),
    date_column="order_date",
    row_id_column="",
    newest_first=("updated_at",),
    active_column="",
    never_update=(),
    rounded_columns=(),
)
COLUMNS = [
    Column("order_id", "INT64"),
    Column("sku", "STRING"),
    Column("order_date", "DATE"),
    Column("store_id", "INT64"),
    Column("channel", "STRING"),
    Column("quantity", "INT64"),
    Column("price", "FLOAT64"),
    Column("updated_at", "TIMESTAMP"),
]
DAY = date(2026, 11, 27)  # a Friday
STORES, CHANNELS = (11, 12, 13), ("app", "phone", "web")
# Words that no report of a shop may use.
FOREIGN = re.compile(r"\b(games?|players?|picks?|predict\w*|systems?|guide|rounded|points?|slates?|nights?)\b", re.I)

Rows = list[dict[str, Any]]


def shop(platform: Platform, **nouns: str) -> Platform:
    """The platform with the empty table of a shop, and only the given nouns in its environment."""
    about: dict[str, Any] = {"timezone": "Europe/Berlin", "table_spec": SPEC, **nouns}
    platform.warehouse.create_table(SPEC.table, COLUMNS)
    return replace(platform, environment=Environment(name="shop", platform="embedded", project_id="local", **about))


def orders(day: date, number: int, *, stores: Sequence[int] = STORES, channels: Sequence[str] = CHANNELS) -> Rows:
    """This many rows of a date, spread over stores and channels."""
    cells = list(product(stores, channels))
    made = datetime(day.year, day.month, day.day, 17, tzinfo=UTC)
    return [
        {
            "order_id": int(f"{day:%Y%m%d}") * 10_000 + place,
            "sku": f"sku{place % 7}",
            "order_date": day,
            "store_id": cells[place % len(cells)][0],
            "channel": cells[place % len(cells)][1],
            "quantity": 1 + place % 5,
            "price": 9.5 + place % 3,
            "updated_at": made,
        }
        for place in range(number)
    ]


def insert(platform: Platform, rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows as they are, without any check."""
    import pyarrow as pa

    with embedded_warehouse(platform).connection() as connection:
        connection.register("rows", pa.Table.from_pylist(list(rows)))
        connection.execute(f"INSERT INTO {platform.table.table} BY NAME SELECT * FROM rows")


def before(days: int) -> Iterator[date]:
    """This many dates before the date, oldest first."""
    return (DAY - timedelta(days=number) for number in range(days, 0, -1))


def the_night(platform: Platform, rules: QualityRules = QualityRules()) -> Night:  # noqa: B008
    """The morning after the date."""
    scope = scope_of(platform, game_date=str(DAY), now=datetime(2026, 11, 28, 14, tzinfo=UTC))
    return replace(night_of(scope, days=28), rules=rules)


def everything_in(section: Section) -> str:
    """Everything that a step shows."""
    checks = [f"{check.name} {check.summary} {check.next_step} {check.evidence}" for check in section.checks]
    return " ".join([*checks, *(getattr(exhibit, "_repr_html_", str)() for exhibit in section.exhibits)])
