"""Marks in a picture for what people did in its period: deployments, repairs and releases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial

from lib.consolidation.upkeep.audit import AuditTrail
from lib.platform import Platform
from lib.verdict.section import or_fault
from lib.verdict.timeline.data import LONGEST_NOTE, MOST_MARKS, Mark, shortened
from lib.words.text import one_line


def marks_of(
    platform: Platform, since: datetime, until: datetime, *, with_changes: bool
) -> tuple[list[Mark], list[str]]:
    """Return the newest marks of the period, oldest first, and why others could not be read.

    Args:
        platform: Where to read them.
        since: Start of the period (UTC).
        until: End of the period (UTC).
        with_changes: Also read repairs and other changes, which costs a query.
    """
    sources: dict[str, Callable[[], Iterable[Mark]]] = {
        "deployments": lambda: _deployments(platform),
        "releases": lambda: _releases(platform),
    }
    if with_changes:
        sources["changes"] = lambda: _changes(platform)
    marks: list[Mark] = []
    faults = []
    for name, read in sources.items():
        found, fault = or_fault(partial(_within, read, since, until))
        marks += found or []
        faults += [f"No {name} are marked, because they could not be read: {fault}"] if fault else []
    return sorted(marks, key=lambda mark: mark.at)[-MOST_MARKS:], [
        shortened(one_line(fault), LONGEST_NOTE) for fault in faults
    ]


def _deployments(platform: Platform) -> Iterator[Mark]:
    for service in platform.environment.services.both:
        for revision in platform.services.describe(service).revisions:
            if revision.deployed_at:
                yield _mark(revision.deployed_at, f"{revision.name} deployed")


def _releases(platform: Platform) -> Iterator[Mark]:
    for entry in platform.locks.store.audit_entries():
        yield _mark(entry.released_at, f"forced release of {entry.removed.claim.lock_key} by {entry.actor}")


def _changes(platform: Platform) -> Iterator[Mark]:
    for record in AuditTrail(platform.warehouse, platform.table).records():
        yield _mark(record.filed_at, f"{record.action} of {record.target} by {record.who}")


def _mark(at: datetime, label: str) -> Mark:
    return Mark(at, shortened(one_line(label), LONGEST_NOTE))


def _within(read: Callable[[], Iterable[Mark]], since: datetime, until: datetime) -> list[Mark]:
    return [mark for mark in read() if since <= mark.at <= until]
