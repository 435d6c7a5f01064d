"""How the main table is stored, and what that makes each MERGE read."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from lib.consolidation.upkeep.day_profiles import profile_days
from lib.verdict.check import Check
from lib.verdict.section import Section, section
from lib.verdict.table import facts
from lib.verdict.verdict import Verdict
from lib.words.bytes import spoken_bytes

if TYPE_CHECKING:
    from lib.platform import Platform
    from lib.ports.jobs import TableLayout

_NAME = "Table layout"
_NEAR_LIMIT = 0.5


@section(_NAME)
def table_layout(platform: Platform, game_date: date) -> Section:
    """Whether the table is partitioned by its date, with the bytes of a MERGE."""
    layout = platform.activity.layout(platform.table.table)
    of_date = rows_of_date(platform, game_date)
    told = {
        "rows": layout.rows,
        f"rows of {game_date}": of_date,
        "size": spoken_bytes(layout.size_bytes),
        "partitioned by": layout.partition_column or "nothing",
        "a MERGE reads about": spoken_bytes(bytes_of_merge(platform, layout, of_date)),
    }
    return Section((_check(platform, layout, of_date),), (facts(f"How {platform.table.table} is stored", told),))


def rows_of_date(platform: Platform, game_date: date) -> int:
    """Rows of the date, superseded ones too."""
    profiles = profile_days(platform.warehouse, platform.table, (), game_date, game_date)
    return sum(profile.rows for profile in profiles)


def is_pruned(platform: Platform, layout: TableLayout) -> bool:
    """Whether a MERGE of one date reads only that date."""
    return layout.partition_column == platform.table.date_column


def bytes_of_merge(platform: Platform, layout: TableLayout, of_date: int) -> int | None:
    """What it reads of the main table, at most."""
    return bytes_of_date(layout, of_date) if is_pruned(platform, layout) else layout.size_bytes


def bytes_of_date(layout: TableLayout, of_date: int) -> int | None:
    """The date's share of the table; None: the warehouse does not tell bytes."""
    return None if layout.size_bytes is None else round(layout.size_bytes * of_date / max(layout.rows, 1))


def _check(platform: Platform, layout: TableLayout, of_date: int) -> Check:
    evidence = {"rows": layout.rows, "rows of the date": of_date, "size": spoken_bytes(layout.size_bytes)}
    if not layout.has_partitions:
        summary = f"{layout.rows:,} rows; this platform has no partitions, and bills nothing for reading"
        return Check(_NAME, Verdict.PASS, summary, evidence)
    column = platform.table.date_column
    read = spoken_bytes(bytes_of_merge(platform, layout, of_date))
    if is_pruned(platform, layout):
        return Check(_NAME, Verdict.PASS, f"partitioned by {column}: a MERGE reads about {read}", evidence)
    percent = 100 * of_date / max(layout.rows, 1)
    summary = f"not partitioned by {column}: each MERGE scans all of it, {read}, for {percent:.1f}% of its rows"
    limit = platform.environment.google.maximum_bytes_billed
    if limit and (layout.size_bytes or 0) > limit * _NEAR_LIMIT:
        step = f"Past google.maximum_bytes_billed, {spoken_bytes(limit)}, every consolidation is refused: partition it."
        return Check(_NAME, Verdict.WARN, summary, evidence, step)
    return Check(_NAME, Verdict.PASS, summary, evidence)
