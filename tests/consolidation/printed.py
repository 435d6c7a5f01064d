"""Tables with rows of one date, for printed scripts on any warehouse."""

from __future__ import annotations

import operator
import re
import runpy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from typing import Any

from lib.consolidation.dates import DateColumn
from lib.consolidation.identifiers import TableName
from lib.consolidation.printed_script import PrintedScript, printed_script
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column
from lib.embedded.adapters import MAIN_TABLE
from lib.places import ROOT
from tests.consolidation.orders import AUTUMN, ends_of, order, order_columns, orders_spec
from tests.consolidation.unfenced import unmoved
from tests.consolidation.world import DAY, LINES_MOVE, PREDICTIONS, predictions

ROWS = 4
# In some there are two midnights in autumn, and none in spring.
ZONES = ("Europe/Berlin", "Atlantic/Azores", "America/Havana", "Asia/Beirut")
_FILLED = re.compile(
    r"^(DECLARE|SET VARIABLE) (p+_)(day|batch_id)( DATE DEFAULT| STRING DEFAULT| =) .*?;", re.MULTILINE
)


@dataclass(frozen=True)
class Example:
    """A table, and some rows of one date with different keys."""

    spec: TableSpec
    columns: tuple[Column, ...]
    day: date
    rows: Sequence[Mapping[str, Any]]

    def script(self, staging: TableName, *, is_fenced: bool = True) -> PrintedScript:
        """The printed script, or one with a fence that is read but not moved."""
        script = printed_script(self.spec, self.columns, staging)
        return script if is_fenced else replace(script, steps=unmoved(script.steps))


def filled(text: str, day: date, batch_id: str) -> str:
    """Fill in a printed script as its reader does."""
    values = {"day": f"DATE '{day}'", "batch_id": f"'{batch_id}'"}
    done, changes = _FILLED.subn(lambda line: f"{line[1]} {line[2]}{line[3]}{line[4]} {values[line[3]]};", text)
    assert changes == 2
    return done


def odd_days(dates: DateColumn) -> list[date]:
    """Days around those of 2024 that do not have 24 hours; time zone data differ for later years."""
    days = [date(2024, 1, 1) + timedelta(days=number) for number in range(366)]
    lengths = {day: operator.sub(*reversed(dates.limits(day))) for day in days}
    odd = [day for day in days if lengths[day] != timedelta(days=1)]
    return [day + timedelta(days=beside) for day in odd for beside in (-1, 0, 1)]


@cache
def example(name: str) -> Example:
    """One of `EXAMPLES`."""
    return EXAMPLES[name]()


def _columns(**named: str) -> tuple[Column, ...]:
    """Return the names of the columns, by type."""
    return tuple(Column(name, type_) for type_, names in named.items() for name in names.split())


def _orders() -> Example:
    generate = runpy.run_path(str(ROOT / "examples/orders/generate.py"))
    keys = ("order_id", "sku")
    spec = TableSpec(TableName("shop", "orders"), keys, "order_date", newest_first=("updated_at",))
    columns = _columns(
        STRING="order_id sku", DATE="order_date", INT64="quantity", FLOAT64="price", TIMESTAMP="updated_at"
    )
    return Example(spec, columns, generate["NEXT_DAY"], generate["rows_of"](generate["NEXT_DAY"])[:ROWS])


def _flights() -> Example:
    generate = runpy.run_path(str(ROOT / "examples/flights/generate.py"))
    spec = TableSpec(TableName("aviation", "flights"), ("carrier", "flight", "origin"), "flight_date")
    numbers = "flight sched_dep_time dep_delay arr_delay distance"
    columns = _columns(DATE="flight_date", STRING="carrier origin dest tailnum", INT64=numbers)
    rows = [row for row, _ in zip(generate["next_day"](), range(ROWS), strict=False)]
    return Example(spec, columns, generate["NEXT_DAY"], rows)


def _moments() -> Example:
    """A TIMESTAMP, on a day of 25 hours, from its first moment to its last."""
    spec = orders_spec("TIMESTAMP", nullable_keys=("sku",))
    first, last = ends_of(spec, AUTUMN)
    rows = [order(f"o{n}", (first, last)[n % 2]) | {"sku": (None, "s")[n // 2]} for n in range(ROWS)]
    return Example(spec, order_columns("TIMESTAMP"), AUTUMN, rows)


def _datetimes() -> Example:
    """A table with columns named like variables."""
    spec = TableSpec(TableName("shop", "visits"), ("p_day", "pp_run_id"), "at", date_type="DATETIME")
    columns = _columns(STRING="p_day p_batch_id", INT64="pp_run_id", DATETIME="at")
    _, at = ends_of(spec, DAY)
    rows = [{"p_day": "2000-01-01", "pp_run_id": n, "p_batch_id": "other", "at": at} for n in range(ROWS)]
    return Example(spec, columns, DAY, rows)


EXAMPLES = {
    "orders": _orders,
    "flights": _flights,
    "predictions": lambda: Example(PREDICTIONS, MAIN_TABLE, DAY, predictions(ROWS)),
    "superseding": lambda: Example(LINES_MOVE, MAIN_TABLE, DAY, predictions(ROWS)),
    "moments": _moments,
    "columns called like variables": _datetimes,
}
