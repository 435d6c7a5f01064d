"""A user's own SQL query: rows as a DataFrame, under the limits of a runbook's queries."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lib.consolidation.errors import WarehouseUnavailable
from lib.consolidation.identifiers import TableName, is_plain_identifier
from lib.consolidation.warehouse import Parameters, Warehouse
from lib.errors import CouldNotLook, RunbookError, UserError
from lib.verdict.frames import frame_of
from lib.words.choices import no_such
from lib.words.text import one_line

if TYPE_CHECKING:
    import pandas

MOST_ROWS = 10_000
_EXAMPLE = 'scope.sql("SELECT * FROM dataset.table WHERE key = @key", key="a")'


def rows_of(warehouse: Warehouse, sql: str, parameters: Parameters) -> pandas.DataFrame:
    """Run one SELECT in GoogleSQL and return at most `MOST_ROWS` rows.

    Args:
        warehouse: The metered warehouse: a query over the environment's limit is not run.
        sql: A single query; ``@name`` is a parameter. Anything that could change rows is refused.
        parameters: The values; unused ones are ignored.

    Returns:
        The rows; times are aware and in UTC. If there are more rows, it warns, and `attrs["cut"]` is True.

    Raises:
        UserError: It is not a single query, a value is missing, or none of its tables has such a column.
        QueryOverLimit: It would read too much; it was not run.
    """
    query = _only_query(sql)
    named = {parameter.name for parameter in query.find_all(exp.Parameter)}
    if missing := sorted(named - parameters.keys()):
        raise UserError(
            f"the query uses @{missing[0]:.80}, but no value is given; add {missing[0]:.80}=... after the query"
        )
    if not query.args.get("limit"):
        query = query.limit(MOST_ROWS + 1)
    given = {name: value for name, value in parameters.items() if name in named}
    try:
        rows = warehouse.query(query.sql(dialect="bigquery"), given)
    except WarehouseUnavailable as error:
        raise _explained(warehouse, query, error) from None
    columns = list(rows[0]) if rows else _named_columns(warehouse, query)
    answer = frame_of(columns, [list(row.values()) for row in rows[:MOST_ROWS]])
    answer.attrs["cut"] = len(rows) > MOST_ROWS
    if answer.attrs["cut"]:
        warnings.warn(f"only the first {MOST_ROWS:,} rows are returned; narrow it, or count in SQL", stacklevel=3)
    return answer


def _only_query(sql: str) -> exp.Query:
    try:
        statements = [statement for statement in sqlglot.parse(sql, read="bigquery") if statement]
    except SqlglotError as error:
        raise UserError(f"the query is not GoogleSQL: {one_line(str(error)):.300}") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise UserError(f"write a single SELECT, which changes nothing, such as {_EXAMPLE}")
    return statements[0]


def _named_columns(warehouse: Warehouse, query: exp.Query) -> list[str]:
    """Return the columns of an empty answer; those of ``*`` are known for a single table."""
    if query.named_selects == ["*"] and len(_tables(query)) == 1:
        return _columns(warehouse, query)
    return [name for name in query.named_selects if name != "*"]


def _explained(warehouse: Warehouse, query: exp.Query, error: WarehouseUnavailable) -> RunbookError:
    """Report a column that none of the query's tables has as the user's mistake, whatever the warehouse reports."""
    columns = _columns(warehouse, query)
    own = {name.lower() for name in (*columns, *(alias.alias for alias in query.find_all(exp.Alias, exp.TableAlias)))}
    names = [column.name for column in query.find_all(exp.Column) if isinstance(column.this, exp.Identifier)]
    unknown = [name for name in names if name.lower() not in own]
    return no_such("column", unknown[0], columns) if columns and unknown else error


def _columns(warehouse: Warehouse, query: exp.Query) -> list[str]:
    """Return the columns of the query's tables; empty: they cannot be read."""
    try:
        found = warehouse.columns_of(_tables(query))
    except CouldNotLook:
        return []
    return list(dict.fromkeys(column.name for columns in found.values() for column in columns))


def _tables(query: exp.Query) -> list[TableName]:
    """Return the tables that are named with their dataset."""
    named = [(table.db, table.name) for table in query.find_all(exp.Table)]
    return [TableName(*names) for names in dict.fromkeys(named) if all(map(is_plain_identifier, names))]
