"""Sealing: once a run has ended, the chain holds what its files are.

A runner that was killed cannot do so; whoever runs next finds its run below ``_unsealed/``, puts
it on record as abandoned and seals it in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lib.archive.archive import RECORD, UNSEALED, Archive, DamagedRun, Run
from lib.archive.chain import Chain, Event, Fingerprint
from lib.archive.record import utc_now
from lib.archive.store import Store


def seal(archive: Archive, place: str, event: Event = Event.SEALED) -> None:
    """Put the files of a run that has ended on the chain.

    Raises:
        Unavailable: The archive cannot be read or written; it stays unsealed.
    """
    files = fingerprints(archive.store, place)
    if RECORD in files:  # else it was removed meanwhile
        Chain(archive.store).append(event, place, files)
    archive.store.delete(f"{UNSEALED}/{place}")


def lost_runs(archive: Archive, environment: str) -> Iterator[Run]:
    """The environment's unsealed runs whose runner is gone, their records as they are to be archived.

    Raises:
        Unavailable: The archive cannot be read.
    """
    now = utc_now()
    for place in unsealed_places(archive.store, environment):
        run = archive.read(place)
        if isinstance(run, DamagedRun) or not run.record.is_silent(now):
            continue
        record = run.record
        yield run if record.finished_at else Run(place, replace(record, finished_at=record.heartbeat_at))


def unsealed_places(store: Store, environment: str = "") -> list[str]:
    """Where the runs are that have not been sealed yet."""
    names = store.names(f"{UNSEALED}/{environment}" if environment else UNSEALED)
    return sorted(name.removeprefix(f"{UNSEALED}/") for name in names)


def fingerprints(store: Store, place: str) -> dict[str, Fingerprint]:
    """What the run's files are, by their names in its folder."""
    return {name.removeprefix(f"{place}/"): Fingerprint.of(store.read(name)) for name in sorted(store.names(place))}
