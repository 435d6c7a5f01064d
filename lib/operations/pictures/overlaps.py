"""Overlapping MERGEs of one date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lib.operations.logs.timeline import Consolidation, merge_interval, overlapping_merges
from lib.operations.pictures.parts import Drawn
from lib.operations.pictures.zoom import Row, Span
from lib.verdict.timeline.data import LONGEST_NOTE, Overlap, shortened
from lib.words.text import one_line


@dataclass
class Shared:
    """A time in which MERGEs of one date overlapped."""

    start: datetime
    end: datetime
    members: set[Drawn]

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()

    @property
    def runs(self) -> list[Drawn]:
        return sorted(self.members, key=lambda one: one.start)

    def in_lanes(self, rows: Sequence[Row]) -> Overlap:
        """Return the overlap as drawn across these rows."""
        lanes = [lane for lane, row in enumerate(rows) for one in row.runs if one in self.members]
        batches = " and ".join(dict.fromkeys(one.batch or "no batch named" for one in self.runs))
        note = shortened(one_line(batches), LONGEST_NOTE)
        return Overlap(min(lanes), max(lanes), self.start, self.end, len(self.members), note)


def shared_merges(drawn: Sequence[Drawn]) -> list[Shared]:
    """Return the overlaps, longest first; overlapping pairs are joined into one."""
    by_run = {id(one.run): one for one in drawn}
    spans = [
        (_work_of(pair[0]), *_both(*map(merge_interval, pair)), {by_run[id(run)] for run in pair})
        for pair in overlapping_merges([one.run for one in drawn])
    ]
    by_work: dict[str, list[Shared]] = {}
    for work, start, end, both in sorted(spans, key=lambda span: span[1]):
        found = by_work.setdefault(work, [])
        if found and start < found[-1].end:
            found[-1].end = max(found[-1].end, end)
            found[-1].members |= both
        else:
            found.append(Shared(start, end, both))
    return sorted((one for found in by_work.values() for one in found), key=lambda one: -one.seconds)


def _work_of(run: Consolidation) -> str:
    return str(run.likely_game_date or run.batch_id)


def _both(first: Span, second: Span) -> Span:
    return max(first[0], second[0]), min(first[1], second[1])
