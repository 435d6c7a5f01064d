"""A consolidation printed in DuckDB's SQL, which has variables but no conditional statements."""

from __future__ import annotations

from functools import partial

from sqlglot import exp

from lib.consolidation.printed_script import PrintedScript, Variable, with_lines
from lib.consolidation.requirements import guarded
from lib.consolidation.warehouse import Require, Step
from lib.embedded.googlesql import duckdb_tree

_CONFLICT = "Conflict on update"
_HANDLING = "Stop at the first error and ROLLBACK, as `duckdb -bail FILE.duckdb < SCRIPT.sql` does. Needs DuckDB 1.4."


def duckdb_script(script: PrintedScript) -> str:
    """Return the script in DuckDB's SQL."""

    def declared(variable: Variable) -> str:
        # NULL needs a type, and a bare name would be read as text.
        is_plain = variable.sql in ("NULL", "CURRENT_TIMESTAMP()")
        value = _tree(script, f"CAST({variable.sql} AS {variable.type})" if is_plain else variable.sql)
        return f"SET VARIABLE {script.prefix}{variable.name} = {value.sql(dialect='duckdb')}"

    def written(step: Step) -> str:
        if isinstance(step, Require):
            return _pretty(_tree(script, f"SELECT {_refusal(step.code, step.sql)}"))
        tree = _tree(script, step.sql)
        touched = f"\n{_pretty(_touched(tree, step.must_touch))}" if step.must_touch else ""
        return f"{_pretty(tree)}{touched}"

    return script.text(_CONFLICT, _HANDLING, declared, written)


def _touched(update: exp.Expr, code: str) -> exp.Expr:
    """Return a check that an UPDATE finds rows to change; DuckDB does not treat none as an error."""
    counted = duckdb_tree(f"SELECT {_refusal(code, 'COUNT(*) > 0')}")
    assert isinstance(counted, exp.Select)
    return counted.from_(update.this).where(update.args["where"].this)


def _refusal(code: str, condition: str) -> str:
    return f"{guarded('TRUE', {code: condition})} AS holds"


def _pretty(tree: exp.Expr) -> str:
    written = tree.sql(dialect="duckdb", pretty=True)
    if isinstance(tree, exp.Update):
        written = with_lines(written, [part.sql(dialect="duckdb") for part in tree.expressions])
    return f"{written};"


def _tree(script: PrintedScript, sql: str) -> exp.Expr:
    tree = duckdb_tree(sql)
    for rewritten in (_first_moment, _one_of, _without_partitions, partial(_named, script.prefix)):
        tree = tree.transform(rewritten)
    return tree


def _first_moment(node: exp.Expr) -> exp.Expr:
    """Take the first midnight of a date that has two: the end of the day before, as DuckDB picks the second."""
    if not isinstance(node, exp.Timestamp):
        return node
    moment = exp.Interval(this=exp.Literal.string("1"), unit=exp.var("MICROSECOND"))
    last = exp.AtTimeZone(this=exp.paren(exp.Sub(this=node.this, expression=moment)), zone=node.args["zone"])
    return exp.Add(this=last, expression=moment.copy())


def _one_of(node: exp.Expr) -> exp.Expr:
    """Shorten ``value IN UNNEST(@array)``, which sqlglot writes in ten lines."""
    unnest = node.args.get("unnest") if isinstance(node, exp.In) else None
    return exp.EQ(this=node.this, expression=exp.Any(this=exp.paren(unnest.expressions[0]))) if unnest else node


def _without_partitions(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Create) and isinstance(node.this, exp.Schema):
        node.set("properties", None)
    return node


def _named(prefix: str, node: exp.Expr) -> exp.Expr:
    if not isinstance(node, exp.Parameter):
        return node
    return exp.Anonymous(this="getvariable", expressions=[exp.Literal.string(f"{prefix}{node.name}")])
