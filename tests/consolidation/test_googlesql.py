"""Every statement is GoogleSQL, and no value is ever pasted into one."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from tests.consolidation.recorded import HOSTILE, Statement, record_a_whole_life


@pytest.fixture(scope="module")
def statements(tmp_path_factory: pytest.TempPathFactory) -> list[Statement]:
    folder: Path = tmp_path_factory.mktemp("recorded")
    return record_a_whole_life(folder)


def test_every_statement_parses_as_bigquerys_and_binds_its_values(statements: list[Statement]) -> None:
    kinds = set()
    for statement in statements:
        [tree] = sqlglot.parse(statement.sql, read="bigquery", error_level=sqlglot.ErrorLevel.RAISE)
        assert tree is not None
        assert not isinstance(tree, exp.Command), f"not understood: {statement.sql}"
        kinds.add(type(tree))
        bound = {parameter.name for parameter in tree.find_all(exp.Parameter)}
        assert bound <= set(statement.parameters)
        texts = {literal.this for literal in tree.find_all(exp.Literal) if literal.is_string}
        assert not [text for text in texts if HOSTILE in text or text == "batch_0" or "2026" in text]
    assert kinds >= {exp.Select, exp.Merge, exp.Update, exp.Insert, exp.Create}


def test_a_date_is_constant_wherever_the_main_table_is_read(statements: list[Statement]) -> None:
    """Without it every consolidation scans the whole table, whose partitions are its dates."""
    for statement in statements:
        for scan in sqlglot.parse_one(statement.sql, read="bigquery").find_all(exp.Table):
            if scan.name != "player_prop_predictions" or isinstance(scan.parent, exp.Schema | exp.Insert):
                continue
            around = scan.find_ancestor(exp.Select, exp.Merge, exp.Update, exp.Delete)
            assert around is not None
            assert any(column.name == "game_date" for column in around.find_all(exp.Column)), statement.sql
