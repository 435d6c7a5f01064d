"""Causes of duplicates without row ids: values show whether rows are identical, or where they differ."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.consolidation.upkeep.duplicates import DuplicateKind, explain_duplicates
from lib.consolidation.upkeep.repair import apply_repair, plan_repair
from lib.embedded.adapters import EmbeddedAdapters
from lib.operations.duplicates.duplicates import duplicates, explanation, remaining_duplicates
from lib.operations.scope import scope_of
from lib.platform import Platform
from lib.verdict.section import Section
from tests.environments import local
from tests.operations.quality.shop import DAY, FOREIGN, everything_in, insert, orders, shop

CONTENT = ("store_id", "channel", "quantity", "price")
OTHERS: dict[str, Any] = {"store_id": 99, "channel": None, "quantity": 98, "price": float("nan")}
LATER = timedelta(milliseconds=250)
# How the second row of each key differs: in which columns, and whether it was written later.
CHANGES = st.lists(st.tuples(st.sets(st.sampled_from(CONTENT)), st.booleans()), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def orders_of_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    environment = local()
    platform = shop(Platform(environment, EmbeddedAdapters(tmp_path_factory.mktemp("shop") / "state", environment)))
    with platform.warehouse.session():
        yield platform


@pytest.fixture
def empty(orders_of_shop: Platform) -> Platform:
    clear(orders_of_shop)
    return orders_of_shop


def clear(platform: Platform) -> None:
    with platform.warehouse.connection() as connection:  # type: ignore[attr-defined]
        connection.execute("DELETE FROM shop.orders")


def doubled(changes: list[tuple[set[str], bool]]) -> list[dict[str, Any]]:
    """Two rows for each change, and a single row."""
    first = orders(DAY, len(changes) + 1)
    second = [
        {**row, **{name: OTHERS[name] for name in names}, "updated_at": row["updated_at"] + LATER * later}
        for row, (names, later) in zip(first, changes, strict=False)
    ]
    return [*first, *second]


@settings(max_examples=25, deadline=None)
@given(CHANGES)
def test_rows_are_identical_or_differ_in_exactly_the_changed_columns(
    orders_of_shop: Platform, changes: list[tuple[set[str], bool]]
) -> None:
    clear(orders_of_shop)
    insert(orders_of_shop, doubled(changes))
    explained = explain_duplicates(orders_of_shop.warehouse, orders_of_shop.table, DAY)
    assert explained.count.duplicate_keys == len(changes)
    for group, (names, later) in zip(explained.groups, changes, strict=True):
        assert set(group.differs) == names
        assert group.kind is (DuplicateKind.DIFFERING if names else DuplicateKind.IDENTICAL)
        assert group.written_differs == (("updated_at",) if later else ())
        if later:  # the newer one is kept
            assert all(group.members[0][name] == OTHERS[name] for name in names - {"price"})


def test_a_repair_keeps_the_row_that_is_named_first(empty: Platform) -> None:
    """Even if rows are equally new."""
    changes: list[tuple[set[str], bool]] = [({"quantity"}, False), ({"price", "channel"}, True), (set(), False)]
    rows = doubled(changes)
    insert(empty, [{**row, "price": 1.25} if row["price"] != row["price"] else row for row in rows])
    groups = explain_duplicates(empty.warehouse, empty.table, DAY).groups
    apply_repair(empty.warehouse, empty.locks, empty.table, plan_repair(empty.warehouse, empty.table, DAY))
    left = {row["order_id"]: row for row in empty.warehouse.query("SELECT * FROM shop.orders", {})}
    for group in groups:
        kept = left[group.key["order_id"]]
        assert {name: group.members[0][name] for name in group.differs} == {name: kept[name] for name in group.differs}


def test_a_report_shows_what_differs(empty: Platform, tmp_path: Path) -> None:
    insert(empty, doubled([({"quantity"}, True), (set(), True), (set(), False)]))
    scope = scope_of(empty, game_date=str(DAY))
    found = explanation(scope)
    (check,) = found.checks
    assert check.summary.startswith(
        "1 key: rows that differ (two versions of a row were written), 2 keys: identical rows (the same rows were "
        "written twice); their rows differ in quantity"
    )
    table = re.sub(r"<[^>]*>", "", unescape(everything_in(found)))
    assert "quantity kept 98 removed 1" in table
    assert "only updated_at" in table
    assert "Written, 27 Nov,\N{NO-BREAK SPACE}CET" in table
    assert "kept 18:00:00.250 removed 18:00:00.000" in table
    assert "20261127" + "0000" in table  # an id, without commas
    said = table + "".join(
        everything_in(section) for section in (duplicates(scope, DAY, DAY), remaining_duplicates(scope, Section(())))
    )
    assert FOREIGN.findall(said) == []
