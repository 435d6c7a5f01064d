"""The newest row of each key, as DuckDB finds it soonest.

A window sorts every row, and only rows whose key another row has need that: most batches have none. To find
out which do takes a tenth of the time, and by a hash of the key a quarter of the memory. Rows of different keys
with one hash are only sorted in vain.
"""

from __future__ import annotations

from sqlglot import exp, parse_one

_TWICE = "hashes there twice"
_HASH = "hash of the key"  # nothing of a table is called so: see `lib.consolidation.identifiers`
_ONE = exp.Literal.number(1)


def sorted_where_needed(node: exp.Expr) -> exp.Expr:
    """``SELECT * ... QUALIFY ROW_NUMBER() OVER (PARTITION BY ...) = 1`` its window only over keys of several rows."""
    window = _row_number(node)
    if window is None:
        return node
    hashed = f"hash({', '.join(key.sql('duckdb') for key in window.args['partition_by'])})"
    source = node.args["from_"].sql("duckdb")
    same = f'JOIN "{_TWICE}" ON "{_HASH}" = {hashed}'
    return parse_one(
        f'SELECT * FROM (WITH "{_TWICE}" AS (SELECT {hashed} AS "{_HASH}" {source} GROUP BY ALL HAVING COUNT(*) > 1) '
        f"SELECT * {source} ANTI {same} "
        f"UNION ALL SELECT * {source} SEMI {same} QUALIFY {window.sql('duckdb')} = 1) AS newest",
        read="duckdb",
    )


def _row_number(node: exp.Expr) -> exp.Window | None:
    """The window of such a SELECT."""
    if not isinstance(node, exp.Select) or node.expressions != [exp.Star()] or node.args.get("joins"):
        return None
    where, qualify = node.args.get("where"), node.args.get("qualify")
    if qualify is None or not isinstance(qualify.this, exp.EQ) or (where is not None and where.this != exp.true()):
        return None
    window, first = qualify.this.this, qualify.this.expression
    is_first = isinstance(window, exp.Window) and isinstance(window.this, exp.RowNumber) and first == _ONE
    return window if is_first and window.args.get("partition_by") else None
