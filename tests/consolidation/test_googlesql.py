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


def test_every_statement_is_valid_googlesql_and_binds_its_values(statements: list[Statement]) -> None:
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
