"""Processes killed and paused at any moment lose and duplicate nothing; and the checks detect violations."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from proof.process_checks import violations
from proof.process_roles import Site, coordinate, write
from proof.processes import firestore_site, sqlite_site, strike_site
from tests.consolidation.world import quoted


@pytest.fixture(params=["sqlite", "firestore"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    if request.param == "sqlite":
        yield sqlite_site(tmp_path)
    else:
        with firestore_site(tmp_path / "site") as site:
            yield site


@pytest.mark.long
def test_nothing_is_lost_or_duplicated(site: Site) -> None:
    campaign = strike_site(site, kills=10, seed=1)
    assert campaign.violations == []
    assert campaign.consolidations > 0


@pytest.fixture(scope="module")
def untroubled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site without violations."""
    site = sqlite_site(tmp_path_factory.mktemp("untroubled"))
    for number in (1, 3):
        write(site, number)
    site.over.touch()
    coordinate(site, seed=1)
    assert violations(site) == []
    return site.folder


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        ("INSERT INTO {table} FROM {table} LIMIT 1", "key twice"),
        ("DELETE FROM {table} WHERE player_lookup = 'player1'", "actual table"),
        ("UPDATE {table} SET predicted_points = 0.0", "actual table"),
        ("DELETE FROM {ledger} WHERE token = (SELECT MIN(token) FROM {ledger})", "row lost"),
        ("INSERT INTO {ledger} FROM {ledger} LIMIT 1", "merged 2 times"),
        ("UPDATE {ledger} SET inserted_rows = inserted_rows + 1", "its rows give"),
        ("UPDATE {fences} SET token = token - 1", "behind the ledger"),
        ("UPDATE {ledger} SET token = 1", "went from 1 to 1"),
        ("CREATE TABLE {staging} AS FROM {table}", "still waits"),
    ],
)
def test_the_checks_report_violations(untroubled: Path, tmp_path: Path, harm: str, message: str) -> None:
    site = sqlite_site(shutil.copytree(untroubled, tmp_path / "site"))
    world = site.world()
    spec = world.spec
    staging = spec.table.sibling("_staging_batch_2026_01_16_2_w1")
    tables = {"table": spec.table, "ledger": spec.ledger, "fences": spec.fences, "staging": staging}
    with world.warehouse.connection() as connection:
        connection.execute(harm.format(**{name: quoted(table) for name, table in tables.items()}))
    assert any(message in violation for violation in violations(site))
