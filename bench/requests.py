"""Number of requests of a consolidation on BigQuery, by number of staging tables.

Counted with the tests' BigQuery double, because requests depend only on the client.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench.result import Result
from bench.setting import Setting


@dataclass(frozen=True)
class Requests:
    """The requests of one consolidation.

    Attributes:
        drops: One for each staging table.
        jobs: Jobs inserted: queries, the script, copies.
        others: All other calls, except polling of a job's state.
    """

    drops: int
    jobs: int
    others: int

    def __str__(self) -> str:
        return f"{self.jobs} jobs, {self.others} other calls, {self.drops} drops"


def results(setting: Setting) -> Iterator[Result]:
    few, many = (15, 60) if setting.quick else (15, 615)
    ours = [_of_a_consolidation(setting.folder / str(tables), tables) for tables in (few, many)]
    # From its code: list, MERGE, check, list again, and a drop for each table.
    theirs = [Requests(drops=tables, jobs=2, others=2) for tables in (few, many)]
    is_constant = ours[0] == replace(ours[1], drops=few)
    yield Result(
        f"requests of a consolidation on BigQuery, {few} and {many} tables",
        "the services' old code",
        ours="; ".join(map(str, ours)),
        theirs="; ".join(map(str, theirs)),
        target="independent of the number of tables, except for drops",
        figure="independent" if is_constant else "not independent",
        is_reached=is_constant,
    )


def _of_a_consolidation(folder: Path, tables: int) -> Requests:
    """Stage one row per table, consolidate them, and count the requests."""
    from tests.consolidation.world import predictions
    from tests.gcp.bigquery.double import BigqueryDouble
    from tests.gcp.bigquery.world import PROJECT, BigqueryWorld

    folder.mkdir()
    with BigqueryDouble(PROJECT) as double:
        world = BigqueryWorld(folder, address=double.address).set_up()
        world.stage(predictions(tables), tables=tables)
        before = len(double.requests)
        world.consolidate()
        kinds = Counter(map(_kind, double.requests[before:]))
    return Requests(kinds["drop"], kinds["job"], kinds["other"])


def _kind(request: str) -> str:
    """Return the kind of a request ``METHOD /path``. The gathered copy is dropped, too, but is not a staging table."""
    method, path = request.split(" ", 1)
    if method == "DELETE":
        return "drop" if "/tables/_staging_" in path else "other"
    if method == "POST" and path.endswith(("/jobs", "/queries")):
        return "job"
    return "look" if method == "GET" and ("/jobs/" in path or "/queries/" in path) else "other"
