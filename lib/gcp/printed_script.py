"""A consolidation printed in GoogleSQL: one script, as BigQuery runs it."""

from __future__ import annotations

from dataclasses import replace

from lib.consolidation.printed_script import PARAMETER, PrintedScript, Variable, with_lines
from lib.consolidation.warehouse import Execute, Step
from lib.gcp.bigquery_transaction import statement_of

_CONFLICT = "Transaction is aborted due to concurrent update"
_HANDLING = "Run it as one script, in the project of the tables."


def bigquery_script(script: PrintedScript) -> str:
    """Return the script in GoogleSQL."""

    def named(sql: str) -> str:
        return PARAMETER.sub(rf"{script.prefix}\1", sql)

    def declared(variable: Variable) -> str:
        return f"DECLARE {script.prefix}{variable.name} {variable.type} DEFAULT {named(variable.sql)}"

    def written(step: Step) -> str:
        sql = named(step.sql)
        return statement_of(replace(step, sql=_pretty(sql) if isinstance(step, Execute) else sql))

    return script.text(_CONFLICT, _HANDLING, declared, written)


def _pretty(sql: str) -> str:
    import sqlglot  # not a dependency of the core

    tree = sqlglot.parse_one(sql, read="bigquery")
    settings = [part.sql(dialect="bigquery") for part in tree.expressions]
    return with_lines(tree.sql(dialect="bigquery", pretty=True), settings)
