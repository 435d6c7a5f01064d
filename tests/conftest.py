"""Shared by all tests: no state in the checkout, no deadlines, no syncing to disk."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings

# Local runs use new examples each time; CI, which decides on a change, uses the same examples.
settings.register_profile("ours", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("ours")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session", autouse=True)
def _checkout_left_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep tests that set no state folder away from the developer's own."""
    state = tmp_path_factory.mktemp("checkout")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RUNBOOK_PROJECT", raising=False)
        patch.setenv("RUNBOOK_HOME", str(state / "home"))
        patch.setenv("RUNBOOK_OUTPUTS", str(state / "outputs"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """Skip syncing to disk, which only tests/archive/test_power_loss.py is about."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Firestore emulator; tests use separate projects on it."""
    from tests.locking.emulator import running_emulator

    with running_emulator(tmp_path_factory.mktemp("emulator") / "log") as host:
        yield host


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the requests that Google's clients send during the test."""
    import grpc

    names: list[str] = []

    class Recorder(
        grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamStreamClientInterceptor
    ):
        def record(self, call: Callable[..., Any], details: Any, request: Any) -> Any:
            names.append(details.method.rsplit("/", 1)[1])
            return call(details, request)

        intercept_unary_unary = intercept_unary_stream = intercept_stream_stream = record

    insecure_channel = grpc.insecure_channel
    monkeypatch.setattr(
        grpc,
        "insecure_channel",
        lambda *args, **kwargs: grpc.intercept_channel(insecure_channel(*args, **kwargs), Recorder()),
    )
    return names
