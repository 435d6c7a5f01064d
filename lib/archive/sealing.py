"""Sealing: adds the fingerprints of a run's files to the chain once it has ended.

A killed runner cannot seal its run. The next runner finds the run below ``_unsealed/``, records it as
abandoned and seals it. If several find it at the same time, the one that creates a claim below ``_closing/``
does so; another takes over only when that claim has become old.

Every call raises `lib.errors.Unavailable` if the archive cannot be read or written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lib.archive.archive import RECORD, UNSEALED, Archive, DamagedRun, Run
from lib.archive.chain import Chain, Event, Fingerprint
from lib.archive.record import utc_now
from lib.archive.store import Store, Unreadable

_CLOSING = "_closing"
_CLOSED_WITHIN = timedelta(minutes=10)


def seal(archive: Archive, place: str, event: Event = Event.SEALED) -> bool:
    """Add the files of a run that has ended to the chain.

    Returns:
        False if the run's record was removed meanwhile or is not a file.

    Raises:
        Unavailable: The archive cannot be read or written; the run stays unsealed.
    """
    files = fingerprints(archive.store, place)
    if RECORD in files:
        archive.store.sync(place)  # first, so that after a power loss the chain has no files that are lost
        Chain(archive.store).append(event, place, files)
    forget_unsealed(archive.store, place)
    return RECORD in files


def forget_unsealed(store: Store, place: str) -> None:
    """Delete the marks of a run that is sealed or removed."""
    # In this order, so that a process that still claims the run sees that nothing is left to do.
    store.delete(f"{UNSEALED}/{place}")
    for claim in store.children(f"{_CLOSING}/{place}"):
        store.delete(f"{_CLOSING}/{place}/{claim}")


def lost_runs(archive: Archive, environment: str) -> Iterator[Run]:
    """Yield the environment's unsealed runs whose runner is gone, for the caller to archive and seal."""
    now = utc_now()
    for place in unsealed_places(archive.store, environment):
        run = archive.read(place)
        if isinstance(run, DamagedRun) or not run.record.is_silent(now):
            continue
        if not _is_claimed(archive.store, place, now):
            continue
        record = run.record
        if Chain(archive.store).knows(place, record.started_at):  # its runner was killed right after sealing it
            forget_unsealed(archive.store, place)
            continue
        yield run if record.finished_at else Run(place, replace(record, finished_at=record.heartbeat_at))


def _is_claimed(store: Store, place: str, now: datetime) -> bool:
    """Claim a run that has to be closed; return False if another process has claimed it."""
    folder = f"{_CLOSING}/{place}"
    last = max(map(int, filter(str.isdecimal, store.children(folder))), default=0)
    try:
        if last and abs(now - _moment(store.read(f"{folder}/{last}"))) < _CLOSED_WITHIN:  # a clock may be ahead
            return False
        if not store.create(f"{folder}/{last + 1}", now.isoformat().encode()):
            return False
        store.read(f"{UNSEALED}/{place}")
    except FileNotFoundError:  # another process has closed it meanwhile
        forget_unsealed(store, place)
        return False
    return True


def _moment(claim: bytes) -> datetime:
    """Return when a run was claimed (UTC); a time long ago if the claim cannot be read."""
    with suppress(ValueError, TypeError):
        return datetime.fromisoformat(claim.decode()).astimezone(UTC)
    return datetime.min.replace(tzinfo=UTC)


def unsealed_places(store: Store, environment: str = "") -> list[str]:
    """Return the places of all unsealed runs."""
    names = store.names(f"{UNSEALED}/{environment}" if environment else UNSEALED)
    return sorted(name.removeprefix(f"{UNSEALED}/") for name in names)


def fingerprints(store: Store, place: str) -> dict[str, Fingerprint]:
    """Return the fingerprints of the run's files by name in its folder, without pipes and the like."""
    found = {}
    for name in sorted(store.names(place)):
        with suppress(Unreadable):
            found[name.removeprefix(f"{place}/")] = Fingerprint.of(store.read(name))
    return found
