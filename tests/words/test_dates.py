"""Game dates are parsed in one place, so invalid ones are refused in the same way everywhere."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
from click.testing import CliRunner

from lib.cli import cli, options
from lib.consolidation.table_spec import TableSpec
from lib.errors import UserError
from lib.platform import connect
from lib.runbooks.backfill import DateSeries
from lib.runbooks.catalogue import find_runbook
from lib.words.dates import checked_game_date, iso_date, resolve_game_date
from tests.consolidation.world import DAY, NOON, World, prediction

RUNBOOK = "deploy_verify"
NO_DATES = (
    "20260117",
    "2026-1-7",
    "2026-W03-6",
    "2026-02-30",
    "\uff12\uff10\uff12\uff16-01-17",
    "2026-01-17T00:00",
    "17.1.2026",
    "next week",
    "'; DROP TABLE x",
    NOON,
    7,
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def readers(world: World) -> dict[str, Callable[[object], object]]:
    parameter = next(each for each in find_runbook(RUNBOOK).parameters if each.name == "date")
    staged = [prediction()]
    write = world.staging_writer.write_batch

    def release(given: object) -> None:
        world.locks.force_release(given, "a test")  # type: ignore[arg-type]

    def acquire(given: object) -> None:
        with world.locks.acquire(game_date=given, batch_id="b"):  # type: ignore[arg-type]
            pytest.fail("it made a lock of its own")

    return {
        "lock": acquire,
        "release": release,
        "consolidate": lambda given: world.consolidate(game_date=given),
        "stage": lambda given: write(staged, batch_id="b", workers=1, game_date=given),  # type: ignore[arg-type]
        "staged row": lambda given: write([prediction(game_date=given)], batch_id="b", workers=1),
        "parameter": parameter.value,
        "series": lambda given: DateSeries.parse(f"game_date={given}", find_runbook(RUNBOOK)),
        "scope": lambda given: resolve_game_date(given, "UTC"),  # type: ignore[arg-type]
    }


@pytest.mark.parametrize("given", NO_DATES, ids=repr)
def test_an_invalid_date_is_refused_in_one_line_wherever_it_is_given(
    readers: dict[str, Callable[[object], object]], world: World, given: object
) -> None:
    """A datetime is not a date: it depends on a time zone, and would make a different lock key."""
    for name, read in readers.items():
        with pytest.raises(UserError, match=r"^.*is not a (date|DATE).*$") as caught:
            pytest.fail(f"{name} took it: {read(given)}")
        assert "\n" not in str(caught.value)
    assert world.locks.locks() == world.staged("b") == []


@pytest.mark.parametrize("given", NO_DATES, ids=repr)
def test_commands_refuse_an_invalid_date_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: object) -> None:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path))
    for words in (
        ("locks", "show", str(given)),
        ("duplicates", "--date", str(given)),
        ("consolidate", "--batch", "b", "--date", str(given)),
    ):
        result = CliRunner().invoke(cli, words)
        assert (result.exit_code, "is not a date; write YYYY-MM-DD" in result.output) == (2, True), words


@pytest.mark.parametrize("text", ["20260117", "2026-W03-6", "2026-1-7", "\uff12026-01-17T10:00", "20260117T10", "soon"])
def test_a_time_starts_with_a_date(text: str) -> None:
    with pytest.raises(UserError, match="is not a time"):
        options.moment(text, "UTC")


def test_a_valid_date_is_accepted_wherever_it_is_given(world: World) -> None:
    assert checked_game_date("2026-01-17") == checked_game_date(DAY) == resolve_game_date(DAY, "UTC") == DAY
    for given in ("2026-01-17", DAY):
        with world.locks.acquire(game_date=given, batch_id="b") as lease:
            assert lease.lock_key == "consolidation_2026-01-17"


def test_a_consolidation_parses_its_date_and_builds_its_lock_key_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path))
    platform = connect()
    platform.staging_writer().write([prediction()], batch_id="b", worker_id="w", game_date=DAY)
    watched = {iso_date.__code__: "date", TableSpec.lock_key.__code__: "key"}
    calls: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code in watched:
            calls[watched[frame.f_code]] += 1

    consolidator = platform.consolidator()
    sys.setprofile(count)
    try:
        consolidator.consolidate_batch(batch_id="b", game_date="2026-01-17")
    finally:
        sys.setprofile(None)
    assert calls == {"date": 1, "key": 1}
