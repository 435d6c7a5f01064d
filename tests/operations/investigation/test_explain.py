"""One key of a date: its rows, what wrote them, and what most likely happened."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.consolidation.identifiers import TableName
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.duplicates import DuplicateGroup, DuplicateKind
from lib.consolidation.upkeep.repair import apply_repair, plan_repair
from lib.consolidation.warehouse import Column
from lib.embedded.adapters import EmbeddedAdapters
from lib.errors import UserError
from lib.operations.duplicates.duplicates import explanation
from lib.operations.duplicates.key_table import key_texts
from lib.operations.investigation.key import KeyStory, explain_key
from lib.operations.scope import Scope, scope_of
from lib.platform import Platform
from lib.verdict.section import Section
from rehearsal.race import RacePlan, plan_race, run_race, stage_race
from tests.environments import local
from tests.operations.changes.actions import DAY, MAIN, consolidate, row, run, stage
from tests.operations.quality.shop import COLUMNS, everything_in, shop


def platform_in(folder: Path) -> Platform:
    environment = local()
    return Platform(environment, EmbeddedAdapters(folder, environment))


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RacePlan]:
    """Today's date, which lines logged now belong to."""
    home = tmp_path_factory.mktemp("raced") / "state"
    platform = platform_in(home)
    plan = plan_race(scope_of(platform).day)
    stage_race(platform, plan)
    run_race(platform, plan)
    return home, plan


@pytest.fixture(scope="module")
def scope(raced: tuple[Path, RacePlan]) -> Scope:
    return scope_of(platform_in(raced[0]), date=str(raced[1].game_date))


def of_kind(scope: Scope, kind: DuplicateKind) -> DuplicateGroup:
    return next(group for group in scope.duplicates.explained(scope.day).groups if group.kind is kind)


def most_likely(found: Section) -> str:
    return str(found["what most"].rows[0][1])


def test_a_batch_that_was_consolidated_twice(scope: Scope, raced: tuple[Path, RacePlan]) -> None:
    plan, group = raced[1], of_kind(scope, DuplicateKind.SAME_ID)
    found = scope.explain(*group.key.values())
    assert found.checks == ()
    assert most_likely(found).startswith(f"{plan.batch_id} was consolidated twice; two MERGEs overlapped from ")
    assert ", without the lock; the ledger has no such consolidation, so the fence did not guard it" in most_likely(
        found
    )
    assert list(found.df["prediction_id"]) == list(group.row_ids)
    assert [str(mark) for mark in found.df["A repair has it"]] == ["kept", "removed"]
    assert found["ledger"].rows[0][0] == "no row"
    assert found["batches"].rows == [(plan.batch_id, 2, "its staging table still holds the row")]
    assert found["Left in staging"].df["Merged, by the ledger"].tolist() == ["no"]
    assert {"MERGE started", "MERGE complete"} <= set(found["log lines"].df["Means"])
    assert scope.findings.conclude().checks == ()


def test_two_batches_that_raced(scope: Scope, raced: tuple[Path, RacePlan]) -> None:
    rivals, group = raced[1].rival_ids, of_kind(scope, DuplicateKind.DIFFERENT_IDS)
    story = explain_key(scope, **group.key)
    assert story.group is not None
    assert story.group.differs == group.differs
    assert {writer.batch_id: writer.rows for writer in story.sources.writers} == dict.fromkeys(rivals, 1)
    assert story.likely.startswith(f"{rivals[0]} and {rivals[1]} raced, created 0.4 s apart; two MERGEs overlapped")
    html = everything_in(scope.explain(**group.key))
    assert '<ins><span class="hidden">kept </span>' in html
    data = json.loads(json.dumps(story.as_data()))
    assert data["rows"][0]["prediction_id"] == group.keep
    assert [one["is_merged"] for one in data["staging"]] == [False, False]


def test_each_key_is_found_by_its_text_its_values_or_a_row(scope: Scope) -> None:
    explained = scope.duplicates.explained(scope.day)
    shown, rows = explanation(scope)["duplicate keys"], explanation(scope).df
    with scope.platform.warehouse.session():
        for group, cells in zip(explained.groups[::7], shown.rows[::7], strict=True):
            row = rows[rows["prediction_id"] == group.keep].iloc[0]
            text = "\t".join(map(str, cells[: -(len(shown.columns) - _columns_of_keys(shown.columns))]))
            asked = [(text,), (row,), (dict(row),), (" | ".join(key_texts(group.key, [*group.key])),)]
            for one in asked:
                story = explain_key(scope, *one)
                assert len(story.rows) == len(group.members)
    names = [str(each) for each in explanation(scope).df.columns[1:5]]
    assert names == list(scope.platform.table.key_columns)


def _columns_of_keys(columns: Any) -> int:
    return sum(name in ("game_id", "player_lookup", "system_id", "current_points_line") for name in columns)


def test_part_of_a_key_lists_the_matching_keys_worst_first(scope: Scope) -> None:
    game = of_kind(scope, DuplicateKind.SAME_ID).key["game_id"]
    story = explain_key(scope, game_id=game)
    assert explain_key(scope, game).candidates == story.candidates
    counts = [one.rows for one in story.candidates]
    assert counts == sorted(counts, reverse=True)
    assert (counts[0], counts[-1]) == (2, 1)
    assert sum(count > 1 for count in counts) == len(scope.duplicates.explained(scope.day).groups)
    assert json.loads(json.dumps(story.as_data()))["candidates"][0]["key"]["game_id"] == game
    listed = scope.explain(game_id=game)
    assert len(listed.df) == len(counts)
    assert len(scope.explain(listed.df.iloc[0]).df) == 2
    nothing = scope.explain(game_id="none of them")
    assert most_likely(nothing) == f"{scope.day} has no key with game_id=none of them."


