"""Faults: what goes wrong, when and how often is drawn from the seed, at every call and every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from proof.scheduler import Crashed, Process, Simulation

T = TypeVar("T")
# A lock store answers within this time limit, both ways included, or never.
_SLOWEST_SECONDS = {"locks": 4.0, "warehouse": 30.0}


@dataclass(frozen=True)
class FaultRates:
    """Probabilities per call or step; after the second `over_at` nothing goes wrong."""

    crash: float = 0.0
    pause: float = 0.0
    unavailable: float = 0.0
    lost_answer: float = 0.0
    duplicate: float = 0.0
    abort: float = 0.0
    slow: float = 0.0
    over_at: float = 3600.0
    longest_pause_seconds: float = 900.0


class Faults:
    """Injects faults into a simulation.

    Attributes:
        on_their_way: Requests that have not arrived yet although their senders have given up.
    """

    def __init__(self, simulation: Simulation, rates: FaultRates) -> None:
        self._simulation = simulation
        self.rates = rates
        self._network = Process("network")
        self._out_of_order_until: dict[str, float] = {}
        self.on_their_way: list[str] = []

    def happens(self, chance: float) -> bool:
        is_over = self._simulation.now >= self.rates.over_at
        return not is_over and chance > 0 and self._simulation.random.random() < chance

    def step(self, *, slowest_seconds: float = 30.0) -> None:
        """A moment at which the program may die or pause."""
        simulation = self._simulation
        thread = simulation.current
        assert thread is not None
        if self.happens(self.rates.crash):
            simulation.note("☠ crashes")
            thread.process.is_dead = True
            raise Crashed
        if self.happens(self.rates.pause):
            seconds = simulation.random.uniform(1, self.rates.longest_pause_seconds)
            simulation.note(f"⏸ stands still for {seconds:.0f} s")
            simulation.pause(thread.process, seconds)
        simulation.step(slowest_seconds=slowest_seconds if self.happens(self.rates.slow) else 0.05)

    def call(
        self,
        service: str,
        name: str,
        effect: Callable[[], T],
        *,
        unavailable: Callable[[str], Exception],
        unknown: Callable[[str], Exception],
    ) -> T:
        """Send a request over a network: it may get lost or arrive twice, or its answer may be lost.

        Args:
            service: The service that is called.
            name: The request.
            effect: What it does there, at one instant.
            unavailable: The error of a request that had no effect.
            unknown: The error of a request that may have had one.
        """
        simulation, slowest_seconds = self._simulation, _SLOWEST_SECONDS[service]
        self.step(slowest_seconds=slowest_seconds)
        if self._is_down(service):
            simulation.note(f"{name} -> {service} is not available")
            raise unavailable(f"simulated: {service} is not available")
        if self.happens(self.rates.lost_answer):
            self._delay(name, effect)
            self.step(slowest_seconds=slowest_seconds)
            raise unknown("simulated: no answer came")
        answer = effect()
        if self.happens(self.rates.duplicate):
            simulation.note(f"{name} arrives twice")
            effect()
        with self._survives_crash(name):
            self.step(slowest_seconds=slowest_seconds)
        if self.happens(self.rates.lost_answer):
            simulation.note(f"{name} -> done, its answer lost")
            raise unknown("simulated: the answer was lost")
        return answer

    def _delay(self, name: str, effect: Callable[[], object]) -> None:
        """Lose the request, or let it arrive after its sender has given up."""
        simulation = self._simulation
        if simulation.random.random() < 0.5:
            simulation.note(f"{name} -> lost on its way")
            return
        seconds = simulation.random.uniform(0.1, 120)
        simulation.note(f"{name} -> delayed by {seconds:.0f} s")
        self.on_their_way.append(name)

        def arrive() -> None:
            try:
                effect()
            finally:
                self.on_their_way.remove(name)
                simulation.changed()

        simulation.start(self._network, "network", arrive, delay_seconds=seconds)

    def _is_down(self, service: str) -> bool:
        now = self._simulation.now
        if self.happens(self.rates.unavailable):
            self._out_of_order_until[service] = now + self._simulation.random.uniform(0.1, 60)
        return now < self._out_of_order_until.get(service, 0.0)

    @contextmanager
    def _survives_crash(self, name: str) -> Iterator[None]:
        try:
            yield
        except Crashed:
            self._simulation.note(f"{name} had its effect")
            raise
