"""Verifies the archive against its chain: no file altered, lost or added, no entry removed.

Every call raises `lib.errors.Unavailable` if the archive cannot be listed or its chain cannot be read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lib.archive.archive import RUN_ID, Archive, DamagedRun, Run
from lib.archive.chain import Chain, Entry, Event, Fingerprint, Head
from lib.archive.record import RunRecord, RunStatus, utc_now
from lib.archive.sealing import seal, unsealed_places
from lib.errors import Unavailable
from lib.verdict.verdict import Verdict, worst
from lib.words.nouns import counted


class FaultKind(StrEnum):
    """How a run or the chain differs from what the chain records, or why that is unknown."""

    CHAIN = "chain"
    TORN = "torn"
    ALTERED = "altered"
    MISSING = "missing"
    UNEXPECTED = "unexpected"
    REWRITTEN = "rewritten"
    NOT_ON_CHAIN = "not on the chain"
    HALF_REMOVED = "half removed"
    UNSEALED = "unsealed"
    UNREAD = "unread"


_TORN = (
    "entry {} is torn, as after a power loss; record that with runbook runs verify --mend, "
    "then add its run to the chain again with --adopt"
)
_UNKNOWN = (FaultKind.UNSEALED, FaultKind.UNREAD)


@dataclass(frozen=True)
class Fault:
    """A fault of the run at `place`, or of the chain itself if `place` is empty."""

    kind: FaultKind
    place: str
    text: str


@dataclass(frozen=True)
class Verification:
    """The result of a verification.

    Attributes:
        head: Head of the chain, to be noted elsewhere.
        unchanged: Number of runs that match the chain.
        running: Number of runs that have not ended or are being sealed.
        removed: Number of runs removed according to the chain.
        mended: Torn entries and when the chain recorded that, one line each.
    """

    head: Head
    unchanged: int
    running: int
    removed: int
    mended: tuple[str, ...]
    faults: tuple[Fault, ...]

    @property
    def verdict(self) -> Verdict:
        """FAIL if anything differs from what was sealed; UNKNOWN if anything could not be verified."""
        return worst([Verdict.PASS, *(Verdict.UNKNOWN if f.kind in _UNKNOWN else Verdict.FAIL for f in self.faults)])

    @property
    def exit_code(self) -> int:
        """0 if everything is as sealed, 1 if something differs, 3 if something could not be verified."""
        return self.verdict.exit_code


def verify(archive: Archive, *, place: str = "", noted_head: str = "") -> Verification:
    """Compare every file of every run with the chain, and check the chain itself.

    Args:
        archive: The archive.
        place: Place of the only run to verify; by default all are verified.
        noted_head: SHA-256 of a head noted earlier, which the chain must still contain.
    """
    # In this order, so that for a run that ends meanwhile the chain has more than the list, never less.
    unsealed = set(unsealed_places(archive.store))
    found = _names_by_place(archive, place)
    links = Chain(archive.store).read()
    faults = [Fault(FaultKind.CHAIN, "", text) for text in links.faults]
    faults += [Fault(FaultKind.TORN, "", _TORN.format(sequence)) for sequence in links.torn]
    if noted_head and noted_head not in links.hashes:
        cut = f"no entry has the noted hash {noted_head:.64}: the chain was truncated or rewritten"
        faults.append(Fault(FaultKind.CHAIN, "", cut))
    entries = defaultdict(list)
    for entry in links.entries:
        if entry.event is not Event.MENDED:
            entries[entry.place].append(entry)
    looks = [
        _look(archive, each, found[each], entries[each], is_unsealed=each in unsealed)
        for each in ([place] if place else sorted({*found, *entries}))
    ]
    faults += [fault for look in looks for fault in look.faults]
    sound = [look for look in looks if not look.faults]
    removed = sum(look.is_removed for look in sound)
    running = sum(look.is_running for look in sound)
    mended = tuple(
        f"{entry.place} was torn; entry {entry.sequence} of {entry.at:%Y-%m-%d %H:%M:%S} UTC records that"
        for entry in links.mended
    )
    return Verification(links.head, len(sound) - removed - running, running, removed, mended, tuple(faults))


def adopt(archive: Archive, faults: Sequence[Fault]) -> list[str]:
    """Add runs that are not on the chain in their present state; the chain records them as adopted.

    Returns:
        The places of the adopted runs; a run whose record cannot be read stays a fault.
    """
    places = [fault.place for fault in faults if fault.kind is FaultKind.NOT_ON_CHAIN]
    return [place for place in places if seal(archive, place, Event.ADOPTED)]


@dataclass(frozen=True)
class _Look:
    """The result for one run."""

    faults: tuple[Fault, ...]
    is_running: bool = False
    is_removed: bool = False


def _look(archive: Archive, place: str, names: set[str], entries: Sequence[Entry], *, is_unsealed: bool) -> _Look:
    first, rewritten = _what_holds(place, entries)
    if first is None:
        return _not_on_chain(archive, place, is_unsealed=is_unsealed)
    if first.event is Event.REMOVED:
        return _Look((*rewritten, *_remains(archive, place, names)), is_removed=True)
    changed = (fault for name in sorted({*names, *first.files}) for fault in _of_file(archive, place, name, first))
    return _Look((*rewritten, *changed))


def _what_holds(place: str, entries: Sequence[Entry]) -> tuple[Entry | None, tuple[Fault, ...]]:
    """Return the entry that counts, the first one until a removal; a later one that differs is a fault."""
    first: Entry | None = None
    rewritten = []
    for entry in entries:
        if first is None or entry.event is Event.REMOVED:
            first = entry
        elif entry.files != first.files:
            text = (
                f"entry {entry.sequence} ({entry.event}) differs from entry {first.sequence} ({first.event}), which "
                "counts: its runner continued after it was declared dead, or someone rewrote the run"
            )
            rewritten.append(Fault(FaultKind.REWRITTEN, place, text))
    return first, tuple(rewritten)


def _not_on_chain(archive: Archive, place: str, *, is_unsealed: bool) -> _Look:
    """Judge a run that is not on the chain."""
    run = archive.read(place)
    if isinstance(run, Run) and _still_runs(run.record, is_unsealed=is_unsealed):
        return _Look((), is_running=True)
    if not is_unsealed:
        kind = FaultKind.NOT_ON_CHAIN
        text = "it is not on the chain: something else put it here, or the chain was truncated"
    elif isinstance(run, DamagedRun) and run.is_newer:
        kind, text = FaultKind.UNREAD, f"unknown whether it still runs: {run.reason}"
    else:
        kind = FaultKind.UNSEALED
        text = "its runner was killed before sealing it; the environment's next run will seal it"
    return _Look((Fault(kind, place, text),))


def _still_runs(record: RunRecord, *, is_unsealed: bool) -> bool:
    """Return whether the run still runs, or has just ended and is about to be sealed."""
    return record.status is RunStatus.RUNNING or (is_unsealed and not record.is_silent(utc_now()))


def _remains(archive: Archive, place: str, names: set[str]) -> Iterator[Fault]:
    if names and (left := list(archive.store.names(place))):
        text = f"its removal left {counted(len(left), 'file')}; complete it with runbook runs prune --apply"
        yield Fault(FaultKind.HALF_REMOVED, place, text)


def _of_file(archive: Archive, place: str, name: str, sealed: Entry) -> Iterator[Fault]:
    expected = sealed.files.get(name)
    if expected is None:
        yield Fault(FaultKind.UNEXPECTED, place, f"{name} was added after it was sealed")
        return
    try:
        content = archive.store.read(f"{place}/{name}")
    except FileNotFoundError:
        yield Fault(FaultKind.MISSING, place, f"{name} is missing")
    except Unavailable as error:
        yield Fault(FaultKind.UNREAD, place, str(error))
    else:
        if Fingerprint.of(content) != expected:
            size = f"{len(content)} bytes instead of {expected.size}"
            how = size if len(content) != expected.size else "other content of the same size"
            yield Fault(FaultKind.ALTERED, place, f"{name} was altered: {how}")


def _names_by_place(archive: Archive, folder: str) -> defaultdict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name in archive.store.names(folder):
        parts = name.split("/", maxsplit=3)
        if len(parts) > 3 and RUN_ID.fullmatch(parts[2]) and not name.startswith("_"):
            found["/".join(parts[:3])].add(parts[3])
    return found