@pytest.mark.parametrize(
    ("values", "named", "message"),
    [
        (("a", "b", "c", 1, 2), {}, "got 5 values, but a key has 4"),
        ((), {"player": "x"}, "there is no key column 'player'; did you mean player_lookup"),
        ((), {"current_points_line": "much"}, "current_points_line: 'much' is not a value of its column"),
        (("a", "b"), {"GAME_ID": "c"}, "game_id is given twice"),
        (({"other": 1},), {}, "the row has none of the key columns"),
    ],
)
def test_an_invalid_key_is_refused_in_one_line(
    scope: Scope, values: tuple[Any, ...], named: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message) as refused:
        scope.explain(*values, **named)
    assert "\n" not in str(refused.value)


def test_one_row_or_none_is_explained(raced: tuple[Path, RacePlan], tmp_path: Path) -> None:
    shutil.copytree(raced[0], tmp_path / "state")
    platform = platform_in(tmp_path / "state")
    day = raced[1].game_date
    scope = scope_of(platform, date=str(day))
    key = of_kind(scope, DuplicateKind.SAME_ID).key
    apply_repair(
        platform.warehouse, platform.locks, platform.table, plan_repair(platform.warehouse, platform.table, day)
    )
    repaired = scope.explain(**key)
    assert most_likely(repaired) == f"One row, so it is not a duplicate; {raced[1].batch_id} wrote it."
    assert len(repaired.df) == 1
    run(platform, f"UPDATE {MAIN} SET is_active = FALSE WHERE player_lookup = '{key['player_lookup']}'")
    inactive = scope.explain(**key)
    assert "Readers see no row of this key: 1 row is stored, and none is active" in most_likely(inactive)
    assert list(inactive.df["A repair has it"]) == ["inactive"]
    run(platform, f"DELETE FROM {MAIN} WHERE player_lookup = '{key['player_lookup']}'")
    gone = scope.explain(**key)
    assert f"no row with this key; staging holds it ({raced[1].batch_id}) and it is not merged yet" in most_likely(gone)
    assert gone.df.empty


def test_a_fenced_batch_is_in_the_ledger_and_unreadable_sources_are_named(platform: Platform, home: Path) -> None:
    stage(platform, [row(number) for number in range(3)])
    consolidate(platform, cleanup=False)
    scope = scope_of(platform, date=str(DAY))
    story = explain_key(scope, "g", "player0", "ensemble", None)
    assert [copy.is_merged for copy in story.sources.copies] == [True]
    assert len(story.sources.ledger) == 1
    assert story.likely == "One row, so it is not a duplicate; batch_2026-01-17_1 wrote it"
    (home / "logs").rename(home / "elsewhere")
    (home / "logs").write_text("not a folder")
    blind = scope_of(platform, date=str(DAY)).explain("g", "player1", "ensemble", 24.5)
    assert blind["log lines"].rows[0][0] == "not read"
    assert len(blind.df) == 1


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A table without row ids, with a number, a nullable text, a decimal and the date as its key."""
    platform = shop(platform_in(tmp_path_factory.mktemp("odd") / "state"))
    spec = TableSpec(
        TableName("shop", "odd"),
        key_columns=("order_id", "sku", "size", "order_date"),
        nullable_keys=("sku", "size"),
        date_column="order_date",
    )
    columns = [column for column in COLUMNS if column.name in ("order_id", "sku", "order_date", "quantity")]
    platform.warehouse.create_table(spec.table, [*columns, Column("size", "NUMERIC")])
    with platform.warehouse.session():
        yield replace(platform, environment=replace(platform.environment, table_spec=spec))


KEYS = st.lists(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1),
        st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
        st.none() | st.integers(-999, 999).map(lambda number: Decimal(number) / 4),
    ),
    min_size=1,
    max_size=4,
    unique=True,
)


@settings(max_examples=15)
@given(KEYS)
def test_a_duplicate_key_of_any_type_is_explained_from_its_text_in_the_table(
    odd: Platform, keys: list[tuple[int, str | None, Decimal | None]]
) -> None:
    with odd.warehouse.connection() as connection:  # type: ignore[attr-defined]
        connection.execute("DELETE FROM shop.odd")
        for order_id, sku, size in keys:
            for quantity in (1, 2):
                values = [order_id, sku, DAY, quantity, size]
                connection.execute(
                    "INSERT INTO shop.odd (order_id, sku, order_date, quantity, size) VALUES (?, ?, ?, ?, ?)", values
                )
    scope = scope_of(odd, date=str(DAY))
    rows = explanation(scope).df
    for order_id, sku, size in keys:
        key = {"order_id": order_id, "sku": sku, "size": size, "order_date": DAY}
        own = rows[[value == order_id for value in rows["order_id"]]]
        asked: list[KeyStory] = [explain_key(scope, *key.values()), explain_key(scope, own.iloc[0])]
        for story in asked:
            assert dict(story.key)["order_id"] == order_id
            assert sorted(row["quantity"] for row in story.rows) == [1, 2]
            assert story.sources.not_read.keys() == {"logs"}
        shown = explain_key(scope, "\t".join(key_texts(key, list(key))))
        assert key in [dict(shown.key), *(dict(one.key) for one in shown.candidates)]
