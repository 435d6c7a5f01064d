"""Every statement and script that the library sends is valid GoogleSQL, by GoogleSQL's own analyzer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from zetasql.types import ResolvedInsertStmt, ResolvedMergeStmt, ResolvedUpdateStmt, TypeKind

from lib.consolidation.errors import NothingToConsolidate
from lib.consolidation.ledger import known_batches, ledger_runs
from lib.consolidation.staging import staging_backlog
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.trials.promises import (
    counted,
    fenced_consolidations,
    fences_of_two_dates,
    unfenced_merges,
    writes_past_the_fence,
)
from lib.consolidation.trials.race import Arena
from lib.consolidation.upkeep.duplicates import explain_duplicates
from lib.consolidation.warehouse import Column
from lib.gcp.clients import GoogleClients
from lib.gcp.scratch import BigqueryScratch
from lib.locking.errors import LeaseLost
from tests.consolidation.changes import change_everything
from tests.consolidation.days import look_at_the_days
from tests.consolidation.world import DAY, LINES_MOVE, NOON, PREDICTIONS, later, prediction, predictions
from tests.gcp.bigquery.double import BigqueryDouble
from tests.gcp.bigquery.double.estimates import Reader
from tests.gcp.bigquery.double.faults import ApiError
from tests.gcp.bigquery.double.jobs import Job
from tests.gcp.bigquery.double.partition_filter import require_partition_filters
from tests.gcp.bigquery.googlesql import Sent, analyze
from tests.gcp.bigquery.partition_scans import columns_read, unfiltered_scans
from tests.gcp.bigquery.world import PROJECT, BigqueryWorld
from tests.operations.due.schedule import COLUMNS, PRODUCTION, SCHEDULE

MAIN = PREDICTIONS.table
# East of Greenwich, so that the UTC start of a date is within that date.
MOVING = replace(LINES_MOVE, stamped=("updated_at",), date_type="TIMESTAMP", timezone="Asia/Tokyo")
DATETIMES = replace(PREDICTIONS, date_type="DATETIME")
_DATES = {"TIMESTAMP": "TIMESTAMPTZ", "DATETIME": "TIMESTAMP"}
BARE = replace(PREDICTIONS, active_column="", row_id_column="", newest_first=(), never_update=())


def live_through_everything(world: BigqueryWorld) -> None:
    """Run workers of two revisions, with and without lock, dry runs, forced release, repair, undo and cleanup."""
    world.insert([prediction(prediction_id=name, player_lookup="twice") for name in ("a", "a", "b")])
    for batch_id, use_lock in (("batch_0", True), ("batch_1", False)):
        nested = predictions(3, issues=["late"], facts={"a": 1})
        world.stage([*nested, prediction(player_lookup="twice", updated_at=later(1))], batch_id, tables=2)
        old_revision = prediction()
        for name in ("confidence_score", "is_active", "updated_at"):
            del old_revision[name]
        world.stage([old_revision], batch_id)
        for dry_run in (True, False):
            world.consolidate(batch_id, use_lock=use_lock, dry_run=dry_run, cleanup=False)
    world.stage([prediction(game_date=day) for day in (DAY, DAY.replace(day=18))], "two_dates")
    for dry_run in (True, False):
        world.consolidate("two_dates", game_date=None, dry_run=dry_run)
    with pytest.raises(NothingToConsolidate):
        world.consolidate("unknown")
    ledger_runs(world.warehouse, world.spec, batch_id="batch_0", game_date=DAY, since=NOON)
    staging_backlog(world.warehouse, world.spec)
    assert known_batches(world.warehouse, world.spec, ["batch_0", "batch_9"]) == {"batch_0": {"batch_0"}}
    look_at_the_days(world.warehouse, world.spec)
    explain_duplicates(world.warehouse, world.spec, DAY)
    change_everything(world.warehouse, world.locks, world.spec, "batch_0")
    with pytest.raises(LeaseLost), world.locks.acquire(game_date=DAY, batch_id="stuck"):
        world.locks.force_release(DAY, reason="test", steal=True)
    world.warehouse.estimate("SELECT @day AS day", {"day": DAY})
    world.warehouse.query("SELECT 1 AS answered")


def keep_promises(world: BigqueryWorld) -> None:
    """Run the trials of `runbook prove`."""
    scratch = BigqueryScratch(GoogleClients(PROJECT), "", lambda: world.again().warehouse)
    arena = Arena(world.spec.table.dataset, scratch.new_warehouse, scratch.delay)
    for race in (unfenced_merges(arena), fenced_consolidations(arena, world.locks), fences_of_two_dates(arena)):
        counted(arena, race.spec)
    writes_past_the_fence(arena)


def all_that_is_sent(folder: Path, spec: TableSpec, line_type: str) -> list[Sent]:
    """Return each statement with all tables that ever existed: the ledger is queried before it exists."""
    recorded: list[Sent] = []
    tables: dict[tuple[str, str], list[Column]] = {}
    with BigqueryDouble(PROJECT) as double:

        def record(job: Job) -> None:
            query = job.configuration.get("query")
            if query:
                tables.update(schemas(double))
                recorded.append(Sent(query["query"], parameter_types(query), tables))

        world = BigqueryWorld(folder, spec, address=double.address).set_up()
        double.sql(f'ALTER TABLE nba_predictions."{spec.table.table}" ALTER current_points_line TYPE {line_type}')
        if spec.date_type != "DATE":
            double.sql(
                f'ALTER TABLE nba_predictions."{spec.table.table}" ALTER game_date TYPE {_DATES[spec.date_type]}'
            )
        for column in ("issues VARCHAR[] DEFAULT []", "facts JSON"):
            double.sql(f'ALTER TABLE nba_predictions."{spec.table.table}" ADD COLUMN {column}')
        double.jobs.on_insert.append(record)
        live_through_everything(world)
        if spec == BARE:  # it has its own tables, so once is enough
            keep_promises(world)
    return list({(one.sql, *one.parameters.items()): one for one in recorded}.values())


def parameter_types(query: Mapping[str, Any]) -> dict[str, str]:
    types = {item["name"]: item["parameterType"] for item in query.get("queryParameters", [])}
    return {
        name: f"ARRAY<{kind['arrayType']['type']}>" if kind["type"] == "ARRAY" else kind["type"]
        for name, kind in types.items()
    }


def schemas(double: BigqueryDouble) -> dict[tuple[str, str], list[Column]]:
    names = list(double.catalogue.tables)
    found = {name: [Column(*column) for column in double.catalogue.columns(*name)] for name in names}
    # A table without columns was dropped by a rival meanwhile.
    return {name: columns for name, columns in found.items() if columns}


def objection(one: Sent) -> str:
    """Return the analyzer's objection, or an empty text."""
    try:
        statements = analyze(one)
    except Exception as error:
        return str(error)
    unfiltered = sum(unfiltered_scans(statement, MAIN.table, "game_date") for statement in statements)
    return f"{unfiltered} scans of the main table have no constant date" if unfiltered else ""


