"""Every statement that reads the rows of dates, with a rule of each kind."""

from __future__ import annotations

from datetime import timedelta

from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.column_rules import ColumnRule, DirectionRule, contradictions_of, measures_of
from lib.consolidation.upkeep.day_profiles import (
    Groups,
    cells_of,
    is_active,
    profile_days,
)
from lib.consolidation.upkeep.due_units import DueTable, due_units, query_of, rows_by_date
from lib.consolidation.upkeep.duplicates import count_duplicates
from lib.consolidation.upkeep.subjects import activity_by_day, subjects_of_date
from lib.consolidation.upkeep.value_figures import figures_of, number, word_counts_of
from lib.consolidation.warehouse import Warehouse
from tests.consolidation.world import DAY

RULES = [
    ColumnRule("current_points_line", lowest=0, highest=100, step=0.5, scales=(1, 100)),
    ColumnRule("recommendation", required=True, one_of=("OVER", "UNDER")),
]
DIRECTION = DirectionRule(
    "recommendation", "predicted_points", "current_points_line", above=("OVER",), below=("UNDER",), without=("'; --",)
)


def look_at_the_days(warehouse: Warehouse, spec: TableSpec) -> None:
    counted = is_active(spec)
    measures = [measure for rule in RULES for measure in measures_of(rule, counted)]
    measures.append(contradictions_of(DIRECTION, counted))
    measures += figures_of("bias", f"({number('predicted_points')} - {number('current_points_line')})", counted)
    measures += word_counts_of("recommendation", ["UNDER", "'; --"], counted)
    both = Groups(unit="game_id", source="system_id")
    for groups in (Groups(), both):
        profile_days(warehouse, spec, measures, DAY, DAY, groups)
    for groups in (both, Groups(unit="game_id"), Groups(source="system_id")):
        cells_of(warehouse, spec, groups, DAY - timedelta(days=9), DAY, fewest_dates=1)
    activity_by_day(warehouse, spec, DAY, DAY)
    for several in (False, True):
        subjects_of_date(warehouse, spec, DAY, several=several, most=9)
    count_duplicates(warehouse, spec, DAY - timedelta(days=1), DAY, with_rounded=True)
    rows_by_date(warehouse, spec, DAY, DAY)
    for unit, where in (("game_id", {"system_id": ("ensemble",), "is_active": (True, False)}), ("", {})):
        table = DueTable(str(spec.table), spec.date_column, unit, where, spec.date_type)
        due_units(warehouse, *query_of(table, DAY, DAY, spec.timezone))
