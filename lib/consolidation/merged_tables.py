"""Which staging tables the ledger's runs have merged, completely or for some of their dates.

A run records only a table's name if all its rows had the run's date. If a table has rows of three dates, each of three
runs merges one share, recorded as ``_staging_b_1 2026-01-17, 1 of 3 dates``; the table is merged after all three.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime

from lib.consolidation.ledger import LedgerRun
from lib.consolidation.warehouse import StagingTable

_SHARE = re.compile(r"(?P<table>\w+) (?P<day>\d{4}-\d\d-\d\d), 1 of (?P<dates>\d+) dates", re.ASCII)


def ledger_entry(table: str, day: date, dates: int) -> str:
    """Return the ledger entry of a table merged for this date; `dates` is how many dates its rows have.

    Args:
        table: The table's name.
        day: The run's date.
        dates: The number of dates in the table.
    """
    return table if dates == 1 else f"{table} {day}, 1 of {dates} dates"


def merged_names(runs: Sequence[LedgerRun]) -> dict[str, datetime]:
    """Return the tables that these runs have merged, each with the time after which it may have gained rows.

    For a table with rows of several dates, this is the earliest time at which the run of one of its dates listed it.
    """
    found: dict[str, datetime] = {}
    for (name, dates), listed in _listings(runs).items():
        if len(listed) >= dates:
            moment = sorted(listed.values(), reverse=True)[dates - 1]
            found[name] = max(moment, found.get(name, moment))
    return found


def merged_on(runs: Sequence[LedgerRun], day: date) -> dict[str, datetime]:
    """Return the same as `merged_names` for the rows of one date."""
    of_date = (run for run in reversed(runs) if run.day == day)
    return {name: run.started_at for run in of_date for name, _, _ in _entries(run)}


def merged_in_part(runs: Sequence[LedgerRun]) -> set[str]:
    """Return the tables that were merged for only some of their dates."""
    return {name for name, _ in _listings(runs)} - merged_names(runs).keys()


def is_merged(table: StagingTable, merged: Mapping[str, datetime]) -> bool:
    """Return whether the table's rows are known to be in the main table.

    Other writers reuse a name when a worker is called again, or write to a table twice. So a
    table written after the run listed it does not count as merged, nor does one whose write
    time is unknown. Merging rows again changes nothing; dropping unmerged rows would lose them.
    """
    listed_at = merged.get(table.name.table)
    return listed_at is not None and table.changed_at is not None and table.changed_at <= listed_at


def _listings(runs: Sequence[LedgerRun]) -> dict[tuple[str, int], dict[str, datetime]]:
    """Return when the newest run of each date listed each table, by table and its number of dates."""
    listings: dict[tuple[str, int], dict[str, datetime]] = {}
    for run in reversed(runs):
        for name, dates, day in _entries(run):
            listings.setdefault((name, dates), {})[day] = run.started_at
    return listings


def _entries(run: LedgerRun) -> Iterator[tuple[str, int, str]]:
    """Yield each table of the run, its number of dates, and the merged date if there are several."""
    for entry in run.staging_tables:
        share = _SHARE.fullmatch(entry)
        yield (share["table"], int(share["dates"]), share["day"]) if share else (entry, 1, "")
