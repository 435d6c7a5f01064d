"""A shop's orders: a table unrelated to the one for which this library was first written."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

LAST_DAY = date(2026, 11, 28)
_STATES = ("NEW", "PAID", "SHIPPED")


def orders(days: int = 30, *, seed: int = 7) -> list[dict[str, Any]]:
    """Return about thirty orders a day, of one to three articles each."""
    generator = random.Random(seed)
    rows = []
    for day in (LAST_DAY - timedelta(days=before) for before in reversed(range(days))):
        for order in range(generator.randint(28, 34)):
            written_at = datetime.combine(day, time(9)) + timedelta(minutes=generator.randint(0, 600))
            for article in range(generator.randint(1, 3)):
                rows.append(
                    {
                        "order_id": f"{day:%Y%m%d}{order:05}",
                        "sku": f"{article:03}",
                        "order_date": day.isoformat(),
                        "quantity": generator.randint(1, 9),
                        "amount": round(generator.uniform(1, 90), 2),
                        "status": generator.choice(_STATES),
                        "is_active": True,
                        "updated_at": f"{written_at}+00:00",
                    }
                )
    return rows


def without_dates(rows: Sequence[dict[str, Any]], written: str) -> list[dict[str, Any]]:
    """Return the rows with the time of the order, in this format, instead of the date, and with no other time.

    Args:
        written: A format of ``strftime``, with or without a zone.
    """
    left = ("order_date", "updated_at")
    moments = (datetime.fromisoformat(row["updated_at"]) for row in rows)
    return [
        {**{name: value for name, value in row.items() if name not in left}, "ordered_at": moment.strftime(written)}
        for row, moment in zip(rows, moments, strict=True)
    ]


def as_csv(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write the rows as CSV."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def as_json_lines(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write the rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def as_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write the rows as Parquet, with times as timestamps in UTC or without a zone."""
    table = pyarrow.Table.from_pylist(
        [{**row, "ordered_at": datetime.fromisoformat(row["ordered_at"])} for row in rows]
    )
    parquet.write_table(table, path)
    return path
