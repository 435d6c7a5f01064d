"""The chain: an entry for each run that has ended or was removed, with the hash of the entry before.

Whoever alters a file, or an entry, has to write all later entries anew, and then the last one's
hash is another. Somebody who can write here can do that: only a hash that was noted elsewhere
shows it (`runbook runs verify --head`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from lib.archive.record import utc_now
from lib.archive.store import Store

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FOLDER = "_chain"
NOTHING_BEFORE = "0" * 64
_CLOCKS_DIFFER_BY = timedelta(days=1)
_NAME = re.compile(r"(\d{9})\.json", re.ASCII)


class Event(StrEnum):
    """What an entry tells of a run."""

    SEALED = "sealed"  # by its own runner, when it had ended
    ADOPTED = "adopted"  # by somebody else, later: its files are what was found then
    REMOVED = "removed"


@dataclass(frozen=True)
class Fingerprint:
    """What a file's content is held to: its SHA-256, in hex, and its size in bytes."""

    sha256: str
    size: int

    @classmethod
    def of(cls, content: bytes) -> Fingerprint:
        return cls(sha256(content).hexdigest(), len(content))


@dataclass(frozen=True)
class Entry:
    """One entry.

    Attributes:
        sequence: 1 for the first.
        previous: SHA-256 of the bytes of the entry before; `NOTHING_BEFORE` for the first.
        at: When it was written (UTC).
        event: What it tells.
        place: Of which run.
        files: What the run's files were, by their names in its folder; empty when it was removed.
    """

    sequence: int
    previous: str
    at: datetime
    event: Event
    place: str
    files: Mapping[str, Fingerprint]


@dataclass(frozen=True)
class Head:
    """The last entry: the one thing to note elsewhere.

    Attributes:
        sequence: 0 when there is no entry.
        sha256: Of its bytes.
    """

    sequence: int
    sha256: str


@dataclass(frozen=True)
class Links:
    """The whole chain, as read.

    Attributes:
        entries: Those that can be read, in their order.
        hashes: Of every entry's bytes, in their order.
        faults: What is wrong with the chain itself, a line each.
    """

    entries: tuple[Entry, ...]
    hashes: tuple[str, ...]
    faults: tuple[str, ...]

    @property
    def head(self) -> Head:
        return Head(len(self.hashes), self.hashes[-1] if self.hashes else NOTHING_BEFORE)


class Chain:
    """The chain of an archive's store.

    What the store cannot tell is `lib.errors.Unavailable`, in every call.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def append(self, event: Event, place: str, files: Mapping[str, Fingerprint]) -> None:
        """Add an entry behind the last one, whoever else adds one at the same time."""
        while True:
            last = max(self._sequences(), default=0)
            previous = self._hash(last) if last else NOTHING_BEFORE
            entry = Entry(last + 1, previous, utc_now(), event, place, files)
            if self._store.create(_name(last + 1), _adapter().dump_json(entry, indent=1)):
                return

    def knows(self, place: str, since: datetime) -> bool:
        """Whether an entry is about the run that began then (UTC); much older ones are not read."""
        for sequence in sorted(self._sequences(), reverse=True):
            with suppress(ValueError):
                entry = _adapter().validate_json(self._store.read(_name(sequence)))
                if entry.place == place:
                    return True
                if since - entry.at > _CLOCKS_DIFFER_BY:
                    return False
        return False

    def read(self) -> Links:
        """All of it, each entry held to the one before."""
        entries: list[Entry] = []
        hashes: list[str] = []
        faults: list[str] = []
        expected, previous = 1, NOTHING_BEFORE
        for sequence in sorted(self._sequences()):
            if sequence != expected:
                faults.append(f"entries {expected} to {sequence - 1} are missing")
            content = self._store.read(_name(sequence))
            try:
                entry = _adapter().validate_json(content)
            except ValueError:
                faults.append(f"entry {sequence} cannot be read")
            else:
                entries.append(entry)
                if (entry.sequence, entry.previous) != (sequence, previous) and sequence == expected:
                    faults.append(f"entry {sequence} does not follow the entry before: one of the two was altered")
            previous = sha256(content).hexdigest()
            hashes.append(previous)
            expected = sequence + 1
        return Links(tuple(entries), tuple(hashes), tuple(faults))

    def _sequences(self) -> list[int]:
        found = map(_NAME.fullmatch, self._store.children(FOLDER))
        return [int(match.group(1)) for match in found if match]

    def _hash(self, sequence: int) -> str:
        return sha256(self._store.read(_name(sequence))).hexdigest()


def _name(sequence: int) -> str:
    return f"{FOLDER}/{sequence:09}.json"


@cache
def _adapter() -> TypeAdapter[Entry]:
    from pydantic import TypeAdapter

    return TypeAdapter(Entry)
