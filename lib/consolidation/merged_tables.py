"""Which staging tables the ledger's runs have merged: whole, or the rows of some of their dates.

A run names a table by its name alone if all its rows were of the run's date. Of a table with rows of three dates each
of three runs has merged a share, ``_staging_b_1 2026-01-17, 1 of 3 dates``, and it is merged when all of them have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime

from lib.consolidation.ledger import LedgerRun
from lib.consolidation.warehouse import StagingTable

_SHARE = re.compile(r"(?P<table>\w+) (?P<day>\d{4}-\d\d-\d\d), 1 of (?P<dates>\d+) dates", re.ASCII)


def ledger_entry(table: str, day: date, dates: int) -> str:
    """How a run of this date names a table that it merged, which has rows of so many dates."""
    return table if dates == 1 else f"{table} {day}, 1 of {dates} dates"


def merged_names(runs: Sequence[LedgerRun]) -> dict[str, datetime]:
    """The tables that these runs have merged, and the moment from which they may hold more.

    Of a table with rows of several dates it is the earliest of the moments at which each date's run listed it.
    """
    found: dict[str, datetime] = {}
    for (name, dates), listed in _listings(runs).items():
        if len(listed) >= dates:
            moment = sorted(listed.values(), reverse=True)[dates - 1]
            found[name] = max(moment, found.get(name, moment))
    return found


def merged_on(runs: Sequence[LedgerRun], day: date) -> dict[str, datetime]:
    """As `merged_names`, of the tables' rows of one date."""
    of_date = (run for run in reversed(runs) if run.day == day)
    return {name: run.started_at for run in of_date for name, _, _ in _entries(run)}


def merged_in_part(runs: Sequence[LedgerRun]) -> set[str]:
    """The tables that were merged for some of their dates only."""
    return {name for name, _ in _listings(runs)} - merged_names(runs).keys()


def is_merged(table: StagingTable, merged: Mapping[str, datetime]) -> bool:
    """Whether its rows are known to be in the main table.

    Other writers use a name again when a worker is asked again, or write to a table twice:
    a table that was written after the run listed it is not of that run, nor is one where
    nobody knows when it was written. To merge rows again changes nothing; to drop rows that
    were not merged would lose them.
    """
    listed_at = merged.get(table.name.table)
    return listed_at is not None and table.changed_at is not None and table.changed_at <= listed_at


def _listings(runs: Sequence[LedgerRun]) -> dict[tuple[str, int], dict[str, datetime]]:
    """By table and the number of its dates, when the newest run of each date listed it."""
    listings: dict[tuple[str, int], dict[str, datetime]] = {}
    for run in reversed(runs):
        for name, dates, day in _entries(run):
            listings.setdefault((name, dates), {})[day] = run.started_at
    return listings


def _entries(run: LedgerRun) -> Iterator[tuple[str, int, str]]:
    """Each table of the run, how many dates it has, and of several the one that was merged."""
    for entry in run.staging_tables:
        share = _SHARE.fullmatch(entry)
        yield (share["table"], int(share["dates"]), share["day"]) if share else (entry, 1, "")
