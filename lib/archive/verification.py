"""Whether the archive still holds what the chain says: no file altered, lost or slipped in, no entry cut out.

An archive that cannot be listed, or whose chain cannot be read, is `lib.errors.Unavailable`, in every call.
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


class FaultKind(StrEnum):
    """What is not as the chain says, or cannot be told."""

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
    "entry {} is torn, as by a power loss; runbook runs verify --mend records that, "
    "and --adopt then puts its run on the chain once more"
)
_UNKNOWN = (FaultKind.UNSEALED, FaultKind.UNREAD)


@dataclass(frozen=True)
class Fault:
    """One of them, about the run at `place`, which is empty for the chain itself."""

    kind: FaultKind
    place: str
    text: str


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes:
        head: Of the chain; to be noted elsewhere.
        unchanged: How many runs are what the chain says.
        running: How many runs have not ended, or are just being sealed.
        removed: How many runs the chain knows to have been removed.
        mended: Entries that were torn, and since when the chain says so; a line each.
    """

    head: Head
    unchanged: int
    running: int
    removed: int
    mended: tuple[str, ...]
    faults: tuple[Fault, ...]

    @property
    def verdict(self) -> Verdict:
        """FAIL: something is not as it was sealed; UNKNOWN: something could not be told."""
        return worst([Verdict.PASS, *(Verdict.UNKNOWN if f.kind in _UNKNOWN else Verdict.FAIL for f in self.faults)])

    @property
    def exit_code(self) -> int:
        """0 all is as it was sealed, 1 something is not, 3 something could not be told."""
        return self.verdict.exit_code


def verify(archive: Archive, *, place: str = "", noted_head: str = "") -> Verification:
    """Hold every file of every run to the chain, and the chain to itself.

    Args:
        place: Of the one run that is looked at; by default all are.
        noted_head: SHA-256 of a head that was noted earlier: the chain still has to hold it.
    """
    # In this order: of a run that ends meanwhile the chain then knows more, never less.
    unsealed = set(unsealed_places(archive.store))
    found = _names_by_place(archive, place)
    links = Chain(archive.store).read()
    faults = [Fault(FaultKind.CHAIN, "", text) for text in links.faults]
    faults += [Fault(FaultKind.TORN, "", _TORN.format(sequence)) for sequence in links.torn]
    if noted_head and noted_head not in links.hashes:
        cut = f"no entry has the noted hash {noted_head:.64}: its end was cut off, or it was written anew"
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
    """Put runs that are not on the chain on it, as they are now; the chain says that they were adopted.

    Returns:
        The places of those runs; one whose record cannot be read stays a fault.
    """
    places = [fault.place for fault in faults if fault.kind is FaultKind.NOT_ON_CHAIN]
    return [place for place in places if seal(archive, place, Event.ADOPTED)]


@dataclass(frozen=True)
class _Look:
    """One run, held to its entries."""

    faults: tuple[Fault, ...]
    is_running: bool = False
    is_removed: bool = False


def _look(archive: Archive, place: str, names: set[str], entries: Sequence[Entry], *, is_unsealed: bool) -> _Look:
    told, rewritten = _what_holds(place, entries)
    if told is None:
        return _not_told(archive, place, is_unsealed=is_unsealed)
    if told.event is Event.REMOVED:
        return _Look((*rewritten, *_remains(archive, place, names)), is_removed=True)
    changed = (fault for name in sorted({*names, *told.files}) for fault in _of_file(archive, place, name, told))
    return _Look((*rewritten, *changed))


def _what_holds(place: str, entries: Sequence[Entry]) -> tuple[Entry | None, tuple[Fault, ...]]:
    """The entry that counts: the first one, until the run is removed. A later one that differs is a fault."""
    told: Entry | None = None
    rewritten = []
    for entry in entries:
        if told is None or entry.event is Event.REMOVED:
            told = entry
        elif entry.files != told.files:
            text = (
                f"entry {entry.sequence} ({entry.event}) differs from entry {told.sequence} ({told.event}), which "
                "counts: its runner went on after it was taken for dead, or somebody has rewritten the run"
            )
            rewritten.append(Fault(FaultKind.REWRITTEN, place, text))
    return told, tuple(rewritten)


def _not_told(archive: Archive, place: str, *, is_unsealed: bool) -> _Look:
    """A run that the chain does not know."""
    run = archive.read(place)
    if isinstance(run, Run) and _still_runs(run.record, is_unsealed=is_unsealed):
        return _Look((), is_running=True)
    if not is_unsealed:
        kind = FaultKind.NOT_ON_CHAIN
        text = "the chain does not know it: it was put here by something else, or the chain's end was cut off"
    elif isinstance(run, DamagedRun) and run.is_newer:
        kind, text = FaultKind.UNREAD, f"whether it goes on is not known: {run.reason}"
    else:
        kind = FaultKind.UNSEALED
        text = "its runner was killed before it could seal it; the environment's next run does that"
    return _Look((Fault(kind, place, text),))


def _still_runs(record: RunRecord, *, is_unsealed: bool) -> bool:
    """Or has ended just now, and is about to be sealed."""
    return record.status is RunStatus.RUNNING or (is_unsealed and not record.is_silent(utc_now()))


def _remains(archive: Archive, place: str, names: set[str]) -> Iterator[Fault]:
    if names and (left := list(archive.store.names(place))):
        text = f"it was removed, but for {len(left)} of its files; runbook runs prune --apply ends that"
        yield Fault(FaultKind.HALF_REMOVED, place, text)


def _of_file(archive: Archive, place: str, name: str, sealed: Entry) -> Iterator[Fault]:
    expected = sealed.files.get(name)
    if expected is None:
        yield Fault(FaultKind.UNEXPECTED, place, f"{name} was not there when it was sealed")
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
            told = size if len(content) != expected.size else "other content of the same size"
            yield Fault(FaultKind.ALTERED, place, f"{name} was altered: {told}")


def _names_by_place(archive: Archive, folder: str) -> defaultdict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name in archive.store.names(folder):
        parts = name.split("/", maxsplit=3)
        if len(parts) > 3 and RUN_ID.fullmatch(parts[2]) and not name.startswith("_"):
            found["/".join(parts[:3])].add(parts[3])
    return found
