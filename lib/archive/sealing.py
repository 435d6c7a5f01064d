"""Sealing: once a run has ended, the chain holds what its files are.

A runner that was killed cannot do so; whoever runs next finds its run below ``_unsealed/``, puts
it on record as abandoned and seals it in its place. Of several that find it at once, one does:
whoever creates its claim below ``_closing/``; another only when that one has not for long.

An archive that cannot be read or written is `lib.errors.Unavailable`, in every call.
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
    """Put the files of a run that has ended on the chain.

    Returns:
        Whether they are; not when its record was removed meanwhile, or is not a file.

    Raises:
        Unavailable: The archive cannot be read or written; it stays unsealed.
    """
    files = fingerprints(archive.store, place)
    if RECORD in files:
        archive.store.sync(place)  # first: after a power loss the chain must not know what is not there
        Chain(archive.store).append(event, place, files)
    forget_unsealed(archive.store, place)
    return RECORD in files


def forget_unsealed(store: Store, place: str) -> None:
    """Of a run that is on the chain, or gone: there is nothing left to do."""
    # In this order: whoever still claims it then sees that there is nothing left.
    store.delete(f"{UNSEALED}/{place}")
    for claim in store.children(f"{_CLOSING}/{place}"):
        store.delete(f"{_CLOSING}/{place}/{claim}")


def lost_runs(archive: Archive, environment: str) -> Iterator[Run]:
    """The environment's unsealed runs whose runner is gone, for the caller to archive as they are told, and to seal."""
    now = utc_now()
    for place in unsealed_places(archive.store, environment):
        run = archive.read(place)
        if isinstance(run, DamagedRun) or not run.record.is_silent(now):
            continue
        if not _is_claimed(archive.store, place, now):
            continue
        record = run.record
        if Chain(archive.store).knows(place, record.started_at):  # its runner was killed right after it had sealed it
            forget_unsealed(archive.store, place)
            continue
        yield run if record.finished_at else Run(place, replace(record, finished_at=record.heartbeat_at))


def _is_claimed(store: Store, place: str, now: datetime) -> bool:
    """Whether it is for the caller to close this run."""
    folder = f"{_CLOSING}/{place}"
    last = max(map(int, filter(str.isdecimal, store.children(folder))), default=0)
    try:
        if last and abs(now - _moment(store.read(f"{folder}/{last}"))) < _CLOSED_WITHIN:  # a clock may be ahead
            return False
        if not store.create(f"{folder}/{last + 1}", now.isoformat().encode()):
            return False
        store.read(f"{UNSEALED}/{place}")
    except FileNotFoundError:  # it was closed meanwhile
        forget_unsealed(store, place)
        return False
    return True


def _moment(claim: bytes) -> datetime:
    """When it was claimed (UTC); long ago when that cannot be read."""
    with suppress(ValueError, TypeError):
        return datetime.fromisoformat(claim.decode()).astimezone(UTC)
    return datetime.min.replace(tzinfo=UTC)


def unsealed_places(store: Store, environment: str = "") -> list[str]:
    """Where the runs are that have not been sealed yet."""
    names = store.names(f"{UNSEALED}/{environment}" if environment else UNSEALED)
    return sorted(name.removeprefix(f"{UNSEALED}/") for name in names)


def fingerprints(store: Store, place: str) -> dict[str, Fingerprint]:
    """What the run's files are, by their names in its folder; a pipe or the like is not one of them."""
    found = {}
    for name in sorted(store.names(place)):
        with suppress(Unreadable):
            found[name.removeprefix(f"{place}/")] = Fingerprint.of(store.read(name))
    return found