def columns_are_misjudged(one: Sent) -> bool:
    """Return whether the double's estimate uses other columns than the analyzer."""
    tree = sqlglot.parse_one(one.sql, read="bigquery") if one.sql.startswith(("SELECT", "WITH")) else None
    if tree is None or any((table.db, table.name) not in one.schemas for table in tree.find_all(sqlglot.exp.Table)):
        return False
    schemas = {name: {column.name: column.type for column in columns} for name, columns in one.schemas.items()}
    scans = Reader(schemas, {}, {}).scans(tree)
    [statement] = analyze(one)
    return Counter((scan.table[1], scan.columns) for scan in scans) != columns_read(statement)


@pytest.mark.long
def test_every_statement_is_googlesql(tmp_path: Path) -> None:
    """All in one test, because each process has to compile the analyzer first."""
    lives = {"live": (PREDICTIONS, "DOUBLE"), "declared": (DATETIMES, "DECIMAL(4, 1)"), "bare": (BARE, "DOUBLE")}
    lives["moving"] = (MOVING, "DECIMAL(4, 1)")
    for name, (spec, line_type) in lives.items():
        sent = all_that_is_sent(tmp_path / name, spec, line_type)
        assert {one.sql: said for one in sent if (said := objection(one))} == {}, name
        assert [one.sql for one in sent if columns_are_misjudged(one)] == [], name
        first = longest(sent)
        kinds = {type(statement) for statement in analyze(first)}
        assert {ResolvedUpdateStmt, ResolvedMergeStmt, ResolvedInsertStmt} <= kinds
        if name == "live":
            assert_productions_query_is_googlesql()
            assert_mistakes_are_found(sent)
            assert_unfiltered_scans_are_found(sent[-1])


def assert_productions_query_is_googlesql() -> None:
    """Check production's query for due dates, with a date and an integer as parameters."""
    schemas = {(SCHEDULE.dataset, SCHEDULE.table): COLUMNS}
    asked = Sent(PRODUCTION.query, {"since": "DATE", "until": "DATE"}, schemas)
    [statement] = analyze(asked)
    kinds = [column.column.type.type_kind for column in statement.output_column_list]
    assert kinds == [TypeKind.TYPE_DATE, TypeKind.TYPE_INT64]
    assert "game_status" in objection(replace(asked, schemas={(SCHEDULE.dataset, SCHEDULE.table): COLUMNS[:2]}))


