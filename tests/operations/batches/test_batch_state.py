"""The state of batches, from the coordinator's documents, with any writer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lib.environment import BatchStateSettings
from lib.operations.batches.state import batch_state, batches_of_date
from lib.operations.scope import Scope, scope_of
from lib.operations.staging.backlog import backlog
from lib.platform import Platform
from lib.verdict.check import Check
from lib.verdict.verdict import Verdict
from rehearsal.service_nights import BATCH, DAY, night, write
from rehearsal.services_writer import merge_as_services, stage_as_services
from rehearsal.slates import slate_of
from tests.hostile.hostile import FRAGMENTS
from tests.verdict.command_kinds import misplaced

NOW = datetime(2026, 1, 18, 6, 0, tzinfo=UTC)
START, DONE = NOW - timedelta(hours=4), NOW - timedelta(hours=3)
PLAYERS = [f"player{number:03}" for number in range(130)]
Record = Callable[..., None]


@pytest.fixture
def recording(platform: Platform) -> Platform:
    settings = BatchStateSettings(path="batches.json", stuck_after_minutes=30)
    environment = replace(platform.environment, batch_state=settings, entity="player")
    return replace(platform, environment=environment, adapters=type(platform.adapters)(_home(platform), environment))  # type: ignore[call-arg]


def _home(platform: Platform) -> Path:
    return Path(platform.adapters.home)  # type: ignore[attr-defined]


@pytest.fixture
def record(home: Path) -> Record:
    def recorded(*documents: Mapping[str, Any]) -> None:
        home.mkdir(exist_ok=True)
        (home / "batches.json").write_text(json.dumps(documents, default=str))

    return recorded


def document(batch_id: str = BATCH, **fields: Any) -> dict[str, Any]:
    return {
        "batch_id": batch_id,
        "game_date": DAY,
        "expected_players": PLAYERS,
        "start_time": START,
        "updated_at": DONE,
        **fields,
    }


def complete(batch_id: str = BATCH, **fields: Any) -> dict[str, Any]:
    ended = {"completed_players": PLAYERS, "is_complete": True, "completion_time": DONE}
    return document(batch_id, **{**ended, **fields})


def seen(platform: Platform, now: datetime = NOW) -> Scope:
    return scope_of(platform, game_date=str(DAY), now=now)


def check_of(platform: Platform, now: datetime = NOW, batch: str = "") -> Check:
    (check,) = batch_state(seen(platform, now), batch).checks
    assert misplaced(check) == []
    return check


def stage(platform: Platform, batch_id: str = BATCH, generated_at: datetime = START) -> int:
    rows = slate_of(DAY).predict(f"{batch_id} {generated_at}", generated_at=generated_at)
    stage_as_services(platform, rows, batch_id=batch_id, tables=3)
    return len(rows)


def test_an_environment_without_batch_state_is_skipped(platform: Platform) -> None:
    found = batch_state(seen(platform))
    assert found.checks == ()
    assert "no batch_state" in found.exhibits[0]._repr_html_()


JUST_NOW = NOW - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("fields", "verdict", "said"),
    [
        (
            {"completed_players": PLAYERS[:113]},
            Verdict.FAIL,
            "is stuck at 87%: 17 of 130 players missing since 2026-01-17 22:00:00 EST: player113, player114, "
            "player115, player116, player117, player118, player119, player120, player121, player122 and 7 more",
        ),
        (
            {"expected_players": 120, "completed_count": 117, "failed_players": ["x\ny"]},
            Verdict.FAIL,
            "is stuck at 98%: 3 of 120 players missing since 2026-01-17 22:00:00 EST (names not recorded; failed: x y)",
        ),
        # Each retry writes the document.
        (
            {"completed_players": PLAYERS[:129], "failed_players": PLAYERS[129:], "updated_at": JUST_NOW},
            Verdict.FAIL,
            "is stuck at 99%: 1 of 130 players missing since 2026-01-18 00:59:00 EST, all failed: player129",
        ),
        ({"expected_players": None}, Verdict.FAIL, "the number of missing players is not recorded"),
        (
            {"completed_players": PLAYERS[:113], "updated_at": JUST_NOW},
            Verdict.PASS,
            "is in progress: 87%, 113 of 130 players; last progress 2026-01-18 00:59:00 EST",
        ),
        ({"start_time": None, "updated_at": "soon"}, Verdict.UNKNOWN, "updated_at is not a time but str 'soon'"),
        ({"expected_players": [], "is_complete": True}, Verdict.PASS, "is complete (0 of 0 players) since"),
        (
            {"completed_players": PLAYERS, "updated_at": JUST_NOW},
            Verdict.PASS,
            "is complete (130 of 130 players) since 2026-01-18 00:59:00 EST",
        ),
        (
            {"completed_count": 130, "is_complete": True, "total_predictions": 1_040},
            Verdict.FAIL,
            "but none of its rows are staged or in the table; it records 1,040 rows",
        ),
    ],
)
def test_a_batch_is_what_its_document_says(
    recording: Platform, record: Record, fields: dict[str, Any], verdict: Verdict, said: str
) -> None:
    record(document(**fields))
    check = check_of(recording)
    assert said in check.summary
    assert (check.verdict, check.name) == (verdict, f"Batches of {DAY}")
    assert check == replace(check_of(recording, batch=BATCH), name=check.name)
    assert batches_of_date(seen(recording)).checks == ()


def test_waiting_rows_are_counted_and_the_first_command_only_previews(recording: Platform, record: Record) -> None:
    rows = stage(recording)
    record(complete())
    check = check_of(recording)
    assert check.verdict is Verdict.FAIL
    waiting = f"{rows:,} rows in 3 staging tables wait"
    assert f"since 2026-01-17 22:00:00 EST but not consolidated: {waiting}" in check.summary
    (look,), (change,) = check.commands, check.changes
    assert look == f"{change} --dry-run"
    assert check.next_step.index(look) < check.next_step.index(f"then run it: {change}")
    assert f"--batch {BATCH} --date {DAY}" in look


def test_rewriting_a_document_does_not_delay_the_alarm(recording: Platform, record: Record) -> None:
    stage(recording)
    later = datetime.now(UTC) + timedelta(hours=2)
    record(document(completed_players=PLAYERS, updated_at=later))
    assert "wait" in check_of(recording, now=later).summary
    record(complete(completion_time=later))
    due = check_of(recording, now=later)
    assert (due.verdict, "consolidation due" in str(due.evidence[BATCH])) == (Verdict.PASS, True)


def test_a_consolidation_of_the_library_is_found_in_its_ledger(recording: Platform, record: Record) -> None:
    rows = stage(recording)
    recording.consolidator().consolidate_batch(batch_id=BATCH, game_date=DAY)
    record(complete())
    check = check_of(recording)
    assert (check.verdict, f"and consolidated: {rows:,} rows, by the ledger" in check.summary) == (Verdict.PASS, True)
    record(complete(), complete("closed", expected_players=[*PLAYERS, "late"]))
    stage(recording, "closed")
    recording.consolidator().consolidate_batch(batch_id="closed", game_date=DAY)
    both = check_of(recording)
    assert both.summary == "all 2 batches are complete and consolidated, 1 of them with something missing"
    stage(recording, generated_at=DONE)
    record(complete(completion_time=datetime.now(UTC)))
    late = check_of(recording, now=datetime.now(UTC) + timedelta(hours=1))
    assert (late.verdict, "not consolidated" in late.summary) == (Verdict.FAIL, True)


def test_another_writer_s_consolidation_is_found_in_its_log_lines(
    recording: Platform, record: Record, home: Path
) -> None:
    moment = write(home, [night("b", "clean")])
    record(complete(start_time=moment - timedelta(hours=1), completion_time=moment - timedelta(minutes=30)))
    check = check_of(recording, now=moment + timedelta(hours=2))
    assert (check.verdict, "587 rows, by its log lines" in check.summary) == (Verdict.PASS, True)


def test_another_writer_s_consolidation_is_found_by_its_rows_in_staging(recording: Platform, record: Record) -> None:
    stage(recording)
    merge_as_services(recording, BATCH)
    record(complete())
    check = check_of(recording)
    assert "all its rows are in the table; 3 staging tables are left" in check.summary
    assert check.verdict is Verdict.PASS


def test_new_rows_in_the_table_count_unless_another_batch_may_have_written_them(
    recording: Platform, record: Record
) -> None:
    other = "linecheck_2026-01-17_1768650000"
    stage(recording, other)
    merge_as_services(recording, other)
    recording.warehouse.drop(
        [table.name for table in recording.warehouse.staging_tables("nba_predictions", "_staging_")]
    )
    record(complete())
    written = check_of(recording)
    assert (written.verdict, "rows for 2026-01-17 were written until" in written.summary) == (Verdict.PASS, True)
    stage(recording, other)
    recording.consolidator().consolidate_batch(batch_id=other, game_date=DAY)
    record(complete(), complete(other))
    unseen = check_of(recording)
    assert (unseen.verdict, "no staging table, ledger row or log line" in unseen.summary) == (Verdict.UNKNOWN, True)
    assert unseen.evidence["batches"] == 2
    assert "others: 1 complete and consolidated" in unseen.summary


def test_an_ambiguous_table_name_belongs_to_the_batch_that_is_known(recording: Platform, record: Record) -> None:
    """A service that the settings do not name wrote the table, without recording its batch."""
    stage(recording, "scratch")
    [first, *others] = [table.name for table in recording.warehouse.staging_tables("nba_predictions", "_staging_")]
    name = "_staging_regen_2026_01_17_x_y_other_00001_abc_00000000"
    with recording.warehouse.connection() as connection:  # type: ignore[attr-defined]
        connection.execute(f'CREATE TABLE nba_predictions."{name}" AS FROM nba_predictions."{first.table}"')
    recording.warehouse.drop([first, *others])
    later = datetime.now(UTC) + timedelta(hours=2)
    unclear = "regen_2026-01-17 or regen_2026-01-17_x or regen_2026-01-17_x_y"
    for ids, batch in (
        ([], unclear),
        (["regen_2026-01-17_x-y", "'; DROP", "regen_2026-01-17_x_y_other"], "regen_2026-01-17_x-y"),
        (["regen_2026-01-17_x-y", "regen_2026-01-17"], "regen_2026-01-17 or regen_2026-01-17_x-y"),
    ):
        record(*map(document, ids))
        (check,) = backlog(seen(recording, later), stuck_after_minutes=60).checks
        assert [label for label in check.evidence if label.startswith("regen")] == [batch]
        assert [f"--batch {batch} " in command for command in check.commands] == ([] if " or " in batch else [True])


def test_a_stuck_batch_warns_once_a_later_batch_has_its_players(recording: Platform, record: Record) -> None:
    stuck, later = document(completed_players=PLAYERS[:113]), complete("later", start_time=START + timedelta(1 / 96))
    stage(recording, "later")
    recording.consolidator().consolidate_batch(batch_id="later", game_date=DAY)
    record(stuck, {**later, "expected_players": PLAYERS[:110], "completed_players": PLAYERS[:110]})
    assert check_of(recording).verdict is Verdict.FAIL
    record(stuck, later)
    assert check_of(recording).verdict is Verdict.WARN


def test_a_stuck_batch_warns_once_it_was_consolidated_as_it_was(recording: Platform, record: Record) -> None:
    rows = stage(recording)
    record(document(completed_players=PLAYERS[:113]))
    stuck = check_of(recording)
    assert (stuck.verdict, stuck.changes) == (Verdict.FAIL, (recording.commands.consolidate(BATCH, DAY),))
    recording.consolidator().consolidate_batch(batch_id=BATCH, game_date=DAY)
    check = check_of(recording)
    assert (check.verdict, check.changes) == (Verdict.WARN, ())
    assert "17 of 130 players missing" in check.summary
    assert f"consolidated without them: {rows:,} rows, by the ledger" in check.summary


def test_too_many_batches_to_read_are_unknown(recording: Platform, record: Record) -> None:
    record(*(document(f"b{number}", expected_players=0, start_time=NOW) for number in range(101)))
    check = check_of(recording)
    assert (check.verdict, check.summary[:26]) == (Verdict.UNKNOWN, "only 100 batches were read")


def test_a_stuck_batch_is_reported_even_if_the_warehouse_cannot_be_read(
    recording: Platform, record: Record, home: Path
) -> None:
    home.mkdir()
    (home / "warehouse.duckdb").write_bytes(b"not a database " * 500)
    record(document(completed_players=PLAYERS[:113]), complete("done"))
    check = check_of(recording)
    assert (check.verdict, "17 of 130" in check.summary) == (Verdict.FAIL, True)
    record(complete("done"))
    check = check_of(recording)
    assert (check.verdict, "warehouse.duckdb" in check.summary) == (Verdict.UNKNOWN, True)


def test_without_documents_there_is_no_batch_unless_the_logs_show_one(
    recording: Platform, record: Record, home: Path
) -> None:
    record()
    assert check_of(recording).verdict is Verdict.PASS
    assert check_of(recording, batch=BATCH).verdict is Verdict.UNKNOWN
    moment = write(home, [night("b", "clean")])
    check = check_of(recording, now=moment)
    assert check.verdict is Verdict.UNKNOWN
    assert "has no batch of the date, but 1 consolidation was logged for it" in check.summary
    (home / "batches.json").unlink()
    (unread,) = batches_of_date(seen(recording)).checks
    assert (unread.verdict, "batches.json cannot be read" in unread.summary) == (Verdict.UNKNOWN, True)


@pytest.mark.parametrize("state", ["stuck", "complete"])
def test_hostile_ids_and_names_stay_one_line_of_text_and_out_of_commands(
    recording: Platform, record: Record, state: str
) -> None:
    names = list(FRAGMENTS.values())
    ids = [name for name in names if name.strip()]
    done = {"is_complete": True} if state == "complete" else {}
    record(*(document(batch_id, expected_players=names, failed_players=names, **done) for batch_id in ids))
    scope = seen(recording)
    found = batch_state(scope)
    (check,) = found.checks
    assert check.verdict is Verdict.FAIL if state == "stuck" else Verdict.UNKNOWN
    assert check.summary.isprintable()
    assert len(check.summary) < 2_000
    assert [command for command in (*check.commands, *check.changes) if "touch" in command or "DROP" in command] == []
    page = "".join(exhibit._repr_html_() for exhibit in found.exhibits)
    assert "<script>" not in page
    json.dumps(check.as_data()).encode()
