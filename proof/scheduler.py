"""Time and programs of a simulated world, determined by a seed.

Programs are coroutines (greenlets): one runs at a time, and another can run only when a
program takes a `step`, sleeps or waits. The duration of each step is drawn from the seed,
so the seed decides every interleaving.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import greenlet

_FAR_FUTURE_SECONDS = 10 * 24 * 3600.0


class Crashed(BaseException):
    """The program was killed: whatever it still tries has no effect."""


class Stuck(Exception):
    """The world did not finish in the time allowed."""


@dataclass(eq=False)
class Process:
    """A program on a machine with its own clocks; its threads pause and die together.

    Attributes:
        offset_seconds: How far its wall clock is off.
        drift: Seconds on its clocks for each true second.
    """

    name: str
    offset_seconds: float = 0.0
    drift: float = 1.0
    is_dead: bool = False
    paused_until: float = 0.0


@dataclass(eq=False)
class Thread:
    """A coroutine of a process."""

    process: Process
    name: str
    coroutine: Any = None
    wakes_at: float = 0.0
    is_done: bool = False
    error: BaseException | None = None


@dataclass(eq=False)
class Simulation:
    """The world: true time in seconds, its threads, and what happened.

    Attributes:
        on_step: Called at each step of a thread, to check what must always hold.
    """

    seed: int
    now: float = 0.0
    history: list[str] = field(default_factory=list)
    on_step: Callable[[], None] = lambda: None
    current: Thread | None = None

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self._order = itertools.count()
        self._agenda: list[tuple[float, int, Thread]] = []
        self._threads: list[Thread] = []
        self._waiting: dict[Thread, None] = {}
        self._hub = greenlet.getcurrent()

    def note(self, text: str) -> None:
        """Add a line to the history."""
        who = self.current.name if self.current else "world"
        self.history.append(f"{self.now:10.3f}  {who:<16} {text}")

    def start(self, process: Process, name: str, work: Callable[[], object], *, delay_seconds: float = 0.0) -> Thread:
        """Start a thread after that time."""
        thread = Thread(process, name)

        def run() -> None:
            try:
                work()
            except Crashed:
                pass
            except Exception as error:
                thread.error = error
            thread.is_done = True
            self.changed()

        thread.coroutine = greenlet.greenlet(run, self._hub)
        self._threads.append(thread)
        self._wake(thread, self.now + delay_seconds)
        return thread

    def step(self, *, slowest_seconds: float = 0.05) -> None:
        """Let others run; meanwhile the program may be killed or paused."""
        thread = self._running()
        self.on_step()
        self._rest_until(thread, self.now + self.random.uniform(0.001, slowest_seconds))

    def sleep(self, seconds: float) -> None:
        """Sleep by the program's own clock."""
        thread = self._running()
        self._rest_until(thread, self.now + max(seconds, 0.0) / thread.process.drift)

    def wait(self, is_over: Callable[[], bool], timeout_seconds: float | None) -> bool:
        """Wait until the condition holds or the time is up; return whether it held. Changes must call `changed`."""
        thread = self._running()
        until = self.now + (_FAR_FUTURE_SECONDS if timeout_seconds is None else timeout_seconds / thread.process.drift)
        while not is_over() and self.now < until:
            self._waiting[thread] = None
            self._rest_until(thread, until)
            self._waiting.pop(thread, None)
        return is_over()

    def changed(self) -> None:
        """Let all waiting threads check their conditions again soon."""
        for thread in self._waiting:
            soon = self.now + self.random.uniform(0.0, 0.05)
            if soon < thread.wakes_at:
                self._wake(thread, soon)

    def pause(self, process: Process, seconds: float) -> None:
        """Pause the whole process; its clocks continue."""
        process.paused_until = max(process.paused_until, self.now + seconds)

    def run(self, *, until_seconds: float) -> None:
        """Run until nothing is left to do.

        Raises:
            Stuck: Something was left to do when the time was up.
        """
        while self._agenda:
            at, _, thread = heapq.heappop(self._agenda)
            if thread.is_done or at != thread.wakes_at:  # it was woken earlier
                continue
            if thread.process.is_dead:
                self._end(thread)
            elif thread.process.paused_until > at:
                self._wake(thread, thread.process.paused_until)
            elif at > until_seconds:
                raise Stuck(f"{thread.name} was still at work after {until_seconds:.0f} s")
            else:
                self.now = max(self.now, at)
                self._switch_to(thread)

    def close(self) -> None:
        """End the remaining threads."""
        for thread in self._threads:
            if not thread.is_done:
                thread.process.is_dead = True
                self._end(thread)

    def _running(self) -> Thread:
        assert self.current is not None, "only a program takes steps"
        return self.current

    def _wake(self, thread: Thread, at: float) -> None:
        thread.wakes_at = at
        heapq.heappush(self._agenda, (at, next(self._order), thread))

    def _rest_until(self, thread: Thread, at: float) -> None:
        if thread.process.is_dead:
            raise Crashed
        self._wake(thread, at)
        self._hub.switch()
        if thread.process.is_dead:
            raise Crashed

    def _switch_to(self, thread: Thread) -> None:
        self.current = thread
        try:
            thread.coroutine.switch()
        finally:
            self.current = None

    def _end(self, thread: Thread) -> None:
        """End a thread. Its ``finally`` blocks run, as they must in Python, but every port call in them is refused."""
        thread.is_done = True
        if not thread.coroutine:  # it has not begun
            return
        self.current = thread
        try:
            thread.coroutine.throw(Crashed)
        finally:
            self.current = None
