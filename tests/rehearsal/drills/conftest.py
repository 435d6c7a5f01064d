"""Drills test what runbooks find, not how their kernels start."""

from collections.abc import Iterator

import pytest

from tests.warm import warm_kernels


@pytest.fixture(autouse=True, scope="package")
def _warm_kernels() -> Iterator[None]:
    with warm_kernels():
        yield
