"""One JupyterLab per process, one browser per module, one page per test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.chromium import chromium, visit
from tests.browser.jupyterlab.lab import PATIENCE_MS, SCREEN, Lab, running_lab


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


# Per module: while a browser is open, no other test in the process can run an event loop.
@pytest.fixture(scope="module")
def browser(lab: Lab) -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with visit(browser, viewport=SCREEN) as opened:
        opened.page.set_default_timeout(PATIENCE_MS)
        yield opened.page