def assert_mistakes_are_found(sent: Sequence[Sent]) -> None:
    """Check that the longest statement with a word is rejected after breaking it at that word."""
    for column in ("current_points_line", "game_date", "lock_key", "staged_rows", "table_name", "staging_tables"):
        column_only = re.compile(rf"(?<!@)\b{column}\b")
        one = longest(one for one in sent if column_only.search(one.sql))
        said = objection(replace(one, sql=column_only.sub("misspelt", one.sql, count=1)))
        assert {"misspelt", column} & set(re.findall(r"\w+", said))
    for parameter in ("day", "lock_key", "token", "staging_tables", "rows_found"):
        one = longest(one for one in sent if parameter in one.parameters)
        said = objection(replace(one, parameters={**one.parameters, parameter: "BOOL"}))
        assert re.search(r"No matching signature|BOOL", said)
    one = longest(sent)
    for word, instead in (("END IF;", ""), ("THEN", ""), ("MESSAGE =", "="), ("COMMIT TRANSACTION", "COMMIT IT")):
        assert "Syntax error" in objection(replace(one, sql=instead.join(one.sql.rsplit(word, 1))))


def assert_unfiltered_scans_are_found(one: Sent) -> None:
    """Check that the double, which does not use the analyzer, refuses the same statements."""
    refused = (
        "SELECT 1 FROM main",
        "SELECT 1 FROM main WHERE game_id = 'g'",
        "SELECT 1 FROM main WHERE game_date = @day OR is_active",
        "SELECT 1 FROM main WHERE game_date IN UNNEST([@day])",
        "SELECT 1 FROM main WHERE DATE_TRUNC(game_date, MONTH) = @day",
        "SELECT 1 FROM main WHERE game_date = (SELECT MAX(game_date) FROM main WHERE game_date >= @day)",
        "SELECT 1 FROM other AS S JOIN main AS T ON S.game_date = T.game_date WHERE S.game_date = @day",
        "SELECT 1 FROM main AS T LEFT JOIN other AS S ON S.game_id = T.game_id AND T.game_date = @day",
        "SELECT 1 FROM other AS S WHERE EXISTS (SELECT 1 FROM main AS T WHERE T.game_date = S.game_date)",
        "SELECT 1 FROM other AS S WHERE EXISTS (SELECT 1 FROM main AS T WHERE S.game_date = @day)",
        "SELECT 1 FROM (SELECT *, ROW_NUMBER() OVER () AS n FROM main) AS T WHERE T.game_date = @day",
        "SELECT 1 FROM main WHERE game_date = @day UNION ALL SELECT 1 FROM main",
        "MERGE INTO main AS T USING other AS S ON S.game_date = T.game_date WHEN MATCHED THEN DELETE",
        "UPDATE main SET is_active = FALSE WHERE game_id = 'g'",
        "DELETE FROM main WHERE TRUE",
        "INSERT INTO other SELECT * FROM main",
    )
    passed = (
        "SELECT 1 FROM main WHERE game_date = @day AND is_active",
        "SELECT 1 FROM main WHERE (game_date BETWEEN @day AND '2026-12-31') AND (is_active OR game_id = 'g')",
        "SELECT 1 FROM other AS S JOIN main AS T ON S.game_date = T.game_date WHERE T.game_date >= @day",
        "SELECT 1 FROM other AS S LEFT JOIN main AS T ON S.game_id = T.game_id AND @day = T.game_date",
        "WITH seen AS (SELECT game_id FROM main WHERE game_date = @day) SELECT 1 FROM seen",
        "SELECT (SELECT COUNT(*) FROM main WHERE game_date < CAST('2026-01-17' AS DATE))",
        "MERGE INTO main AS T USING other AS S ON T.game_date = @day AND S.is_active WHEN MATCHED THEN DELETE",
        "UPDATE main SET is_active = FALSE WHERE game_date = @day",
        "DELETE FROM main WHERE game_date = @day",
        "INSERT INTO main SELECT * FROM other",
    )
    main, other = MAIN.sql, MAIN.sibling("other").sql
    schemas = {**one.schemas, (MAIN.dataset, "other"): one.schemas[MAIN.dataset, MAIN.table]}
    for sql in (*refused, *passed):
        whole = re.sub(r"\b(main|other)\b", lambda name: {"main": main, "other": other}[name[0]], sql)
        said = objection(Sent(whole, {"day": "DATE"}, schemas))
        assert (bool(said), "constant date" in said) == (sql in refused,) * 2, f"{sql}: {said}"
        message = f"Cannot query over table '{PROJECT}.{MAIN}' without a filter over column(s) 'game_date'"
        assert refusal_of_the_double(whole).startswith(message) == (sql in refused), sql


def refusal_of_the_double(sql: str) -> str:
    partitioned = {"timePartitioning": {"field": "game_date"}, "requirePartitionFilter": True}
    try:
        require_partition_filters(
            sqlglot.parse_one(sql, read="bigquery"), PROJECT, {(MAIN.dataset, MAIN.table): partitioned}
        )
    except ApiError as error:
        return error.message
    return ""


def longest(sent: Iterable[Sent]) -> Sent:
    return max(sent, key=lambda one: len(one.sql))
