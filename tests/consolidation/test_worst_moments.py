"""What happens at the worst moment: a lost lock, late workers, a failed check, a cleanup that fails."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lib.consolidation.consolidator import BatchConsolidator
from lib.consolidation.errors import (
    ConsolidationConflict,
    NothingToConsolidate,
    StaleToken,
    ValidationFailed,
    WarehouseUnavailable,
)
from lib.consolidation.ledger import ledger_runs
from lib.consolidation.result import ConsolidationStatus
from lib.consolidation.staging import staging_backlog
from lib.consolidation.warehouse import Execute, staging_note
from lib.embedded.adapters import MAIN_TABLE
from lib.embedded.sqlite_locks import SqliteLockStore
from lib.locking.errors import LeaseLost, LockAcquisitionError
from lib.locking.lock import ConsolidationLock
from lib.locking.store import Claim, LockRecord
from tests.consolidation.world import DAY, HookedWarehouse, World, converted, later, prediction, predictions, quoted


def steal(world: World) -> None:
    world.again().locks.force_release(DAY, "thought dead", steal=True)


def test_a_holder_that_wakes_up_after_a_forced_release_is_refused(world: World) -> None:
    """The release moved the fence, so the old holder writes nothing even without a successor."""
    world.stage(predictions(3))
    world.warehouse.before_merge = lambda: steal(world)
    with pytest.raises(StaleToken, match="the lock of batch batch_1 was lost, and nothing was written"):
        world.consolidate()
    assert world.table() == []
    assert len(world.staged()) == 1
    assert ledger_runs(world.warehouse, world.spec) == []
    assert world.again().consolidate().inserted == 3


def test_a_successor_makes_the_old_holder_stale(world: World) -> None:
    """The lease is stolen and another batch consolidated meanwhile: its newer rows stay."""
    world.stage([prediction(recommendation="OLD")])
    world.stage([prediction(recommendation="NEW")], "batch_2")

    def overtaken() -> None:
        steal(world)
        world.again().consolidate("batch_2")

    world.warehouse.before_merge = overtaken
    with pytest.raises(StaleToken):
        world.consolidate()
    assert [row["recommendation"] for row in world.table()] == ["NEW"]
    assert len(world.staged()) == 1


def test_a_lease_lost_after_the_commit_is_raised_and_the_batch_is_done(world: World) -> None:
    world.stage(predictions(3))
    world.warehouse.after_commit = lambda: steal(world)
    with pytest.raises(LeaseLost):
        world.consolidate()
    assert len(world.table()) == 3
    assert world.again().consolidate().status is ConsolidationStatus.ALREADY_CONSOLIDATED
    assert len(ledger_runs(world.warehouse, world.spec)) == 1


def test_a_held_lock_is_an_error_and_without_the_lock_the_fence_is_enough(world: World) -> None:
    world.stage(predictions(3))
    with world.locks.acquire(game_date=DAY, batch_id="another"):
        with pytest.raises(LockAcquisitionError, match="held by batch another"):
            world.consolidate(max_wait_seconds=0)
        assert world.table() == []
        assert world.consolidate(use_lock=False).inserted == 3


def test_the_file_is_free_for_others_during_the_wait_for_the_lock(world: World) -> None:
    opened = []

    class HeldOnce(SqliteLockStore):
        def wait_for_change(self, seen: LockRecord, timeout_seconds: float) -> None:
            open_it = [
                sys.executable,
                "-c",
                "import sys, duckdb; duckdb.connect(sys.argv[1])",
                str(world.warehouse.path),
            ]
            opened.append(subprocess.run(open_it, check=False).returncode)
            assert self.delete(seen)

    world.stage(predictions(3))
    store = HeldOnce(world.folder / "locks.sqlite")
    assert store.create(Claim(world.spec.lock_key(DAY), "another", "another", 300.0, "host:1"))
    locks = ConsolidationLock("test", store=store, key_for=world.spec.lock_key)
    result = BatchConsolidator(world.warehouse, locks, world.spec).consolidate_batch(batch_id="batch_1", game_date=DAY)
    assert (opened, result.inserted) == ([0], 3)


def test_late_staging_tables_are_left_for_the_next_call(world: World) -> None:
    """Written after the listing and before the commit: neither merged nor dropped."""
    world.stage(predictions(3))
    late = [prediction(player_lookup="late")]
    staged_late = []
    world.warehouse.before_merge = lambda: staged_late.extend(world.stage(late))
    first = world.consolidate()
    assert (first.inserted, first.staging_dropped) == (3, 1)
    assert world.staged() == staged_late
    second = world.again().consolidate()
    assert (second.status, second.inserted) == (ConsolidationStatus.CONSOLIDATED, 1)
    assert world.staged() == []
    assert len(world.table()) == 4


def test_batches_with_a_common_prefix_are_distinguished(world: World) -> None:
    """Also if another writer has not recorded the batch of its table."""
    world.stage(predictions(1, recommendation="ours"), "batch_1")
    world.stage(predictions(1, recommendation="theirs"), "batch_1_late")
    ours, theirs = (world.spec.table.sibling(f"_staging_batch_1_{name}") for name in ("worker7", "late_worker7"))
    with world.warehouse.connection() as connection:
        for table in (ours, theirs):
            connection.execute(f"CREATE TABLE {quoted(table)} AS FROM {quoted(world.staged('batch_1')[0])}")
            connection.execute(f"UPDATE {quoted(table)} SET player_lookup = '{table.table}'")
    result = world.consolidate("batch_1")
    assert result.staged == 2
    assert {row["player_lookup"] for row in world.table()} == {"player0", ours.table}
    assert theirs in world.staged("batch_1_late")
    assert world.consolidate("batch_1_late").staged == 2


def test_merged_tables_that_were_not_dropped_are_dropped_and_never_merged_again(world: World) -> None:
    """After a failed cleanup and a newer batch, the old rows must not overwrite the newer ones."""
    world.stage([prediction(recommendation="OLD")])

    class Undroppable(HookedWarehouse):
        def drop(self, tables: object) -> None:
            raise WarehouseUnavailable("the warehouse went away")

    failing = BatchConsolidator(Undroppable(world.warehouse.path), world.locks, world.spec)
    kept = failing.consolidate_batch(batch_id="batch_1", game_date=DAY)
    assert (kept.inserted, kept.staging_dropped) == (1, 0)
    [backlog] = staging_backlog(world.warehouse, world.spec)
    assert (backlog.merged_tables, backlog.unmerged_tables) == (1, 0)

    world.stage([prediction(recommendation="NEW")], "batch_2")
    world.consolidate("batch_2")
    again = world.consolidate()
    assert (again.status, again.staging_dropped, again.staged) == (ConsolidationStatus.ALREADY_CONSOLIDATED, 1, 0)
    assert [row["recommendation"] for row in world.table()] == ["NEW"]
    assert world.staged() == []


def test_leftovers_are_dropped_with_the_next_merge_of_the_batch(world: World) -> None:
    world.stage([prediction(recommendation="OLD")])
    world.consolidate(cleanup=False)
    world.stage([prediction(player_lookup="late")])
    result = world.consolidate()
    assert (result.staged, result.inserted) == (1, 1)
    assert world.staged() == []


@pytest.mark.parametrize("fault", ["staged_key_missing", "new_duplicates"])
def test_a_failed_check_rolls_everything_back_and_keeps_staging(world: World, fault: str) -> None:
    """Missing rows and duplicate rows after the MERGE are both detected before the commit."""
    world.insert([prediction()])
    before = world.table()
    world.stage(predictions(3))
    main = world.spec.table.sql
    after_merge = {
        "staged_key_missing": Execute("gone", f"DELETE FROM {main} WHERE player_lookup = 'player1'"),
        "new_duplicates": Execute("twice", f"INSERT INTO {main} SELECT * FROM {main}"),
    }
    world.warehouse.after_merge = (after_merge[fault],)
    message = fault.replace("_", "[_ ]")
    with pytest.raises(
        ValidationFailed, match=rf"\({message}\); everything was rolled back and the staging tables .* are kept"
    ):
        world.consolidate()
    assert world.table() == before
    assert len(world.staged()) == 1
    assert ledger_runs(world.warehouse, world.spec) == []
    assert world.again().consolidate().inserted == 3


def test_old_duplicates_are_reported_and_do_not_block(world: World) -> None:
    world.insert([prediction(prediction_id="a"), prediction(prediction_id="b")])
    world.stage([prediction(), prediction(player_lookup="new")])
    result = world.consolidate()
    assert (result.inserted, result.updated) == (1, 1)
    assert (result.duplicates_before, result.duplicates_after) == (1, 1)


def test_rivals_that_keep_winning_raise_their_own_error(world: World) -> None:
    world.stage(predictions(1))
    world.stage(predictions(1), "rival")
    fence = f"UPDATE {quoted(world.spec.fences)} SET token = token + 1"

    def rival() -> None:
        with world.warehouse.connection() as connection:
            connection.execute(fence)

    world.warehouse.before_commit = rival
    with world.warehouse.connection(), pytest.raises(ConsolidationConflict, match="its staging tables are kept"):
        world.consolidate(use_lock=False, max_wait_seconds=0)
    assert world.table() == []
    assert len(world.staged()) == 1


def test_nothing_to_consolidate_is_an_error(world: World) -> None:
    """Unlike for a consolidated batch; and a batch of another date is named as such."""
    with pytest.raises(NothingToConsolidate, match="no staging tables and was never consolidated"):
        world.consolidate("never_staged")
    world.stage(predictions(1))
    world.consolidate()
    with pytest.raises(NothingToConsolidate, match="it was consolidated for 2026-01-17"):
        world.consolidate(game_date="2026-01-18")


def test_tokens_only_increase(world: World) -> None:
    """With the lock and without it, in any order."""
    tokens = []
    for number, use_lock in enumerate([False, True, False, True]):
        world.stage(predictions(1, updated_at=later(number)), f"batch_{number}")
        tokens.append(world.consolidate(f"batch_{number}", use_lock=use_lock).token)
    assert tokens == sorted(set(tokens))


def test_a_table_recreated_under_a_merged_name_is_merged_too(world: World) -> None:
    """Other writers name a table after batch and worker: a worker that is called again must not lose its rows."""
    again = world.spec.table.sibling("_staging_batch_1_w7")
    columns = world.warehouse.columns(world.spec.table)

    def write(**changes: object) -> None:
        rows = converted([prediction(**changes)], columns)
        world.warehouse.load({again: rows}, columns, note=staging_note("batch_1", world.spec.table))

    write()
    assert world.consolidate().inserted == 1
    write(player_lookup="late")
    [backlog] = staging_backlog(world.warehouse, world.spec)
    assert (backlog.merged_tables, backlog.unmerged_tables) == (0, 1)
    assert world.consolidate().inserted == 1
    assert {row["player_lookup"] for row in world.table()} == {"lebronjames", "late"}
    assert world.staged() == []
    # With the same run id, a warehouse with jobs would treat the second run as the first, already done one.
    assert len({run.run_id for run in ledger_runs(world.warehouse, world.spec)}) == 2


@pytest.mark.parametrize("moment", ["before the drop", "before the next call"])
def test_rows_that_another_writer_adds_to_a_merged_table_are_not_dropped(world: World, moment: str) -> None:
    """Their time is not recorded; the table only has more rows than before."""
    [table] = world.stage(predictions(1))

    def add() -> None:
        with world.warehouse.connection() as connection:
            connection.execute(
                f"INSERT INTO {quoted(table)} SELECT * REPLACE ('late' AS player_lookup) FROM {quoted(table)}"
            )

    if moment == "before the drop":
        world.warehouse.after_commit = add
        assert world.consolidate().staging_dropped == 0
        world.warehouse.after_commit = lambda: None
    else:
        world.consolidate(cleanup=False)
        add()
    [backlog] = staging_backlog(world.warehouse, world.spec)
    assert (backlog.merged_tables, backlog.unmerged_tables) == (0, 1)
    assert world.consolidate().staging_dropped == 1
    assert {row["player_lookup"] for row in world.table()} == {"player0", "late"}


@pytest.mark.parametrize("moment", ["before the drop", "before the next call"])
def test_a_rewritten_table_without_a_note_and_with_as_many_rows_is_not_dropped(world: World, moment: str) -> None:
    """Only the rows of another writer's table show that it is not the merged one."""
    table = world.spec.table.sibling("_staging_batch_1_common")

    def write(player: str) -> None:
        world.warehouse.copy_structure(world.spec.table, table)
        rows = converted([prediction(player_lookup=player)], MAIN_TABLE)
        with world.warehouse.connection() as connection:
            connection.register("rows_to_write", rows)
            connection.execute(f"INSERT INTO {quoted(table)} FROM rows_to_write")

    def write_anew() -> None:
        world.warehouse.drop([table])
        write("late")

    write("early")
    if moment == "before the drop":
        world.warehouse.after_commit = write_anew
        assert world.consolidate().staging_dropped == 0
        world.warehouse.after_commit = lambda: None
    else:
        world.consolidate(cleanup=False)
        write_anew()
    assert world.consolidate().staging_dropped == 1
    assert {row["player_lookup"] for row in world.table()} == {"early", "late"}


