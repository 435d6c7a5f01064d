"""Which revisions of the coordinator have the library's fence, by the ledger, and what that means for the table.

Only this module decides whether anything besides the lock keeps two consolidations of a date apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial

from lib.consolidation.ledger import Period, count_runs
from lib.platform import Platform
from lib.ports.services import DeployedRevision, ServiceStatus
from lib.verdict.section import or_fault
from lib.words.nouns import counted

DANGER = "two consolidations at once can write duplicates again"
_NO_LEDGER = "no consolidation is in the ledger"


class Fence(StrEnum):
    """Whether consolidations of a revision use the fence, which no two can pass at once."""

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
        fence: Whether the ledger, which only fenced consolidations write, has rows from the time
            when it was the newest revision.
        basis: The evidence for that.
    """

    name: str
    deployed_at: datetime | None
    is_ready: bool | None
    serves: int
    fence: Fence
    basis: str


@dataclass(frozen=True)
class Guard:
    """What keeps two consolidations of a date apart when the lock does not.

    Attributes:
        fence: Whether all serving revisions of the coordinator have it; one revision without it makes it NO.
        basis: The evidence for that, or why it is not known.
    """

    fence: Fence
    basis: str

    @property
    def holds(self) -> bool:
        """Whether the table is known to be guarded without the lock.

        If so, `lib.consolidation` is in use, which also reads the lock switch before each consolidation.
        """
        return self.fence is Fence.YES

    @property
    def words(self) -> str:
        """A clause such as "the coordinator has no fence: the ledger is empty"."""
        if self.holds:
            return f"the library's fence guards the table: {self.basis}"
        known = "has no fence" if self.fence is Fence.NO else "is not known to have a fence"
        return f"the coordinator {known}: {self.basis}"

    def refuses(self, writer: str) -> str:
        """Return a clause that says whether an old writer, such as "its old holder", is refused."""
        return f"the fence refuses {writer}" if self.holds else f"nothing is known to refuse {writer} ({self.words})"


def guard_of(platform: Platform) -> Guard:
    """Look up what guards the table; if that cannot be read, it is not known."""
    found, fault = or_fault(partial(_serving, platform))
    if found is None:
        return Guard(Fence.UNKNOWN, f"could not check: {fault}")
    for fence in (Fence.NO, Fence.UNKNOWN, Fence.YES):
        if of_kind := [candidate for candidate in found if candidate.fence is fence]:
            return Guard(fence, of_kind[0].basis)
    return Guard(Fence.UNKNOWN, "none of its revisions serves traffic")


def _serving(platform: Platform) -> list[Candidate]:
    status = platform.services.describe(platform.environment.services.coordinator)
    return [candidate for candidate in candidates(platform, status) if candidate.serves]


def candidates(platform: Platform, status: ServiceStatus) -> list[Candidate]:
    """Return the revisions of the service, newest first."""
    merges = status.name == platform.environment.services.coordinator
    judged, fault = or_fault(partial(_fences, platform, status.revisions)) if merges else (None, "")
    otherwise = (
        (Fence.UNKNOWN, f"could not check: {fault}") if merges else (Fence.NOT_NEEDED, "only the coordinator merges")
    )
    found = []
    for number, revision in enumerate(status.revisions):
        fence, basis = judged[number] if judged else otherwise
        served = sum(share.percent for share in status.traffic if share.revision == revision.name)
        found.append(Candidate(revision.name, revision.deployed_at, revision.is_ready, served, fence, basis))
    return found


def _fences(platform: Platform, revisions: Sequence[DeployedRevision]) -> list[tuple[Fence, str]]:
    """Judge each revision by the ledger's runs between its deployment and the next.

    On Cloud Run, a run's host begins with its revision, so a consolidation by hand proves nothing about the service.
    """
    names_revisions = platform.environment.platform == "google"
    ends = [datetime.now(UTC), *(revision.deployed_at for revision in revisions)]
    periods = [
        Period(revision.deployed_at, end, f"{revision.name}:" if names_revisions else "")
        if revision.deployed_at and end
        else None
        for revision, end in zip(revisions, ends, strict=False)
    ]
    known = [period for period in periods if period]
    counts = count_runs(platform.warehouse, platform.table, known)
    within = dict(zip(known, counts.within, strict=True))
    return [_fence(counts.first, period, within.get(period, 0) if period else 0) for period in periods]


def _fence(first: datetime | None, period: Period | None, runs: int) -> tuple[Fence, str]:
    if first is None:
        return Fence.UNKNOWN, _NO_LEDGER
    if period is None:
        return Fence.UNKNOWN, "it is not known when the revision was deployed"
    if runs:
        return Fence.YES, f"{counted(runs, 'consolidation')} in the ledger while the revision was the newest"
    if period.end <= first:
        return Fence.NO, "replaced before the first consolidation in the ledger"
    return Fence.UNKNOWN, "no consolidation in the ledger while the revision was the newest"
