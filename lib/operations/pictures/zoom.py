"""The part of a period that a picture shows: its window, its lanes, and the bars that fit.

However many consolidations there are, a picture has few lanes and distinguishable bars.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from lib.operations.pictures.parts import Drawn, name_of
from lib.verdict.timeline.data import LONGEST_NAME, MOST_BARS, MOST_LANES, Bar, Ending, Lane, Part, shortened
from lib.words.nouns import counted

Span = tuple[datetime, datetime]

# Other consolidations are included while the window stays within these multiples of its subject.
_OF_THE_SAME_TROUBLE, _AROUND = 8, 3
_MARGIN = 0.05
_LEAST = timedelta(milliseconds=20)
# Consolidations thinner than this fraction of the width are drawn together: a pixel on a phone.
_THINNEST = 1 / 300
# Rows of one instance; further concurrent runs are drawn together in the last of them.
_AT_ONCE = 3
_WORST_FIRST = (Ending.FAILED, Ending.UNFINISHED, Ending.RUNNING, Ending.NONE)


def span_of(runs: Iterable[Drawn]) -> Span:
    """Return the first start and the last end of at least one consolidation."""
    known = list(runs)
    return min(one.start for one in known), max(one.shown_until for one in known)


def window(about: Span, alike: Iterable[Drawn], others: Iterable[Drawn]) -> Span:
    """Return the window of the picture: its subject, what is near it, and a margin.

    Args:
        about: What must be visible.
        alike: Consolidations with the same problem.
        others: All others.
    """
    length = max(about[1] - about[0], _LEAST)
    seen = about
    for runs, times in ((alike, _OF_THE_SAME_TROUBLE), (others, _AROUND)):
        for one in sorted(runs, key=lambda one: abs(one.start - about[0])):
            wider = min(seen[0], one.start), max(seen[1], one.shown_until)
            seen = wider if wider[1] - wider[0] <= times * length else seen
    margin = max(_LEAST, (seen[1] - seen[0])) * _MARGIN
    return seen[0] - margin, seen[1] + margin


@dataclass(frozen=True)
class Row:
    """A lane with its consolidations, by their start; a crowd is drawn together."""

    lane: Lane
    runs: tuple[Drawn, ...]
    is_crowd: bool = False


def rows_of(runs: Sequence[Drawn], first: Sequence[Drawn]) -> list[Row]:
    """Return a row for each instance, more if it runs several at once; the rest share the last row.

    Args:
        runs: By their start.
        first: Consolidations whose rows come first, next to each other.
    """
    by_source: dict[tuple[str, str], list[list[Drawn]]] = {}
    for one in dict.fromkeys([*first, *runs]):
        by_source.setdefault((one.run.service, one.run.instance), [])
    for one in runs:
        slots = by_source[one.run.service, one.run.instance]
        free = next((slot for slot in slots if slot[-1].end <= one.start), None)
        if free is None and len(slots) < _AT_ONCE:
            slots.append([one])
        else:
            (slots[-1] if free is None else free).append(one)
    several = len({service for service, _ in by_source}) > 1
    rows = [
        Row(_lane(" ".join(source) if several else source[1], number, slot), tuple(slot), _is_crowd(slot))
        for source, slots in by_source.items()
        for number, slot in enumerate(slots)
    ]
    if len(rows) <= MOST_LANES:
        return rows
    rest = [one for row in rows[MOST_LANES - 1 :] for one in row.runs]
    instances = len({(one.run.service, one.run.instance) for one in rest})
    name = f"and {instances} more instance{'s' if instances > 1 else ''}"
    last = Row(Lane(name, counted(len(rest), "consolidation")), tuple(sorted(rest, key=lambda one: one.start)), True)
    return [*rows[: MOST_LANES - 1], last]


def _is_crowd(runs: Sequence[Drawn]) -> bool:
    return any(later.start < one.end for one, later in pairwise(runs))


def _lane(source: str, number: int, runs: Sequence[Drawn]) -> Lane:
    name = name_of(source) or "instance not logged"
    batches = list(dict.fromkeys(one.batch or "no batch named" for one in runs))
    detail = counted(len(runs), "consolidation")
    if len(batches) <= 2 and len(runs) <= 2:
        # Two names share the space of one; they differ most at the beginning.
        detail = batches[0] if len(batches) == 1 else ", ".join(f"{batch[:13]}…" for batch in batches)
    return Lane(shortened(f"{name} ({number + 1})", LONGEST_NAME) if number else name, detail)


def bars_of(rows: Sequence[Row], seen: Span) -> tuple[Bar, ...]:
    """Return the bars of all rows; thin ones are joined until a picture can hold them."""
    thin = (seen[1] - seen[0]) * _THINNEST
    while True:
        bars = [replace(bar, lane=lane) for lane, row in enumerate(rows) for bar in _joined(row, thin)]
        if len(bars) <= MOST_BARS:
            return tuple(bars)
        thin *= 2


def _joined(row: Row, thin: timedelta) -> Iterator[Bar]:
    """Yield the bars of a row; thin consolidations that are close together become one."""

    def is_joined(one: Drawn) -> bool:
        return row.is_crowd or one.end - one.start < thin

    groups: list[list[Drawn]] = []
    for one in row.runs:
        if groups and is_joined(one) and is_joined(groups[-1][0]) and one.start - groups[-1][-1].end < thin:
            groups[-1].append(one)
        else:
            groups.append([one])
    for group in groups:
        yield from [_several(group)] if is_joined(group[0]) else group[0].bars


def _several(group: Sequence[Drawn]) -> Bar:
    first, end = group[0], max(one.end for one in group)
    endings = {one.ending for one in group}
    worst = next(ending for ending in _WORST_FIRST if ending in endings)
    batches = f"{first.batch} to {group[-1].batch}" if len(group) > 1 else first.batch
    return Bar(0, Part.SEVERAL, first.start, end, name_of(batches), ending=worst, count=len(group))
