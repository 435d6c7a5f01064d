"""All drills, by name."""

from __future__ import annotations

from lib.words.choices import no_such
from rehearsal.drills import deployments, duplicates, locks, nights, rows, staging
from rehearsal.drills.drill import Drill


def drills() -> list[Drill]:
    """The incidents by their number, then the ordinary nights."""
    found = [
        drill
        for module in (duplicates, deployments, staging, locks, rows, nights)
        for drill in vars(module).values()
        if isinstance(drill, Drill)
    ]
    return sorted(found, key=lambda drill: (drill.incident is None, drill.incident or 0))


def find_drill(name: str) -> Drill:
    """The drill of that name.

    Raises:
        UserError: There is none; names the nearest and all there are.
    """
    known = {drill.name: drill for drill in drills()}
    if name in known:
        return known[name]
    raise no_such("drill", name, known)