def test_a_table_of_unknown_age_is_merged_and_dropped(world: World) -> None:
    """Another writer created the table without a note, under a name that was merged before."""
    table = world.spec.table.sibling("_staging_batch_1_w7")
    for number in range(2):
        world.warehouse.copy_structure(world.spec.table, table)
        with world.warehouse.connection() as connection:
            connection.execute(f"DELETE FROM {quoted(world.spec.table)}")
        world.insert([prediction(player_lookup=f"player{number}")])
        with world.warehouse.connection() as connection:
            connection.execute(f"INSERT INTO {quoted(table)} FROM {quoted(world.spec.table)}")
            connection.execute(f"DELETE FROM {quoted(world.spec.table)}")
        result = world.consolidate()
        assert (result.inserted, result.staging_dropped) == (1, 1)
        assert [row["player_lookup"] for row in world.table()] == [f"player{number}"]


def test_a_hanging_transaction_is_cancelled_and_the_lock_released(world: World) -> None:
    tables = world.stage(predictions(1))
    endless = "SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 1000000)) AS a, UNNEST(GENERATE_ARRAY(1, 1000000)) AS b"
    world.warehouse.after_merge = (Execute("endless", f"{endless} WHERE a + b = 0"),)
    consolidator = BatchConsolidator(world.warehouse, world.locks, world.spec, transaction_timeout_seconds=0.2)
    with pytest.raises(WarehouseUnavailable, match="cancelled and rolled back"):
        consolidator.consolidate_batch(batch_id="batch_1", game_date=DAY)
    assert (world.table(), world.staged(), world.locks.locks()) == ([], tables, [])
