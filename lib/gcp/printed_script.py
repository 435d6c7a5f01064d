"""A printed consolidation in GoogleSQL: one script, as BigQuery runs it."""

from __future__ import annotations

import re
from dataclasses import replace

import sqlglot

from lib.consolidation.printed_script import PARAMETER, PrintedScript, purpose, with_lines
from lib.consolidation.warehouse import Execute, Step
from lib.gcp.bigquery_transaction import statement_of

_CONFLICT = "Transaction is aborted due to concurrent update"
_HANDLING = "As one script, in the project of the tables."


def bigquery_script(script: PrintedScript) -> str:
    """The script, with a comment before each step."""
    declared = [
        f"DECLARE {script.prefix}{one.name} {one.type} DEFAULT {_named(script, one.sql)};{one.comment}"
        for one in script.variables
    ]
    parts = [
        script.header(_CONFLICT, _HANDLING),
        "\n".join(declared),
        *(_noted(script, step) for step in script.before),
        "BEGIN TRANSACTION;",
        *(_noted(script, step) for step in script.steps),
        "COMMIT TRANSACTION;",
    ]
    return "\n\n".join(parts) + "\n"


def _noted(script: PrintedScript, step: Step) -> str:
    sql = _named(script, step.sql)
    return f"{purpose(step)}\n{statement_of(replace(step, sql=_pretty(sql) if isinstance(step, Execute) else sql))}"


def _pretty(sql: str) -> str:
    tree = sqlglot.parse_one(sql, read="bigquery")
    return with_lines(
        tree.sql(dialect="bigquery", pretty=True), [part.sql(dialect="bigquery") for part in tree.expressions]
    )


def _named(script: PrintedScript, sql: str) -> str:
    return re.sub(PARAMETER, rf"{script.prefix}\1", sql)
