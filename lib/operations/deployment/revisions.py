"""The revisions that traffic could go back to, and whether each is known to have the fence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial

from lib.consolidation.ledger import count_runs
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.ports.services import LATEST, ServiceStatus
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, or_fault, section
from lib.words.dates import local_time
from lib.words.quantities import Value, percent

ROLLBACK_REVISIONS = Question("revisions", "Revisions")
FENCE = Question("coordinator_fence", "Fence of the coordinator")
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
        deployed_at: When it was deployed (UTC); None: not known.
        is_ready: Whether it started; None: not known.
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


@section(ROLLBACK_REVISIONS)
def rollback_revisions(scope: Scope) -> Section:
    """Of both services: which there are, what they serve, and which has the fence."""
    platform, zone = scope.platform, scope.platform.environment.timezone
    columns = ("Revision", "Deployed at", "Started", "Serves", "Fence", "Judged by")
    tables, unfenced = [], []
    for service in platform.environment.services.both:
        found = candidates(platform, platform.services.describe(service))
        unfenced += [candidate for candidate in found if candidate.serves and candidate.fence is Fence.NO]
        rows = [
            (
                candidate.name,
                local_time(candidate.deployed_at, zone),
                {True: "yes", False: "no", None: "not known"}[candidate.is_ready],
                f"{candidate.serves}%",
                candidate.fence,
                candidate.basis,
            )
            for candidate in found
        ]
        tables.append(Table(f"Revisions of {service}, newest first", columns, rows))
    return Section((_fence_check(platform, unfenced),) if unfenced else (), tuple(tables))


def _fence_check(platform: Platform, serving: Sequence[Candidate]) -> Check:
    """Where the fence is not known the table says so; the next consolidation will show it."""
    coordinator = platform.environment.services.coordinator
    forward = platform.commands.run("rollback", {"service": coordinator, "revision": LATEST})
    each = ", and in ".join(f"{candidate.name}, which serves {candidate.serves}%" for candidate in serving)
    served = sum(candidate.serves for candidate in serving)
    evidence: dict[str, Value] = {"served without the fence": percent(served), "judged by": serving[0].basis}
    step = f"Go forward as soon as the cause is fixed: {forward}"
    return FENCE.on(evidence).warns(f"NO FENCE in {each}: {DANGER}", step)


def candidates(platform: Platform, status: ServiceStatus) -> list[Candidate]:
    """The revisions of the service, newest first."""
    ends = [datetime.now(UTC), *(revision.deployed_at for revision in status.revisions)]
    newest_in = [(revision.deployed_at, end) for revision, end in zip(status.revisions, ends, strict=False)]
    merges = status.name == platform.environment.services.coordinator
    judged, fault = or_fault(partial(_fences, platform, newest_in)) if merges else (None, "")
    otherwise = (
        (Fence.UNKNOWN, f"could not look: {fault}") if merges else (Fence.NOT_NEEDED, "only the coordinator merges")
    )
    found = []
    for number, revision in enumerate(status.revisions):
        fence, basis = judged[number] if judged else otherwise
        served = sum(share.percent for share in status.traffic if share.revision == revision.name)
        found.append(Candidate(revision.name, revision.deployed_at, revision.is_ready, served, fence, basis))
    return found


def _fences(
    platform: Platform, newest_in: Sequence[tuple[datetime | None, datetime | None]]
) -> list[tuple[Fence, str]]:
    """Of each revision, by the time from its deployment to the next one's: what the ledger tells, and how."""
    known = [(start, end) for start, end in newest_in if start and end]
    counts = count_runs(platform.warehouse, platform.table, known)
    within = dict(zip(known, counts.within, strict=True))
    return [_fence(counts.first, start, end, within) for start, end in newest_in]


def _fence(
    first: datetime | None,
    start: datetime | None,
    end: datetime | None,
    within: Mapping[tuple[datetime, datetime], int],
) -> tuple[Fence, str]:
    if start is None or end is None or first is None:
        return (
            Fence.UNKNOWN,
            "no consolidation in the ledger" if first is None else "it is not known when it was deployed",
        )
    if while_newest := within[start, end]:
        return Fence.YES, f"consolidations in the ledger while it was the newest: {while_newest}"
    if end <= first:
        return Fence.NO, "replaced before the first consolidation in the ledger"
    return Fence.UNKNOWN, "no consolidation in the ledger while it was the newest"
