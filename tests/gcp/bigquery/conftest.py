"""A BigQuery double, and a world on it, for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gcp.bigquery.double import BigqueryDouble
from tests.gcp.bigquery.world import PROJECT, BigqueryWorld


@pytest.fixture
def double() -> Iterator[BigqueryDouble]:
    with BigqueryDouble(PROJECT) as server:
        yield server


@pytest.fixture
def world(double: BigqueryDouble, tmp_path: Path) -> BigqueryWorld:
    return BigqueryWorld(tmp_path, address=double.address).set_up()
