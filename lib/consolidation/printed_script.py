"""A consolidation as a script for those who run their own: the library's steps, their inputs, and what to know of them.

An adapter writes it in its dialect. Fence and ledger are the library's, so a script and a consolidation of the library
keep each other out.
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
    FENCE_MISSING: "the date got no fence row: as spec_changed",
    ALREADY_MERGED: "the table has this batch's rows of the date; a retry is done, another load needs another batch",
    WRONG_DATE: "a staged row is of another date, or of none",
    INACTIVE_ROWS: "a staged row is marked as inactive",
    STAGED_KEY_MISSING: "check after the MERGE: a staged key was not in the table",
    NEW_DUPLICATES: "check after the MERGE: a key had more rows than before",
    TWO_ACTIVE: "check after the MERGE: two rows were active where one may be",
    NONE_ACTIVE: "check after the MERGE: no row was active where one has to be",
}
_PURPOSES = {
    NOT_FILLED_IN: "Nothing runs before these are filled in.",
    "create": "Made once: afterwards it changes nothing, and may be left out.",
    "insert fence": "The fence row of the date, committed before the transaction that moves it.",
    "fence": "The fence. Two transactions that move one row conflict, and only one of them is committed. It also "
    "counts what is there before the MERGE, and refuses.",
    "supersede": "On record: the rows that the MERGE sets inactive.",
    "merge": "The newest staged row of each key, into the rows of the date. NULL equals NULL in a key.",
    "ledger": "The checks after the MERGE, and the row of this run in the ledger: with it, or not at all.",
}


@dataclass(frozen=True)
class Variable:
    """What a step binds as a parameter.

    Attributes:
        sql: Its value in GoogleSQL, of earlier parameters and constants.
        note: What it is; of a value that is NULL, what to write there.
    """

    name: str
    type: str
    sql: str
    note: str = ""


@dataclass(frozen=True)
class PrintedScript:
    """A script in no dialect yet.

    Attributes:
        prefix: Of the variables' names. No column's name begins so: BigQuery would read the column.
        before: Each is committed by itself.
        steps: One transaction.
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
        """The script, with a comment before each step.

        Args:
            conflict: The words of the warehouse's error when another run was faster.
            handling: How to run a script there.
            declared: A variable in the dialect, without what ends a statement.
            written: A step in the dialect.
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
            f"Merges the rows of {staging} into {table}: one date, whole or not at all, and each batch once.",
            "Made by `runbook fence sql` from the steps of `runbook consolidate`. When columns or key change, make it "
            "again; do not edit the statements.",
            f"When to run: after each load of {staging}, in place of your MERGE. {handling}",
            f'Two at once: one is committed, the other fails with "{conflict}" and writes nothing: run it again.',
            "Refusals: the error names one of these, and nothing was written.",
        ]
        refusals = [f"  {code}: {_REFUSALS[code]}" for code in self._codes()]
        return "\n".join(line for text in (*paragraphs, *refusals) for line in _comment(text))

    def _codes(self) -> list[str]:
        """Of every refusal in it, in order."""
        found: list[str] = []
        for step in (*self.before, *self.steps):
            if isinstance(step, Require):
                found.append(step.code)
            else:
                found += [*filter(None, [step.must_touch]), *_CODE.findall(step.sql)]
        return list(dict.fromkeys(found))


def printed_script(spec: TableSpec, columns: Sequence[Column], staging: TableName) -> PrintedScript:
    """The script that merges one date of a staging table with the main table's columns.

    Args:
        columns: Of the main table.

    Raises:
        SpecMismatch: The settings do not fit the columns.
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
    # One that is used and not known is a fault of ours; one that is known and not used would only puzzle.
    variables = [known[name] for name in sorted(used, key=list(known).index)]
    return PrintedScript(spec, staging, _prefix(columns), variables, before, steps)


def _of_its_date(spec: TableSpec, step: Step) -> Step:
    """The step where a batch's runs of other dates are known ones: a reader calls the loads of many dates alike."""
    others = (
        f"SELECT known.run_id FROM {spec.ledger.sql} AS known WHERE known.batch_id = @batch_id AND known.day <> @day"
    )
    return replace(step, sql=step.sql.replace("@known_runs", f"ARRAY({others})"))


def _variables(spec: TableSpec, staging: TableName) -> Iterator[Variable]:
    lock_key = spec.lock_key(date.min).removesuffix(date.min.isoformat())
    yield Variable("day", "DATE", "NULL", f"fill in: the date in {spec.date_column} of the rows, DATE '2026-01-31'")
    for name, sql in spec.dates.bound_sql().items():
        yield Variable(name, spec.date_type, sql)
    yield Variable("batch_id", "STRING", "NULL", "fill in: names this load, 'orders-42'; a retry has the same one")
    yield Variable("run_id", "STRING", "GENERATE_UUID()")
    yield Variable("moved_by", "STRING", "@run_id")
    yield Variable("spec", "STRING", f"'{spec.identity}'", "what the table is consolidated by")
    yield Variable("staging_tables", "ARRAY<STRING>", f"['{staging.table}']")
    yield Variable("lock_key", "STRING", f"CONCAT('{lock_key}', CAST(@day AS STRING))", "for the ledger, as the rest")
    yield Variable("job_id", "STRING", "''")
    yield Variable("holder_id", "STRING", "''")
    yield Variable("host", "STRING", "'runbook fence sql'")
    yield Variable("started_at", "TIMESTAMP", "CURRENT_TIMESTAMP()")


def _tables(spec: TableSpec, columns: Sequence[Column]) -> Iterator[Execute]:
    """As the library makes them."""
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
    """An UPDATE with each of these settings on a line of its own: sqlglot leaves them on one."""
    for setting in settings:
        statement = statement.replace(f", {setting}", f",\n  {setting}", 1)
    return statement
