"""Run many schedules: count the faults that the library survived, and how soon each weakened variant breaks."""

from __future__ import annotations

import logging
import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace

from proof.moving_lines import MOVING_OFF, MOVING_SECOND_LINES
from proof.original import ORIGINAL
from proof.variant import OURS, OURS_MOVING, Variant
from proof.variants import DEFENCES_OFF, SECOND_LINES
from proof.witness import Violation
from proof.world import World

_AT_ONCE = 50
# Names of events in a history, and in the report.
_EVENTS = {
    "☠": "crashes",
    "⏸": "pauses",
    "lost on its way": "requests lost",
    "delayed by": "requests that arrive after their sender has given up",
    "arrives twice": "requests that arrive twice",
    "answer lost": "answers lost",
    "is not available": "requests to a service that is down",
    "COMMIT": "transactions committed",
    "rolled back": "transactions rolled back",
    "lock: take over": "leases taken over",
    "lock: force release": "forced releases",
}


def variants() -> dict[str, Variant]:
    """Return all variants by name."""
    moving = (OURS_MOVING, *MOVING_OFF, *MOVING_SECOND_LINES)
    return {variant.name: variant for variant in (OURS, *DEFENCES_OFF, *SECOND_LINES, *moving, ORIGINAL)}


@dataclass(frozen=True)
class Broken:
    """The first schedule that broke a variant.

    Attributes:
        seed: The seed of that schedule.
        tried: How many schedules were tried.
        what: The broken promise.
        how: How it was broken.
    """

    seed: int
    tried: int
    what: str
    how: str


@dataclass
class Tally:
    """The results of many schedules of one variant."""

    schedules: int = 0
    events: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.schedules += other.schedules
        self.events += other.events
        self.broken += other.broken


def tally(name: str, seeds: Sequence[int]) -> Tally:
    """Run these schedules of a variant."""
    total = Tally()
    for seed in seeds:
        world, violations = played(seed, variants()[name])
        total.schedules += 1
        total.events += _events(world)
        total.broken += [(seed, f"{violation.what}: {violation.how}") for violation in violations[:1]]
    return total


def played(seed: int, variant: Variant) -> tuple[World, list[Violation]]:
    """Run one schedule without logging, as thousands of schedules would log a line for each fault."""
    world = World(seed, variant)
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        return world, world.play()
    finally:
        logging.disable(before)


def _events(world: World) -> Counter[str]:
    return Counter({event: sum(sign in line for line in world.simulation.history) for sign, event in _EVENTS.items()})


def first_broken(name: str, first_seed: int, most: int) -> Broken | None:
    """Search for a schedule that breaks the variant; None if none of these does."""
    return next(_broken(name, first_seed, most), None)


def broken_promises(name: str, first_seed: int, most: int) -> dict[str, Broken]:
    """Return the first of these schedules that breaks each promise."""
    found: dict[str, Broken] = {}
    for broken in _broken(name, first_seed, most):
        found.setdefault(broken.what, broken)
    return found


def _broken(name: str, first_seed: int, most: int) -> Iterator[Broken]:
    variant = variants()[name]
    for tried, seed in enumerate(range(first_seed, first_seed + most), start=1):
        for violation in played(seed, variant)[1]:
            if violation.what not in variant.not_asked:
                yield Broken(seed, tried, violation.what, violation.how)


def tally_in_parallel(name: str, seeds: range, processes: int) -> Tally:
    """Do as `tally` does, in several processes; the result does not depend on their number."""
    total = Tally()
    parts = [seeds[start : start + _AT_ONCE] for start in range(0, len(seeds), _AT_ONCE)]
    with _pool(processes) as pool:
        for part in pool.map(tally, [name] * len(parts), parts):
            total.add(part)
    return total


def break_all(names: Sequence[str], first_seed: int, most: int, processes: int) -> Iterator[tuple[str, Broken | None]]:
    """Return the first broken schedule of each variant."""
    with _pool(processes) as pool:
        waiting = [(name, pool.submit(first_broken, name, first_seed, most)) for name in names]
        for name, found in waiting:
            yield name, found.result()


def break_promises(name: str, first_seed: int, most: int, processes: int) -> dict[str, Broken]:
    """Do as `broken_promises` does, in several processes."""
    parts = [
        range(first, min(first + _AT_ONCE, first_seed + most))
        for first in range(first_seed, first_seed + most, _AT_ONCE)
    ]
    found: dict[str, Broken] = {}
    with _pool(processes) as pool:
        waiting = [pool.submit(broken_promises, name, part.start, len(part)) for part in parts]
        for part, done in zip(parts, waiting, strict=True):
            for what, broken in done.result().items():
                found.setdefault(what, replace(broken, tried=broken.tried + part.start - first_seed))
    return found


def _pool(processes: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"))
