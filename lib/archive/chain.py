"""The chain: an entry for each run that has ended or was removed, with the hash of the entry before.

Hiding a change to a file or an entry means rewriting all later entries, which changes the hash of the last one.
Anyone with write access can do that; only a hash noted elsewhere reveals it (`runbook runs verify --head`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from itertools import pairwise, zip_longest

from lib.archive.record import adapter_of, utc_now
from lib.archive.store import Store
from lib.errors import Unavailable

FOLDER = "_chain"
NOTED_END = "_chain_end"  # the last entry's name, to avoid listing thousands; nothing relies on it
NOTHING_BEFORE = "0" * 64
_CLOCKS_DIFFER_BY = timedelta(days=1)
_NAME = re.compile(r"(\d{9})\.json", re.ASCII)


class Event(StrEnum):
    """What an entry records about a run."""

    SEALED = "sealed"  # by its own runner, at its end
    ADOPTED = "adopted"  # by another process later, with the files found then
    REMOVED = "removed"
    MENDED = "mended"  # about a torn entry, not about a run


@dataclass(frozen=True)
class Fingerprint:
    """Identifies a file's content: SHA-256 in hex, and size in bytes."""

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
        place: Place of the run; for a mended entry, the name of the torn one.
        files: Fingerprints of the run's files, by name in its folder; empty if the run was removed.
            For a mended entry, the fingerprint of what is left of the torn one.
    """

    sequence: int
    previous: str
    at: datetime
    event: Event
    place: str
    files: Mapping[str, Fingerprint]


@dataclass(frozen=True)
class Head:
    """The last entry, to be noted elsewhere.

    Attributes:
        sequence: Its sequence; 0 if there are no entries.
        sha256: SHA-256 of its bytes.
    """

    sequence: int
    sha256: str


@dataclass(frozen=True)
class Links:
    """The whole chain, as read.

    Attributes:
        entries: The readable entries, in order.
        hashes: SHA-256 of every entry's bytes, in order.
        faults: Faults of the chain itself, one line each, except torn entries.
        torn: By sequence, what is left of entries that were unreadable already when the next one was added,
            as after a power loss; without mended ones.
        mended: Entries that record that another entry is torn.
    """

    entries: tuple[Entry, ...]
    hashes: tuple[str, ...]
    faults: tuple[str, ...]
    torn: Mapping[int, Fingerprint]
    mended: tuple[Entry, ...]

    @property
    def head(self) -> Head:
        return Head(len(self.hashes), self.hashes[-1] if self.hashes else NOTHING_BEFORE)


@dataclass(frozen=True)
class _Link:
    """An entry as read; without `entry`, its bytes are not a valid entry."""

    sequence: int
    left: Fingerprint
    entry: Entry | None

    @classmethod
    def of(cls, sequence: int, content: bytes) -> _Link:
        try:
            entry = adapter_of(Entry).validate_json(content)
        except ValueError:
            entry = None
        return cls(sequence, Fingerprint.of(content), entry)

    def is_before(self, other: _Link) -> bool:
        """Return whether the other entry was added when this one had its present content."""
        entry, following = other.entry, self.sequence + 1
        if entry is None or other.sequence != following:
            return False
        return (entry.sequence, entry.previous) == (following, self.left.sha256)

    def is_torn_before(self, after: _Link | None) -> bool:
        """Return whether this entry is unreadable and unchanged since the next one was added."""
        return self.entry is None and (after is None or self.is_before(after))


def _breaks(links: Sequence[_Link]) -> Iterator[str]:
    for before, link in pairwise([_Link(0, Fingerprint(NOTHING_BEFORE, 0), None), *links]):
        if link.sequence != before.sequence + 1:
            yield f"entries {before.sequence + 1} to {link.sequence - 1} are missing"
        elif link.entry and not before.is_before(link):
            yield f"entry {link.sequence} does not match the entry before: one of the two was altered"


class Chain:
    """The chain of an archive's store.

    Every call raises `lib.errors.Unavailable` if the store cannot be read or written.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def append(self, event: Event, place: str, files: Mapping[str, Fingerprint]) -> None:
        """Add an entry after the last one; safe against concurrent appends."""
        last = self._noted_end()
        while not self._is_added(last, event, place, files):
            last = self._last()
        with suppress(Unavailable):  # the entry exists, and the next append lists the entries
            self._store.write(NOTED_END, f"{last + 1:09}.json".encode())

    def knows(self, place: str, since: datetime) -> bool:
        """Return whether the run that began at `since` (UTC) has an entry; much older entries are not read."""
        for sequence in reversed(self._sequences()):
            entry = _Link.of(sequence, self._store.read(_name(sequence))).entry
            if entry and entry.place == place:
                return True
            if entry and since - entry.at > _CLOCKS_DIFFER_BY:
                return False
        return False

    def mend(self) -> list[int]:
        """Record on the chain which of its entries are torn; their content is lost.

        Returns:
            The sequences of the torn entries.
        """
        torn = self.read().torn
        for sequence, left in torn.items():
            self.append(Event.MENDED, _name(sequence), {_name(sequence): left})
        return list(torn)

    def read(self) -> Links:
        """Read the whole chain and compare each entry with the one before."""
        links = [_Link.of(sequence, self._store.read(_name(sequence))) for sequence in self._sequences()]
        entries = tuple(link.entry for link in links if link.entry)
        torn = {link.sequence: link.left for link, after in zip_longest(links, links[1:]) if link.is_torn_before(after)}
        altered = [
            f"entry {link.sequence} cannot be read"
            for link in links
            if link.entry is None and link.sequence not in torn
        ]
        recorded = {_name(sequence): {_name(sequence): left} for sequence, left in torn.items()}
        mended = tuple(
            entry for entry in entries if entry.event is Event.MENDED and recorded.get(entry.place) == entry.files
        )
        places = {entry.place for entry in mended}
        return Links(
            entries=entries,
            hashes=tuple(link.left.sha256 for link in links),
            faults=(*_breaks(links), *altered),
            torn={sequence: left for sequence, left in torn.items() if _name(sequence) not in places},
            mended=mended,
        )

    def _is_added(self, last: int, event: Event, place: str, files: Mapping[str, Fingerprint]) -> bool:
        """Add an entry after `last`; return False if that entry does not exist or is not the last one."""
        try:
            previous = sha256(self._store.read(_name(last))).hexdigest() if last else NOTHING_BEFORE
        except FileNotFoundError:
            return False
        entry = Entry(last + 1, previous, utc_now(), event, place, files)
        return self._store.create(_name(last + 1), adapter_of(Entry).dump_json(entry, indent=1))

    def _noted_end(self) -> int:
        """Return the last entry noted by an append; there may be later ones, or it may no longer exist."""
        try:
            noted = _NAME.fullmatch(self._store.read(NOTED_END).decode())
        except (FileNotFoundError, ValueError):
            noted = None
        return int(noted.group(1)) if noted else self._last()

    def _last(self) -> int:
        return max(self._sequences(), default=0)

    def _sequences(self) -> list[int]:
        found = map(_NAME.fullmatch, self._store.children(FOLDER))
        return sorted(int(match.group(1)) for match in found if match)


def _name(sequence: int) -> str:
    return f"{FOLDER}/{sequence:09}.json"
