"""A timeline of consolidations as data, which a notebook stores and pages draw.

A page never trusts the drawing in a notebook: it reads this data, checked and bounded here, and draws it again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from lib.errors import UserError
from lib.words.brief import brief
from lib.words.dates import zone

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MEDIA_TYPE = "application/vnd.consolidation-runbooks.timeline+json"

# The limits of one picture, so that every page that shows it stays small.
MOST_LANES, MOST_BARS, MOST_OVERLAPS, MOST_LOCKS, MOST_HOLDS = 10, 100, 8, 4, 12
MOST_MARKS, MOST_BINS, MOST_NOTES = 12, 160, 8
LONGEST_NAME, LONGEST_NOTE = 80, 300
_YEARS = range(1970, 2900)


class Part(StrEnum):
    """What a bar shows; `SEVERAL` for consolidations that are too many or too short to show their parts."""

    WHOLE = "whole consolidation"
    LOCK_WAIT = "lock wait"
    MERGE = "MERGE"
    VALIDATION = "validation"
    CLEANUP = "cleanup"
    SEVERAL = "consolidations"


class Ending(StrEnum):
    """The state of a consolidation that did not complete."""

    NONE = ""
    FAILED = "failed"
    UNFINISHED = "unfinished"
    RUNNING = "still running"


@dataclass(frozen=True)
class Lane:
    """An instance.

    Attributes:
        name: The instance. Hostile input, like all names here.
        detail: What ran there, such as its batch.
    """

    name: str
    detail: str = ""

    def __post_init__(self) -> None:
        _check_texts(LONGEST_NAME, self.name, self.detail)


@dataclass(frozen=True)
class Bar:
    """A consolidation or a part of one.

    Attributes:
        lane: Its index in `Timeline.lanes`.
        end: May be before the start if clocks differ.
        is_open: Its end was not logged; `end` is the latest possible one.
        ending: The state of a whole consolidation.
        count: Number of consolidations that it shows.
    """

    lane: int
    part: Part
    start: datetime
    end: datetime
    batch: str = ""
    is_open: bool = False
    ending: Ending = Ending.NONE
    count: int = 1

    __repr__ = brief("part", "batch", "start")

    def __post_init__(self) -> None:
        _check_texts(LONGEST_NAME, self.batch)
        _check_moments(self.start, self.end)


@dataclass(frozen=True)
class Overlap:
    """MERGEs of one date that ran at once.

    Attributes:
        first_lane, last_lane: The lanes that it spans, both inclusive.
        count: Number of consolidations.
        batches: Their batches.
    """

    first_lane: int
    last_lane: int
    start: datetime
    end: datetime
    count: int
    batches: str

    __repr__ = brief("count", "batches", "start")

    def __post_init__(self) -> None:
        _check_texts(LONGEST_NOTE, self.batches)
        _check_moments(self.start, self.end)


@dataclass(frozen=True)
class Hold:
    """A time during which a lock was held; the fields are those of `Bar`."""

    start: datetime
    end: datetime
    batch: str
    is_open: bool = False

    def __post_init__(self) -> None:
        _check_texts(LONGEST_NAME, self.batch)
        _check_moments(self.start, self.end)


@dataclass(frozen=True)
class Lock:
    """A lock and when it was held; `note` is a short remark, such as that nobody took it."""

    name: str
    holds: tuple[Hold, ...] = ()
    note: str = ""

    __repr__ = brief("name", "holds")

    def __post_init__(self) -> None:
        _check_texts(LONGEST_NAME, self.name, self.note)
        _check_length("holds", self.holds, MOST_HOLDS)


@dataclass(frozen=True)
class Mark:
    """Something that a person did: a deployment, a repair, a release."""

    at: datetime
    label: str

    def __post_init__(self) -> None:
        _check_texts(LONGEST_NOTE, self.label)
        _check_moments(self.at)


@dataclass(frozen=True)
class Overview:
    """The whole period, when the picture shows only a part.

    Attributes:
        counts: Number of consolidations that started in each equal part of the period.
    """

    since: datetime
    until: datetime
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        _check_length("counts", self.counts, MOST_BINS)
        if not self.counts:
            raise ValueError("a period without parts")
        _check_period(self.since, self.until)


@dataclass(frozen=True)
class Timeline:
    """Consolidations side by side, with locks and what people did.

    Attributes:
        finding: What it shows, in one sentence.
        timezone: The zone in which its times are shown.
        since, until: The period that the lanes show; a bar may begin before or end after it.
        overlaps: Overlapping MERGEs, longest first.
        overview: The whole period; None if nothing is outside `since` and `until`.
        notes: Notes for the reader, such as what is left out.

    Raises:
        ValueError: It is larger than a page allows, a moment has no zone, or a lane is missing.
        UserError: The time zone is unknown.
    """

    finding: str
    timezone: str
    since: datetime
    until: datetime
    lanes: tuple[Lane, ...]
    bars: tuple[Bar, ...]
    overlaps: tuple[Overlap, ...] = ()
    locks: tuple[Lock, ...] = ()
    marks: tuple[Mark, ...] = ()
    overview: Overview | None = None
    notes: tuple[str, ...] = ()

    __repr__ = brief("title")

    def __post_init__(self) -> None:
        zone(self.timezone)
        _check_texts(LONGEST_NOTE, self.finding, *self.notes)
        _check_period(self.since, self.until)
        for name, most in (("lanes", MOST_LANES), ("bars", MOST_BARS), ("overlaps", MOST_OVERLAPS)):
            _check_length(name, getattr(self, name), most)
        for name, most in (("locks", MOST_LOCKS), ("marks", MOST_MARKS), ("notes", MOST_NOTES)):
            _check_length(name, getattr(self, name), most)
        spans = [(bar.lane, bar.lane) for bar in self.bars] + [(one.first_lane, one.last_lane) for one in self.overlaps]
        if any(not 0 <= first <= last < len(self.lanes) for first, last in spans):
            raise ValueError("a bar or an overlap is in a lane that does not exist")

    def as_data(self) -> dict[str, Any]:
        """Return the payload stored under `MEDIA_TYPE`; times are in ISO 8601."""
        data: dict[str, Any] = _adapter().dump_python(self, mode="json")
        return data


def timeline_of(payload: object) -> Timeline:
    """Return a stored timeline. Raises `ValueError` if it is not valid for any reason."""
    try:
        return _adapter().validate_json(json.dumps(payload), strict=True)
    except UserError as error:
        raise ValueError(str(error)) from None


def shortened(text: str, most: int) -> str:
    """Return the text, without its middle if it is too long: names differ at their ends."""
    if len(text) <= most:
        return text
    head = (most - 1) // 3
    return f"{text[:head]}…{text[head + 1 - most :]}"


@cache
def _adapter() -> TypeAdapter[Timeline]:
    from pydantic import TypeAdapter

    return TypeAdapter(Timeline)


def _check_texts(longest: int, *texts: str) -> None:
    if any(len(text) > longest for text in texts):
        raise ValueError(f"a text is longer than {longest} characters")


def _check_length(name: str, values: Sequence[object], most: int) -> None:
    if len(values) > most:
        raise ValueError(f"{len(values)} {name}; at most {most}")


def _check_moments(*moments: datetime) -> None:
    if any(moment.tzinfo is None or moment.year not in _YEARS for moment in moments):
        raise ValueError("a moment without a zone, or in an impossible year")


def _check_period(since: datetime, until: datetime) -> None:
    _check_moments(since, until)
    if since >= until:
        raise ValueError("a period that ends before it starts")
