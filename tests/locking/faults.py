"""Stores that wrap a working store and fail as networks do."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from lib.locking import LockOutcomeUnknown, LockServiceUnavailable, LockStore


class AnswersLost:
    """Carries out every call, but loses the answers to the named calls, this many times each."""

    def __init__(self, store: LockStore, **times: int) -> None:
        self._store = store
        self._left = Counter(times)

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)
        if not self._left[name]:
            return call

        def lose(*args: Any, **kwargs: Any) -> None:
            self._left[name] -= 1
            call(*args, **kwargs)
            raise LockOutcomeUnknown("the answer was lost")

        return lose


class RequestsLost:
    """Loses the named calls on the way, this many times each; the caller cannot tell."""

    def __init__(self, store: LockStore, **times: float) -> None:
        self._store = store
        self._left = times

    def __getattr__(self, name: str) -> Any:
        if not self._left.get(name):
            return getattr(self._store, name)

        def lose(*_: Any, **__: Any) -> None:
            self._left[name] -= 1
            raise LockOutcomeUnknown("the answer was lost")

        return lose


class Switch:
    """A store that can be made unreachable."""

    def __init__(self, store: LockStore) -> None:
        self._store = store
        self.is_down = False

    def __getattr__(self, name: str) -> Any:
        if self.is_down and name != "request_timeout_seconds":
            raise LockServiceUnavailable("the lock service is down")
        return getattr(self._store, name)


class AwayWhileWaiting:
    """Once a caller waits for a lock, this many calls find the service unavailable."""

    def __init__(self, store: LockStore, calls: float) -> None:
        self._store = store
        self._left = calls
        self._is_waited_for = False

    def __getattr__(self, name: str) -> Any:
        if name == "wait_for_change":
            self._is_waited_for = True
        elif self._is_waited_for and self._left and name != "request_timeout_seconds":
            self._left -= 1
            raise LockServiceUnavailable("the lock service is down")
        return getattr(self._store, name)


class Announced:
    """Signals when a caller begins to wait."""

    def __init__(self, store: LockStore) -> None:
        self._store = store
        self.is_waited_for = threading.Event()

    def __getattr__(self, name: str) -> Any:
        call: Callable[..., Any] = getattr(self._store, name)
        if name == "wait_for_change":
            self.is_waited_for.set()
        return call
