"""Six weeks of a shop's orders as CSV, and batches of the day after them: made up, and the same each time."""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

FIRST_DAY = date(2026, 10, 12)  # a Monday
NEXT_DAY = FIRST_DAY + timedelta(weeks=6)
DOUBLED_DAY = NEXT_DAY - timedelta(days=6)
_ORDERS_BY_WEEKDAY = (50, 48, 50, 52, 60, 24, 12)  # its customers are offices: quiet at weekends
_ARTICLES = ("DESK-LAMP", "INK-BLACK", "PAPER-A4", "PEN-BLUE", "STAPLER")


def rows_of(day: date) -> list[dict[str, Any]]:
    """The rows of one day: one to three articles for each order."""
    generator = random.Random(day.toordinal())
    orders = round(_ORDERS_BY_WEEKDAY[day.weekday()] * generator.uniform(0.95, 1.05))
    rows = []
    for number in range(orders):
        written_at = datetime.combine(day, time(8)) + timedelta(minutes=generator.randint(0, 600))
        rows += [
            {
                "order_id": f"{day:%Y%m%d}-{number:04}",
                "sku": sku,
                "order_date": day,
                "quantity": generator.randint(1, 9),
                "price": f"{generator.uniform(1, 90):.2f}",
                "updated_at": f"{written_at.isoformat()}+00:00",
            }
            for sku in sorted(generator.sample(_ARTICLES, 1 + number % 3))
        ]
    return rows


def history() -> Iterator[dict[str, Any]]:
    """The six weeks. On one day an order's article was written twice, with different quantities."""
    for day in (FIRST_DAY + timedelta(days=number) for number in range(6 * 7)):
        rows = rows_of(day)
        yield from rows
        if day == DOUBLED_DAY:
            yield rows[0] | {"quantity": rows[0]["quantity"] + 1, "updated_at": f"{day}T20:00:00+00:00"}


def main(what: str, path: str) -> None:
    """Write to `path`: the ``history``, the ``next`` day, or a ``short`` one, which is cut off after six rows."""
    rows = list(history() if what == "history" else rows_of(NEXT_DAY))
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows[:6] if what == "short" else rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
