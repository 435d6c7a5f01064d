"""The revisions that traffic could go back to, and whether each is known to have the fence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from lib.consolidation.ledger import LedgerRun, ledger_runs
from lib.errors import CouldNotLook
from lib.operations import by_hand
from lib.ports.services import LATEST
from lib.verdict.check import Check
from lib.verdict.section import Section, section
from lib.verdict.table import Table
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time

if TYPE_CHECKING:
    from lib.platform import Platform
    from lib.ports.services import ServiceStatus


DANGER = "two consolidations at once can write duplicates again"


class Fence(StrEnum):
    """Whether consolidations of a revision pass the fence, which no two can pass at once."""

    YES = "yes"
    NO = "NO FENCE"
    UNKNOWN = "not known"
    NOT_NEEDED = "does not consolidate"


@dataclass(frozen=True)
class Candidate:
    """A revision of a service.

    Attributes:
        name: Its name.
        deployed_at: When it was deployed (UTC); None: not told.
        is_ready: Whether it started; None: not told.
        serves: Percent of the traffic now.
        fence: Judged by the ledger, which only fenced consolidations write: by whether
            there are any from the time in which it was the newest revision.
        basis: What that was judged by.
    """

    name: str
    deployed_at: datetime | None
    is_ready: bool | None
    serves: int
    fence: Fence
    basis: str


@section("Revisions")
def rollback_revisions(platform: Platform) -> Section:
    """Of both services: which there are, what they serve, and which has the fence."""
    zone = platform.environment.timezone
    columns = ("Revision", "Deployed at", "Started", "Serves", "Fence", "Judged by")
    tables, checks = [], []
    for service in platform.environment.services.both:
        found = candidates(platform, platform.services.describe(service))
        checks += [_fence_check(platform, candidate) for candidate in found if candidate.serves]
        rows = [
            (
                candidate.name,
                local_time(candidate.deployed_at, zone),
                {True: "yes", False: "no", None: "not told"}[candidate.is_ready],
                f"{candidate.serves}%",
                candidate.fence,
                candidate.basis,
            )
            for candidate in found
        ]
        tables.append(Table(f"Revisions of {service}, newest first", columns, rows))
    return Section(tuple(filter(None, checks)), tuple(tables))


def _fence_check(platform: Platform, serving: Candidate) -> Check | None:
    """Where it is not known the table says so; the next consolidation will tell."""
    if serving.fence is not Fence.NO:
        return None
    services = platform.environment.services
    forward = by_hand.runbook("rollback", platform.environment, {"service": services.coordinator, "revision": LATEST})
    summary = f"NO FENCE in {serving.name}, which serves {serving.serves}%: {DANGER}"
    step = f"Go forward as soon as the cause is mended: {forward}"
    return Check("Fence of the coordinator", Verdict.WARN, summary, {"judged by": serving.basis}, step)


def candidates(platform: Platform, status: ServiceStatus) -> list[Candidate]:
    """The revisions of the service, newest first."""
    ends = [datetime.now(UTC), *(revision.deployed_at for revision in status.revisions)]
    runs, fault = _ledger(platform, status)
    found = []
    for revision, end in zip(status.revisions, ends, strict=False):
        fence, basis = _fence(runs, revision.deployed_at, end) if not fault else (Fence.UNKNOWN, fault)
        if status.name != platform.environment.services.coordinator:
            fence, basis = Fence.NOT_NEEDED, "only the coordinator merges"
        served = sum(share.percent for share in status.traffic if share.revision == revision.name)
        found.append(Candidate(revision.name, revision.deployed_at, revision.is_ready, served, fence, basis))
    return found


def _ledger(platform: Platform, status: ServiceStatus) -> tuple[list[LedgerRun], str]:
    """Every run and no fault, or none and the fault."""
    if status.name != platform.environment.services.coordinator:
        return [], ""
    try:
        return ledger_runs(platform.warehouse, platform.table), ""
    except CouldNotLook as error:
        return [], f"could not look: {error}"


def _fence(runs: Sequence[LedgerRun], start: datetime | None, end: datetime | None) -> tuple[Fence, str]:
    """Judged by the runs, newest first, in the time from `start` to `end`."""
    if start is None or end is None or not runs:
        return Fence.UNKNOWN, "no consolidation in the ledger" if not runs else "when it was deployed is not told"
    while_newest = sum(start <= run.committed_at < end for run in runs)
    if while_newest:
        return Fence.YES, f"consolidations in the ledger while it was the newest: {while_newest}"
    if end <= runs[-1].committed_at:
        return Fence.NO, "replaced before the first consolidation in the ledger"
    return Fence.UNKNOWN, "no consolidation in the ledger while it was the newest"
