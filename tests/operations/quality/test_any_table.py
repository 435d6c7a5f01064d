"""Right answers for a table that is nothing like the one that this was written for."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from html import unescape

import pytest

from lib.consolidation.upkeep.column_rules import ColumnRule
from lib.consolidation.upkeep.day_profiles import Groups
from lib.operations.quality.rules import QualityRules, VolumeRules
from lib.operations.quality.usual_rows import RecentRows
from lib.operations.quality.values import ranges
from lib.operations.quality.volume import volume
from lib.operations.sources.completeness import completeness
from lib.platform import Platform
from lib.verdict.verdict import Verdict
from tests.operations.quality.shop import (
    CHANNELS,
    DAY,
    FOREIGN,
    STORES,
    before,
    everything_in,
    insert,
    orders,
    shop,
    the_night,
)
from tests.operations.quality.test_quality import STEPS

BOTH = QualityRules(groups=Groups(unit="store_id", source="channel"))


def steady(_day: date) -> int:
    return 100


def weekly(day: date) -> int:
    """Fridays and weekends have a third."""
    return 30 if day.weekday() >= 4 else 90 + day.weekday()


def growing(day: date) -> int:
    return round(100 * 1.02 ** (28 - (DAY - day).days))


@pytest.mark.parametrize(
    ("usual", "rows", "days", "expected"),
    [
        (steady, 6, 28, "FAIL 6 rows: 6% of the usual 100 (4 Fridays before it)"),
        (steady, 70, 28, "WARN 70 rows: 70% of the usual 100 (4 Fridays before it)"),
        (steady, 96, 28, "PASS"),
        (steady, 330, 28, "WARN 330 rows: 330% of the usual 100"),
        (weekly, 30, 28, "PASS 30 rows: 100% of the usual 30 (4 Fridays before it)"),
        (weekly, 30, 8, "PASS"),
        (weekly, 5, 28, "FAIL 5 rows: 17% of the usual 30"),
        (growing, 174, 28, "PASS 174 rows: 100% of the usual 175"),
        (growing, 80, 28, "FAIL 80 rows: 46% of the usual 175"),
        (steady, 6, 8, "FAIL 6 rows: 6% of the usual 100"),
        (steady, 6, 5, "UNKNOWN 6 rows; only 5 of the 28 days before have rows; 7 are needed, 2 more"),
    ],
)
def test_the_rows_of_a_date_are_compared_with_its_weekday(
    platform: Platform, usual: Callable[[date], int], rows: int, days: int, expected: str
) -> None:
    looked_at = shop(platform)
    insert(looked_at, [row for day in before(days) for row in orders(day, usual(day))] + orders(DAY, rows))
    (check,) = volume(the_night(looked_at)).checks
    assert f"{check.verdict} {check.summary}".startswith(expected)


def test_failed_dates_do_not_count_as_usual(platform: Platform) -> None:
    looked_at = shop(platform)
    failed = [DAY - timedelta(days=days) for days in (1, 2, 7, 14)]
    insert(looked_at, [row for day in before(28) for row in orders(day, 6 if day in failed else 100)] + orders(DAY, 45))
    (check,) = volume(the_night(looked_at)).checks
    assert (check.verdict, check.evidence["usual"]) == (Verdict.FAIL, 100)
    assert check.evidence["earlier dates left out, which failed"] == sorted(map(str, failed))


@pytest.mark.parametrize(("weekend", "noise", "growth"), [(1, 0.08, 0), (0.3, 0.1, 0), (0.3, 0.1, 0.02), (1, 0.25, 0)])
def test_simulated_tables_raise_few_alarms_and_hide_no_loss(weekend: float, noise: float, growth: float) -> None:
    """Sixty tables of each kind. Over thousands of dates 0.1 to 1% raise a false alarm."""
    found = {share: Counter[Verdict]() for share in (1, 0.5, 0.06)}
    for seed in range(60):
        generator = random.Random(seed)
        figures = {}
        for number in range(29):
            day = DAY - timedelta(days=28 - number)
            level = 300 * (weekend if day.weekday() >= 5 else 1) * (1 + growth) ** number
            figures[day] = level * math.exp(generator.gauss(0, noise))
        rows = figures.pop(DAY)
        for share, verdicts in found.items():
            judged = RecentRows(figures, VolumeRules()).judge(DAY, rows * share)
            assert judged
            verdicts[judged.verdict] += 1
    assert found[1][Verdict.PASS] >= 58
    assert found[0.06][Verdict.FAIL] == 60
    assert found[0.5][Verdict.PASS] <= (6 if noise < 0.2 else 60)


def in_store(row: dict[str, object], store: int, channel: str) -> bool:
    return (row["store_id"], row["channel"]) == (store, channel)


@pytest.mark.parametrize(
    ("groups", "is_there", "expected"),
    [
        (BOTH.groups, lambda _row: True, "PASS rows of 3 stores by 3 channels: nothing usual is missing"),
        (BOTH.groups, lambda row: row["store_id"] != 12, "FAIL no rows of store 12"),
        (BOTH.groups, lambda row: not in_store(row, 12, "web"), "FAIL no rows of web in store 12"),
        (BOTH.groups, lambda row: row["channel"] != "web", "WARN web stopped for all stores at once, perhaps"),
        (
            BOTH.groups,
            lambda row: not in_store(row, 12, "web") or row["order_id"] % 100 < 20,
            "WARN few rows of web in store 12 (2 rows, at least 10 on earlier dates)",
        ),
        (Groups(unit="store_id"), lambda row: row["store_id"] != 12, "FAIL no rows of store 12"),
        (Groups(unit="store_id"), lambda row: row["channel"] != "web", "PASS rows of 3 stores: nothing usual is"),
        (Groups(source="channel"), lambda row: row["channel"] != "web", "WARN web stopped, perhaps switched off;"),
        (Groups(source="channel"), lambda _row: True, "PASS rows of 3 channels: nothing usual is missing"),
    ],
)  # fmt: skip
def test_usual_units_and_sources_are_missed_by_any_columns(
    platform: Platform, groups: Groups, is_there: Callable[[dict[str, object]], bool], expected: str
) -> None:
    """Not so a store that has a channel only now and then, or is closed on Fridays."""
    looked_at = shop(platform)
    past = [row for day in before(28) for row in orders(day, 90)]
    past += [row for day in list(before(28))[::4] for row in orders(day, 3, stores=(14,), channels=("web",))]
    past += [row for day in before(28) if day.weekday() != DAY.weekday() for row in orders(day, 3, stores=(15,))]
    insert(looked_at, [*past, *filter(is_there, orders(DAY, 90))])
    (check,) = completeness(the_night(looked_at, QualityRules(groups=groups))).checks
    assert f"{check.verdict} {check.summary}".startswith(expected)


def test_checks_that_a_table_has_no_columns_for_are_skipped(platform: Platform) -> None:
    looked_at = shop(platform)
    insert(looked_at, [row for day in [*before(28), DAY] for row in orders(day, 60)])
    seen = the_night(looked_at)
    asked = {step.__name__: step(seen) for step in STEPS}
    assert {check.verdict for section in asked.values() for check in section.checks} == {Verdict.PASS}
    assert {name for name, section in asked.items() if not section.checks} == {
        *("rows_against_ledger", "active_rows", "completeness", "ranges", "several_active_rows", "values_by_source"),
    }
    assert "skipped: the table has no active_column" in everything_in(asked["active_rows"])
    assert "skipped: the quality rules name no groups" in everything_in(asked["completeness"])
    missing = the_night(looked_at, QualityRules(groups=Groups(unit="shelf")))
    assert "skipped: the table has no column shelf" in everything_in(completeness(missing))


def test_a_table_with_only_key_and_date_columns_is_judged_by_its_dates(platform: Platform) -> None:
    looked_at = shop(platform)
    insert(looked_at, [row for day in [*before(28), DAY] for row in orders(day, 60)])
    with looked_at.warehouse.connection() as connection:  # type: ignore[attr-defined]
        connection.execute("ALTER TABLE shop.orders DROP updated_at")
    checks = [check for step in STEPS for check in step(the_night(looked_at)).checks]
    assert {check.verdict for check in checks} == {Verdict.PASS}
    assert "no column of newest_first records when they were written" in checks[0].summary


@pytest.mark.parametrize("nouns", [{}, {"unit": "branch", "entity": "article"}])
def test_reports_use_the_nouns_of_the_table(platform: Platform, nouns: dict[str, str]) -> None:
    """In healthy and unhealthy checks, with rules of every kind."""
    looked_at = shop(platform, **nouns)
    lost = [row for row in orders(DAY, 40) if row["store_id"] != STORES[0] or row["channel"] != CHANNELS[0]]
    wrong = [{**row, "quantity": -1, "price": 99.0} for row in lost[:9]]
    insert(looked_at, [row for day in before(28) for row in orders(day, 60)] + lost + wrong)
    columns = (ColumnRule("quantity", lowest=0, highest=9), ColumnRule("price", highest=50))
    rules = QualityRules(groups=BOTH.groups, columns=columns, volume=VolumeRules(per=("store_id", "channel")))
    for each in (rules, QualityRules(groups=BOTH.groups, columns=columns), QualityRules()):
        seen = the_night(looked_at, each)
        said = unescape(" ".join(everything_in(step(seen)) for step in STEPS))
        assert FOREIGN.findall(said) == []
        assert "Order date" in said
    per = volume(the_night(looked_at, rules)).checks[0].summary
    assert f"by 3 channels: 82% of the usual rows per {nouns.get('unit', 'store')} and channel" in per
    assert ranges(the_night(looked_at, rules)).checks[0].summary.startswith("quantity: 9 not 0 to 9")


def test_units_are_counted_whatever_their_source(platform: Platform) -> None:
    """Each store has its own channel, and three were due."""
    looked_at = shop(platform)
    own = list(zip(STORES, CHANNELS, strict=True))
    insert(
        looked_at,
        [
            row
            for day in [*before(28), DAY]
            for store, channel in own
            for row in orders(day, 20, stores=(store,), channels=(channel,))
        ],
    )
    seen = replace(the_night(looked_at, BOTH), units=3)
    assert [check.verdict for step in (volume, completeness) for check in step(seen).checks] == [Verdict.PASS] * 2
    (late,) = volume(replace(seen, units=4)).checks
    assert (late.verdict, late.summary) == (Verdict.FAIL, "60 rows of 3 stores by 3 channels; 4 stores due")
