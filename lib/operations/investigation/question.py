"""A question of one's own, in SQL: rows as a DataFrame, under the limits of a runbook's own queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lib.consolidation.warehouse import Parameters, Warehouse
from lib.errors import UserError
from lib.verdict.frames import frame_of
from lib.words.text import one_line

if TYPE_CHECKING:
    import pandas

MOST_ROWS = 10_000
_EXAMPLE = 'scope.sql("SELECT * FROM dataset.table WHERE key = @key", key="a")'


def rows_of(warehouse: Warehouse, sql: str, parameters: Parameters) -> pandas.DataFrame:
    """The answer to one SELECT in GoogleSQL; at most `MOST_ROWS` rows.

    Args:
        warehouse: The metered one: a query over the environment's limit is not run.
        sql: A single query; ``@name`` stands for a value. Anything that could change rows is refused.
        parameters: The values. Those that the statement does not name are left out.

    Returns:
        A row a row, a column a column; times are aware and UTC. `attrs["cut"]` is True where there are more rows.

    Raises:
        UserError: It is not a single query, or a value is missing.
        QueryOverLimit: It would read too much; it was not run.
    """
    query = _only_query(sql)
    named = {parameter.name for parameter in query.find_all(exp.Parameter)}
    if missing := sorted(named - parameters.keys()):
        raise UserError(
            f"the query names @{missing[0]:.80}, and no value is given; write {missing[0]:.80}=... after it"
        )
    if not query.args.get("limit"):
        query = query.limit(MOST_ROWS + 1)
    given = {name: value for name, value in parameters.items() if name in named}
    rows = warehouse.query(query.sql(dialect="bigquery"), given)
    columns = list(rows[0]) if rows else _named_columns(query)
    answer = frame_of(columns, [list(row.values()) for row in rows[:MOST_ROWS]])
    answer.attrs["cut"] = len(rows) > MOST_ROWS
    return answer


def _only_query(sql: str) -> exp.Query:
    try:
        statements = [statement for statement in sqlglot.parse(sql, read="bigquery") if statement]
    except SqlglotError as error:
        raise UserError(f"the query is not GoogleSQL: {one_line(str(error)):.300}") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise UserError(f"write a single SELECT, which changes nothing, such as {_EXAMPLE}")
    return statements[0]


def _named_columns(query: exp.Query) -> list[str]:
    """So that an empty answer has its columns; those of ``*`` are not known without a row."""
    return [name for name in query.named_selects if name != "*"]
