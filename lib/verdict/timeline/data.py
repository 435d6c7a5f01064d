"""A timeline of consolidations as data: what a notebook stores, and what pages draw from it.

A page never trusts the drawing in a notebook: it reads these data, checked and bounded here, and draws them itself.
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

# What one picture holds at most: every page that shows it stays small.
MOST_LANES, MOST_BARS, MOST_OVERLAPS, MOST_LOCKS, MOST_HOLDS = 10, 100, 8, 4, 12
MOST_MARKS, MOST_BINS, MOST_NOTES = 12, 160, 8
LONGEST_NAME, LONGEST_NOTE = 80, 300
_YEARS = range(1970, 2900)


class Part(StrEnum):
    """What a bar stands for; `SEVERAL` for whole ones that are too many or too short for their parts."""

    WHOLE = "whole consolidation"
    LOCK_WAIT = "lock wait"
    MERGE = "MERGE"
    VALIDATION = "validation"
    CLEANUP = "cleanup"
    SEVERAL = "consolidations"


class Ending(StrEnum):
    """How a consolidation stands that did not complete."""

    NONE = ""
    FAILED = "failed"
    UNFINISHED = "unfinished"
    RUNNING = "still running"


@dataclass(frozen=True)
class Lane:
    """An instance.

    Attributes:
        name: The instance. Hostile input, as all names here are.
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
        lane: Its place in `Timeline.lanes`.
        end: Before the start where clocks differ.
        is_open: Its end was not logged; `end` is how far it can have come.
        ending: Of a whole consolidation.
        count: How many consolidations it stands for.
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
        first_lane, last_lane: The lanes that it spans, both included.
        count: How many consolidations took part.
        batches: Which.
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
    """One tenure of a lock, as in `Bar`."""

    start: datetime
    end: datetime
    batch: str
    is_open: bool = False

    def __post_init__(self) -> None:
        _check_texts(LONGEST_NAME, self.batch)
        _check_moments(self.start, self.end)


@dataclass(frozen=True)
class Lock:
    """A lock and its tenures; `note` is a few words, such as that nobody took it."""

    name: str
    holds: tuple[Hold, ...] = ()
    note: str = ""

    __repr__ = brief("name", "holds")

    def __post_init__(self) -> None:
        _check_texts(LONGEST_NAME, self.name, self.note)
        _check_length("holds", self.holds, MOST_HOLDS)


@dataclass(frozen=True)
class Mark:
    """Something that people did: a deployment, a repair, a release."""

    at: datetime
    label: str

    def __post_init__(self) -> None:
        _check_texts(LONGEST_NOTE, self.label)
        _check_moments(self.at)


@dataclass(frozen=True)
class Overview:
    """The whole period; the picture shows a part of it.

    Attributes:
        counts: How many consolidations started in each of as many equal parts of it.
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
    """Consolidations side by side, with the lock and what people did.

    Attributes:
        finding: What it shows, in one sentence.
        timezone: In which its times are shown.
        since, until: What the lanes show; a bar may begin before or end after.
        overlaps: The longest first.
        overview: None: there is nothing outside of `since` and `until`.
        notes: What a reader has to know, such as what is left out.

    Raises:
        ValueError: It holds more than a page should, a moment has no zone, or a lane is missing.
        UserError: The time zone is not known.
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
            raise ValueError("a bar or an overlap is in a lane that is not there")

    def as_data(self) -> dict[str, Any]:
        """The payload stored under `MEDIA_TYPE`; moments in ISO 8601."""
        data: dict[str, Any] = _adapter().dump_python(self, mode="json")
        return data


def timeline_of(payload: object) -> Timeline:
    """The timeline that was stored. Raises `ValueError`: it is not one, whatever the reason."""
    try:
        return _adapter().validate_json(json.dumps(payload), strict=True)
    except UserError as error:
        raise ValueError(str(error)) from None


def shortened(text: str, most: int) -> str:
    """The text with its middle left out where it is too long: names differ at their ends."""
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
        raise ValueError("a moment without a zone, or of an impossible year")


def _check_period(since: datetime, until: datetime) -> None:
    _check_moments(since, until)
    if since >= until:
        raise ValueError("a period that ends before it begins")
