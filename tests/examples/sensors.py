"""Sensor readings in buildings: a table without write times, row ids or inactive rows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

SHORT_DAY = date(2026, 11, 23)  # a Monday
SUNDAY = SHORT_DAY - timedelta(days=1)
DOUBLED_DAY = SHORT_DAY - timedelta(days=5)
_BUILDINGS = ("north", "south", "tower", "yard")
_WEEKS = 6
_SATURDAY = 5


def readings() -> list[dict[str, Any]]:
    """Six weeks with a hundred rows a day, forty at weekends; on one day a row has a differing duplicate."""
    rows: list[dict[str, Any]] = []
    for before in range(7 * _WEEKS, 0, -1):
        day = SHORT_DAY - timedelta(days=before)
        rows += of_day(day)
        if day == DOUBLED_DAY:
            rows.append(rows[-1] | {"temperature": 30.5})
    return rows


def of_day(day: date) -> Iterator[dict[str, Any]]:
    """Each building has five sensors, read at two or five hours of the day."""
    generator = random.Random(day.toordinal())
    for building in _BUILDINGS:
        for sensor in range(5):
            for hour in range(2 if day.weekday() >= _SATURDAY else 5):
                yield {
                    "sensor_id": f"{building}-{sensor}",
                    "hour": 4 * hour,
                    "reading_date": day.isoformat(),
                    "building": building,
                    "temperature": round(generator.gauss(20, 2), 1),
                }
