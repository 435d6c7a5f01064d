"""The batch of a staging table, if only its name shows it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.consolidation.errors import UnmarkedStaging
from lib.consolidation.staging import staging_backlog
from lib.consolidation.staging_names import StagingNames, spelled_in_names, staging_table_name
from lib.consolidation.warehouse import staging_note
from lib.errors import UserError
from tests.consolidation.world import PREDICTIONS, World, prediction

NIGHT = "batch_2026-01-17_1768650000"
REVISIONS = ("prediction-worker-00035-4xk", "prediction-worker-00036-abc")
IDS = [NIGHT, "regen_2026-01-17_reason_1768650000", "linecheck_2026-01-17_1", "20260117_120000", "batch_1", "batch_1_2"]

batch_ids = st.sampled_from(IDS) | st.from_regex(r"[a-z][a-z0-9]{0,5}(_[0-9]{1,6}){0,3}", fullmatch=True)
workers = st.builds("{}_{}".format, st.sampled_from(REVISIONS), st.from_regex(r"[0-9a-f]{8}", fullmatch=True))


def real_name(batch_id: str, worker: str) -> str:
    return f"_staging_{spelled_in_names(batch_id)}_{spelled_in_names(worker)}"


@given(batch_ids, st.lists(batch_ids, max_size=3), workers, st.sampled_from(["w1", "prediction-worker", "a_b"]))
def test_a_table_belongs_only_to_the_batch_in_its_name(
    batch_id: str, others: list[str], worker: str, our_worker: str
) -> None:
    """Even if other ids start with it, and whether Cloud Run or our own writer named the worker."""
    spec = PREDICTIONS
    for name in (real_name(batch_id, worker), staging_table_name(spec.table, batch_id, our_worker).table):
        assert spec.staging.readings(name) == (spelled_in_names(batch_id),)
        assert name.startswith(spec.staging.prefixes_of(batch_id))
        known = {spelled_in_names(other): {other} for other in (*others, batch_id)}
        assert spec.staging.batches(name, known) == (batch_id,)


@pytest.mark.parametrize(
    ("name", "batches"),
    [
        (real_name(NIGHT, f"{REVISIONS[0]}_0a49f283"), (NIGHT,)),
        ("_staging_regen_2026_01_17_why_not_17_prediction_worker_00001_abc_00000000", ("regen_2026-01-17_why_not_17",)),
        ("_staging_batch_2026_13_45_7_w1", ("batch_2026_13_45_7",)),  # not a date
        ("_staging_b_another_service_00001_abc_00000000", ("b", "b_another")),
        ("_staging_orphan", ()),
        ("_staging__w1", ()),
        ("predictions", ()),
    ],
)
def test_the_batch_is_read_from_a_name(name: str, batches: tuple[str, ...]) -> None:
    assert PREDICTIONS.staging.batches(name, {}) == batches


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "_staging_{batch}"}, r"must contain {batch} and {worker}, each once"),
        ({"name": "_staging_{batch}_{batch}_{worker}"}, r"each once"),
        ({"name": "{batch}_{worker}"}, r"must start with fixed letters or underscores"),
        ({"name": "s-{batch}_{worker}"}, r"only letters, digits and underscores"),
        ({"name": "`; DROP TABLE x; --{batch}_{worker}"}, r"only letters"),
        ({"name": "_staging_{batch}{worker}"}, r"something between"),
        ({"workers": ()}, r"at least one"),
        ({"workers": ("(",)}, r"not a regular expression"),
        ({"workers": (".*",)}, r"match an empty worker name"),
    ],
)
def test_a_pattern_that_cannot_work_is_refused_in_a_line(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=rf"^staging\.[^\n]*{re.escape(said)}[^\n]*$"):
        StagingNames(**wrong)  # type: ignore[arg-type]


def test_a_pattern_that_matches_the_main_table_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"'player_{batch}_{worker}' must not start like the name of table nba_predictions\.player_prop"
    ):
        replace(PREDICTIONS, staging=StagingNames("player_{batch}_{worker}"))


def foreign(world: World, name: str, player: str) -> None:
    """A table as written by the services, without a note."""
    [ours] = world.stage([prediction(player_lookup=player)], "scratch")
    world.warehouse.copy_structure(ours, world.spec.table.sibling(name))
    with world.warehouse.connection() as connection:
        connection.execute(f'INSERT INTO "{ours.dataset}"."{name}" FROM "{ours.dataset}"."{ours.table}"')
    world.warehouse.drop([ours])


def test_a_table_that_fits_two_known_batches_belongs_to_neither(world: World) -> None:
    """The service differs from the one in the settings, and one batch's id starts the other's."""
    for batch_id in ("b", "b-another"):
        world.stage([prediction(player_lookup=batch_id)], batch_id)
        world.consolidate(batch_id)
    unclear = "_staging_b_another_service_00001_abc_00000000"
    foreign(world, unclear, "late")
    for batch_id in ("b", "b-another"):
        with pytest.raises(
            UnmarkedStaging, match=rf"^[^\n]*{unclear}, by its name, may belong to batch {batch_id} or to b[^\n]*$"
        ):
            world.consolidate(batch_id)
    [waiting] = staging_backlog(world.warehouse, world.spec)
    assert (waiting.name, waiting.batch_id, waiting.rows) == ("b or b-another", "", 1)
    note = staging_note("b-another", world.spec.table)
    with world.warehouse.connection() as connection:
        connection.execute(f"COMMENT ON TABLE nba_predictions.{unclear} IS '{note}'")
    assert world.consolidate("b-another").staged == 1
    assert len(world.table()) == 3


def test_another_pattern_finds_its_tables_and_ours(world: World) -> None:
    theirs = replace(world.spec, staging=StagingNames("tmp_{worker}__{batch}_s", workers=(r"w\d+",)))
    world = World(world.folder, theirs)
    foreign(world, "tmp_w7__batch_2026_01_17_1_s", "a")
    foreign(world, "tmp_x7__batch_2026_01_17_1_s", "no worker")
    foreign(world, "tmp_w7__batch_2026_01_17_1_2_s", "another batch's")
    world.stage([prediction(player_lookup="b")], "batch_2026-01-17_1")
    assert world.consolidate("batch_2026-01-17_1").staged == 2
    assert [(batch.name, batch.rows) for batch in staging_backlog(world.warehouse, theirs)] == [
        ("not known", 1),
        ("batch_2026-01-17_1_2", 1),
    ]
