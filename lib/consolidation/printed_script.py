"""A consolidation as a SQL script for people who run their own: the library's steps with inputs and explanations.

An adapter writes it in its dialect. The script uses the library's fence and ledger, so a script and a consolidation by
the library cannot both write the same date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from textwrap import wrap

from lib.consolidation.fence import FENCE_COLUMNS, FENCE_MISSING, SPEC_CHANGED, insert_fence
from lib.consolidation.identifiers import TableName
from lib.consolidation.ledger import ledger_columns
from lib.consolidation.merge import (
    ALREADY_MERGED,
    INACTIVE_ROWS,
    NEW_DUPLICATES,
    NONE_ACTIVE,
    STAGED_KEY_MISSING,
    TWO_ACTIVE,
    WRONG_DATE,
    consolidation_steps,
)
from lib.consolidation.schema import check_spec
from lib.consolidation.staged_rows import StagedGroup, StagedRows
from lib.consolidation.superseding import superseded_columns
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column, Execute, Require, Step

NOT_FILLED_IN = "not_filled_in"
PARAMETER = re.compile(r"(?<![\w@])@(\w+)")
_CODE = re.compile(r"requirement:(\w+)")
_WIDTH = 110
_REFUSALS = {
    NOT_FILLED_IN: "the date or the batch is NULL: fill it in below",
    SPEC_CHANGED: "other writers use another date, key or active column for this table: make the scripts agree",
    FENCE_MISSING: "the date has no fence row, for the same reason as spec_changed",
    ALREADY_MERGED: "the table has this batch's rows of the date: a retry is done; a new load needs a new batch",
    WRONG_DATE: "a staged row has another date, or none",
    INACTIVE_ROWS: "a staged row is marked as inactive",
    STAGED_KEY_MISSING: "check after the MERGE: a staged key is not in the table",
    NEW_DUPLICATES: "check after the MERGE: a key has more rows than before",
    TWO_ACTIVE: "check after the MERGE: two rows are active where only one may be",
    NONE_ACTIVE: "check after the MERGE: no row is active where one must be",
}
_PURPOSES = {
    NOT_FILLED_IN: "Nothing runs until these are filled in.",
    "create": "Needed once; afterwards it changes nothing and can be removed.",
    "insert fence": "The date's fence row, committed before the transaction that moves it.",
    "fence": "The fence. Two transactions that move the same row conflict, and only one of them commits. This step "
    "also counts the rows before the MERGE and makes the refusals.",
    "supersede": "Records the rows that the MERGE sets inactive.",
    "merge": "Merges the newest staged row of each key into the rows of the date. In a key, NULL equals NULL.",
    "ledger": "The checks after the MERGE, and this run's row in the ledger. Both commit with the MERGE, or none.",
}


@dataclass(frozen=True)
class Variable:
    """A variable of the script, which a step uses as a parameter.

    Attributes:
        name: Its name, without prefix.
        type: Its GoogleSQL type.
        sql: Its value in GoogleSQL, from earlier variables and constants.
        note: What it is or, if its value is NULL, what to fill in.
    """

    name: str
    type: str
    sql: str
    note: str = ""


@dataclass(frozen=True)
class PrintedScript:
    """A script, before it is written in a dialect.

    Attributes:
        spec: The main table.
        staging: The staging table.
        prefix: Starts the variables' names. No column name starts with it, because BigQuery would read the column.
        variables: The script's variables, in order.
        before: Steps that are each committed separately.
        steps: The steps of the transaction.
    """

    spec: TableSpec
    staging: TableName
    prefix: str
    variables: Sequence[Variable]
    before: Sequence[Step]
    steps: Sequence[Step]

    def text(
        self, conflict: str, handling: str, declared: Callable[[Variable], str], written: Callable[[Step], str]
    ) -> str:
        """Return the script's text, with a comment before each step.

        Args:
            conflict: The warehouse's error message when another run was faster.
            handling: How to run a script in this warehouse.
            declared: Writes a variable in the dialect, without the final semicolon.
            written: Writes a step in the dialect.
        """

        def noted(step: Step) -> str:
            name = step.name.partition(" of ")[0] if isinstance(step, Execute) else step.code
            return "\n".join([*_comment(_PURPOSES[name]), written(step)])

        notes = {one.name: f"  -- {one.note}" if one.note else "" for one in self.variables}
        parts = [
            self._header(conflict, handling),
            "\n".join(f"{declared(one)};{notes[one.name]}" for one in self.variables),
            *map(noted, self.before),
            "BEGIN TRANSACTION;",
            *map(noted, self.steps),
            "COMMIT TRANSACTION;\n",
        ]
        return "\n\n".join(parts)

    def _header(self, conflict: str, handling: str) -> str:
        table, staging = self.spec.table, self.staging
        paragraphs = [
            f"Merges the rows of one date from {staging} into {table}: all rows or none, and each batch once.",
            "Generated by `runbook fence sql` from the steps of `runbook consolidate`. If columns or key change, "
            "generate it again; do not edit the statements.",
            f"When to run: after each load of {staging}, in place of your MERGE. {handling}",
            f'Two runs at once: one commits, the other fails with "{conflict}" and writes nothing: run it again.',
            "Refusals: the error contains one of these codes, and nothing was written.",
        ]
        refusals = [f"  {code}: {_REFUSALS[code]}" for code in self._codes()]
        return "\n".join(line for text in (*paragraphs, *refusals) for line in _comment(text))

    def _codes(self) -> list[str]:
        """Return the codes of all refusals in the script, in order."""
        found: list[str] = []
        for step in (*self.before, *self.steps):
            if isinstance(step, Require):
                found.append(step.code)
            else:
                found += [*filter(None, [step.must_touch]), *_CODE.findall(step.sql)]
        return list(dict.fromkeys(found))


def printed_script(spec: TableSpec, columns: Sequence[Column], staging: TableName) -> PrintedScript:
    """Return the script that merges one date of a staging table that has the main table's columns.

    Args:
        spec: The main table.
        columns: The main table's columns.
        staging: The staging table.

    Raises:
        SpecMismatch: The table's settings do not match the columns.
    """
    check_spec(spec, columns)
    rows = StagedRows(spec, tuple(columns), (StagedGroup(staging, tuple(columns)),))
    before: list[Step] = [
        Require(NOT_FILLED_IN, "@day IS NOT NULL AND @batch_id IS NOT NULL"),
        *_tables(spec, columns),
        insert_fence(spec),
    ]
    steps = [_of_its_date(spec, step) for step in consolidation_steps(rows, has_lease=False)]
    used = {name for step in (*before, *steps) for name in PARAMETER.findall(step.sql)}
    known = {variable.name: variable for variable in _variables(spec, staging)}
    # An unknown variable is a bug and raises here; an unused one would only confuse, so it is left out.
    variables = [known[name] for name in sorted(used, key=list(known).index)]
    return PrintedScript(spec, staging, _prefix(columns), variables, before, steps)


def _of_its_date(spec: TableSpec, step: Step) -> Step:
    """Treat the batch's runs of other dates as known runs, because people reuse one batch name for many dates."""
    others = (
        f"SELECT known.run_id FROM {spec.ledger.sql} AS known WHERE known.batch_id = @batch_id AND known.day <> @day"
    )
    return replace(step, sql=step.sql.replace("@known_runs", f"ARRAY({others})"))


