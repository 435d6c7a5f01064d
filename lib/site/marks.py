"""Events in an environment besides its runs: deploys, and changes by operators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from lib.archive.record import RunRecord
from lib.errors import UserError
from lib.verdict.check import Check
from lib.words.dates import moment_of
from lib.words.pages import in_zone

# Id of the check whose evidence has the deploy times of services, and the label of a change's record.
_DEPLOYED = "deployed_together"
_ON_RECORD = "audit record"
_DEPLOY = "deploy"
_LONGEST = 80
_MOMENT = len("2026-11-14 05:00:00")


class Mark(NamedTuple):
    """One event.

    Attributes:
        at: UTC, ISO 8601, to the second.
        label: One or two words.
        text: What happened and when, for people.
    """

    at: str
    label: str
    text: str

    @property
    def is_deploy(self) -> bool:
        return self.label == _DEPLOY


def marks_of(record: RunRecord) -> tuple[Mark, ...]:
    """Return the changes that a run made, and the deploys that it found."""
    return tuple(mark for check in record.checks for mark in _marks_of(record, check))


def _marks_of(record: RunRecord, check: Check) -> Iterator[Mark]:
    if check.id == _DEPLOYED:
        yield from _deploys(check.evidence, record.timezone)
    if _ON_RECORD in check.evidence and record.finished_at:
        when = in_zone(record.finished_at, record.timezone)
        yield Mark(
            f"{record.finished_at:%Y-%m-%dT%H:%M:%SZ}",
            check.name.lower()[:_LONGEST],
            f"{check.name[:_LONGEST]}, {when}",
        )


def _deploys(evidence: Mapping[str, object], timezone: str) -> Iterator[Mark]:
    for service, deployed_at in evidence.items():
        with suppress(UserError):  # the text is not a time
            moment = moment_of(str(deployed_at)[:_MOMENT], timezone)
            yield Mark(f"{moment:%Y-%m-%dT%H:%M:%SZ}", _DEPLOY, f"Deploy of {service[:_LONGEST]}, {deployed_at}")
