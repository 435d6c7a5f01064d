"""The consolidation's transaction, step by step, in GoogleSQL.

Parameters of the steps: day, batch_id, run_id, lock_key, spec, moved_by, token (with a
lease), job_id, holder_id, host, staging_tables, known_runs (the batch's runs when its tables
were listed), started_at.
"""

from __future__ import annotations

from lib.consolidation import superseding
from lib.consolidation.fence import fence_row, move_fence
from lib.consolidation.key import column_list, counted_rows, newest_of_each_key, quoted, same_key
from lib.consolidation.ledger import SUPERSEDED_ROWS, ledger_columns
from lib.consolidation.requirements import guarded
from lib.consolidation.staged_rows import StagedRows, ownership
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Execute, Step

ALREADY_MERGED = "already_merged"
WRONG_DATE = "wrong_date"
INACTIVE_ROWS = "inactive_rows"
STAGED_KEY_MISSING = "staged_key_missing"
NEW_DUPLICATES = "new_duplicates"
TWO_ACTIVE = "two_active"
NONE_ACTIVE = "none_active"


def consolidation_steps(staged: StagedRows, *, has_lease: bool) -> list[Step]:
    """Return the steps: fence with the counts before, MERGE, ledger with the counts after. All commit, or none.

    There are only three statements because each is a job, and one more if rows supersede others. Each reads the main
    table once.
    """
    spec = staged.spec
    requirements = {
        ALREADY_MERGED: _none_merged_yet(spec),
        WRONG_DATE: "counted.wrong_date_rows = 0",
        INACTIVE_ROWS: "counted.inactive_rows = 0",
    }
    return [
        move_fence(spec, has_lease=has_lease, requirements=requirements, counted=counted_before(staged)),
        *([superseding.record_superseded(staged)] if spec.supersedes else []),
        Execute("merge", _merge(staged)),
        Execute("ledger", _ledger(staged)),
    ]


def _none_merged_yet(spec: TableSpec) -> str:
    """Return a condition that no rival has merged these tables since they were listed."""
    return (
        f"NOT EXISTS (SELECT 1 FROM {spec.ledger.sql} AS run, UNNEST(run.staging_tables) AS merged "
        "WHERE run.batch_id = @batch_id AND run.run_id NOT IN UNNEST(@known_runs) "
        "AND merged IN UNNEST(@staging_tables))"
    )


def counted_before(staged: StagedRows) -> str:
    """Return a SELECT that counts staged rows, invalid staged rows, and the date's rows in the main table."""
    return f"SELECT * FROM ({_staged_counts(staged)}) AS staged CROSS JOIN ({_main_counts(staged.spec)}) AS main"


def _staged_counts(staged: StagedRows) -> str:
    spec = staged.spec
    names = {column.name for column in staged.columns}
    inactive = f"COUNTIF(NOT {quoted(spec.active_column)})" if spec.active_column in names else "0"
    return (
        f"SELECT COUNT(*) AS staged_rows, COUNTIF({spec.dates.not_of_day()}) "
        f"AS wrong_date_rows, {inactive} AS inactive_rows "
        f"FROM ({staged.of(spec.date_column, spec.active_column)}) AS staged"
    )


def _main_counts(spec: TableSpec) -> str:
    """Return a SELECT of the number of rows, of keys with several rows, and of rows beyond the first of each key."""
    if spec.supersedes:
        return superseding.main_counts(spec)
    keys = column_list(spec.key_columns, "T")
    return (
        "SELECT COALESCE(SUM(copies), 0) AS rows_before, COUNTIF(copies > 1) AS duplicates_before, "
        "COALESCE(SUM(copies - 1), 0) AS excess_before FROM ("
        f"SELECT COUNT(*) AS copies FROM {spec.table.sql} AS T WHERE {counted_rows(spec, 'T')} GROUP BY {keys}) AS keys"
    )


def _keys(staged: StagedRows) -> str:
    """Return a SELECT of each key of the date, with its number of staged rows and of rows in the main table.

    The keys are grouped because NULL then equals NULL, and in one query because the checks for missing
    and for duplicate keys are the most expensive ones.
    """
    spec = staged.spec
    keys = column_list(spec.key_columns)
    return (
        "SELECT COUNTIF(staged__key) AS staged__copies, COUNTIF(NOT staged__key) AS copies FROM ("
        f"SELECT {keys}, TRUE AS staged__key FROM ({staged.of(*spec.key_columns)}) AS staged UNION ALL "
        f"SELECT {column_list(spec.key_columns, 'T')}, FALSE FROM {spec.table.sql} AS T WHERE {counted_rows(spec, 'T')}"
        f") AS seen GROUP BY {keys}"
    )


def _key_counts(staged: StagedRows) -> str:
    """Return a SELECT of one row: staged keys, those missing from the main table, and the date's counts there."""
    return (
        "SELECT COUNTIF(staged__copies > 0) AS staged_keys, "
        "COUNTIF(staged__copies > 0 AND copies = 0) AS missing_keys, "
        "COALESCE(SUM(copies), 0) AS rows_now, COUNTIF(copies > 1) AS duplicates_now, "
        f"COALESCE(SUM(GREATEST(copies - 1, 0)), 0) AS excess_now FROM ({_keys(staged)}) AS keys"
    )