def _variables(spec: TableSpec, staging: TableName) -> Iterator[Variable]:
    lock_key = spec.lock_key(date.min).removesuffix(date.min.isoformat())
    yield Variable("day", "DATE", "NULL", f"fill in: the date in {spec.date_column} of the rows, DATE '2026-01-31'")
    for name, sql in spec.dates.bound_sql().items():
        yield Variable(name, spec.date_type, sql)
    yield Variable("batch_id", "STRING", "NULL", "fill in: a name for this load, 'orders-42'; a retry uses the same")
    yield Variable("run_id", "STRING", "GENERATE_UUID()")
    yield Variable("moved_by", "STRING", "@run_id")
    yield Variable("spec", "STRING", f"'{spec.identity}'", "the settings that all writers of the table must share")
    yield Variable("staging_tables", "ARRAY<STRING>", f"['{staging.table}']")
    yield Variable(
        "lock_key", "STRING", f"CONCAT('{lock_key}', CAST(@day AS STRING))", "this and the rest: for the ledger"
    )
    yield Variable("job_id", "STRING", "''")
    yield Variable("holder_id", "STRING", "''")
    yield Variable("host", "STRING", "'runbook fence sql'")
    yield Variable("started_at", "TIMESTAMP", "CURRENT_TIMESTAMP()")


def _tables(spec: TableSpec, columns: Sequence[Column]) -> Iterator[Execute]:
    """Yield the statements that create the library's own tables."""
    yield Execute("create of fences", _create(spec.fences, FENCE_COLUMNS))
    yield Execute("create of ledger", _create(spec.ledger, ledger_columns(spec), _partitions(spec, "committed_at")))
    if spec.supersedes:
        wanted = superseded_columns(spec, columns)
        yield Execute("create of superseded", _create(spec.superseded, wanted, _partitions(spec, "superseded_at")))


def _create(table: TableName, columns: Sequence[Column], partitions: str = "") -> str:
    declared = ", ".join(f"{column.name} {column.type}" for column in columns)
    return f"CREATE TABLE IF NOT EXISTS {table.sql} ({declared}){partitions}"


def _partitions(spec: TableSpec, column: str) -> str:
    days = spec.retention.ledger_days
    expire = f" OPTIONS (partition_expiration_days = {days})" if days else ""
    return f" PARTITION BY DATE({column}){expire}"


def _prefix(columns: Sequence[Column]) -> str:
    prefix = "p_"
    while any(column.name.lower().startswith(prefix) for column in columns):
        prefix = f"p{prefix}"
    return prefix


def _comment(text: str) -> list[str]:
    indent = "--     " if text.startswith(" ") else "-- "
    return wrap(text.strip(), _WIDTH, initial_indent=indent.replace("    ", "  "), subsequent_indent=indent)


def with_lines(statement: str, settings: Sequence[str]) -> str:
    """Put each of these settings of an UPDATE on its own line; sqlglot leaves them on one."""
    for setting in settings:
        statement = statement.replace(f", {setting}", f",\n  {setting}", 1)
    return statement