def _merge(staged: StagedRows) -> str:
    spec = staged.spec
    names = [column.name for column in staged.columns]
    inserted = {name: f"S.{quoted(name)}" for name in names} | _active_when_new(staged) | _stamps(spec)
    return (
        f"MERGE INTO {spec.table.sql} AS T USING {_source(staged)} AS S "
        f"ON {counted_rows(spec, 'T')} AND {same_key(spec, 'T', 'S')}"
        f"{_when_matched(staged)} "
        f"WHEN NOT MATCHED THEN INSERT ({column_list(inserted)}) VALUES ({', '.join(inserted.values())})"
    )


def _source(staged: StagedRows) -> str:
    """Return the source of the MERGE: one row per key."""
    if staged.spec.supersedes:
        return superseding.merge_source(staged)
    return f"(SELECT * FROM ({staged.sql}) AS staged {newest_of_each_key(staged.spec, staged.ranked)})"


def _active_when_new(staged: StagedRows) -> dict[str, str]:
    active = staged.spec.active_column
    if staged.spec.supersedes:
        return {active: f"S.{superseding.KEPT}"}
    is_staged = active in {column.name for column in staged.columns}
    return {active: f"COALESCE(S.{quoted(active)}, TRUE)" if is_staged else "TRUE"} if active else {}


def _stamps(spec: TableSpec) -> dict[str, str]:
    return dict.fromkeys(spec.stamped, "CURRENT_TIMESTAMP()")


def _when_matched(staged: StagedRows) -> str:
    spec = staged.spec
    fixed = {*spec.key_columns, *spec.never_update, spec.active_column}
    if spec.dates.is_date:  # a timestamp may change within its date
        fixed.add(spec.date_column)
    owned = {name: ownership(name) for name in staged.partly_staged}
    if spec.supersedes:  # a row that is only superseded owns no column
        owned = {column.name: superseding.STAGED for column in staged.columns} | owned
    updates: dict[str, str] = {}
    for name in (column.name for column in staged.columns if column.name not in fixed):
        value = f"S.{quoted(name)}"
        updates[name] = f"IF(S.{owned[name]}, {value}, T.{quoted(name)})" if name in owned else value
    if spec.supersedes:
        updates |= _active_when_new(staged)
    updates |= {name: value for name, value in _stamps(spec).items() if name not in fixed}
    settings = ", ".join(f"{quoted(name)} = {value}" for name, value in updates.items())
    return f" WHEN MATCHED THEN UPDATE SET {settings}" if settings else ""


def _ledger(staged: StagedRows) -> str:
    """Return the INSERT of the run's row; every staged row counts as inserted, updated or deduplicated.

    A MERGE does not delete rows, so a key gained a duplicate if the rows beyond the first of each key increased.
    """
    spec = staged.spec
    tables = {"fence": fence_row(spec), "keys": _key_counts(staged)}
    refusals = {STAGED_KEY_MISSING: "keys.missing_keys = 0", NEW_DUPLICATES: "keys.excess_now = fence.excess_before"}
    if spec.supersedes:
        tables = {**tables, "keys": superseding.key_counts(staged), "gone": superseding.counted_by_this_run(spec)}
        refusals |= {
            NEW_DUPLICATES: "keys.excess_now + gone.superseded_excess = fence.excess_before",
            TWO_ACTIVE: "keys.two_active = 0",
            NONE_ACTIVE: "keys.none_active = 0",
        }
    inserted = "(keys.rows_now - fence.rows_before)"
    computed = {
        "token": "fence.token",
        "staged_rows": guarded("fence.staged_rows", refusals),
        "inserted_rows": inserted,
        "updated_rows": f"keys.staged_keys - {inserted}",
        "deduplicated_rows": "fence.staged_rows - keys.staged_keys",
        "duplicates_before": "fence.duplicates_before",
        "duplicates_after": "keys.duplicates_now",
        "committed_at": "CURRENT_TIMESTAMP()",
        SUPERSEDED_ROWS.name: f"gone.{SUPERSEDED_ROWS.name}",
    }
    names = [column.name for column in ledger_columns(spec)]
    return (
        f"INSERT INTO {spec.ledger.sql} ({', '.join(names)}) "
        f"SELECT {', '.join(computed.get(name, f'@{name}') for name in names)} "
        f"FROM {' CROSS JOIN '.join(f'({sql}) AS {name}' for name, sql in tables.items())}"
    )


def dry_run_sql(staged: StagedRows) -> str:
    """Return one SELECT that computes the same figures from the gathered rows, without writing."""
    tables = {"staged": _staged_counts(staged), "keys": _key_counts(staged)}
    superseded = ""
    if staged.spec.supersedes:
        tables["gone"] = superseding.counted_beforehand(staged)
        superseded = "gone.superseded_rows, gone.superseded_duplicates, "
    return (
        "SELECT staged.staged_rows, keys.missing_keys AS inserted_rows, "
        "keys.staged_keys - keys.missing_keys AS updated_rows, "
        "staged.staged_rows - keys.staged_keys AS deduplicated_rows, staged.wrong_date_rows, staged.inactive_rows, "
        f"{superseded}keys.duplicates_now AS duplicates_before "
        f"FROM {' CROSS JOIN '.join(f'({sql}) AS {name}' for name, sql in tables.items())}"
    )
