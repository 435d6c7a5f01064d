"""The revisions that traffic could move back to, and whether each has the fence."""

from __future__ import annotations

from collections.abc import Sequence

from lib.operations.fences import DANGER, Candidate, Fence, candidates
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.ports.services import LATEST
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, section
from lib.words.dates import local_time
from lib.words.quantities import Value, percent

ROLLBACK_REVISIONS = Question(
    "revisions",
    "Revisions",
    affects="requests to the service: an old revision answers some or all of them",
    can_wait="as long as the old revision may serve traffic",
)
FENCE = Question(
    "coordinator_fence",
    "Fence of the coordinator",
    affects="concurrent consolidations of a date: only the lock keeps them apart",
    can_wait="as long as every consolidation takes the lock",
)


@section(ROLLBACK_REVISIONS)
def rollback_revisions(scope: Scope) -> Section:
    """List the revisions of both services with their traffic, and whether they have the fence."""
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
                {True: "yes", False: "no", None: "unknown"}[candidate.is_ready],
                f"{candidate.serves}%",
                candidate.fence,
                candidate.basis,
            )
            for candidate in found
        ]
        tables.append(Table(f"Revisions of {service}, newest first", columns, rows))
    return Section((_fence_check(platform, unfenced),) if unfenced else (), tuple(tables))


def _fence_check(platform: Platform, serving: Sequence[Candidate]) -> Check:
    """A check for serving revisions without the fence. An unknown one is in the table until its next consolidation."""
    coordinator = platform.environment.services.coordinator
    forward = platform.commands.run("rollback", {"service": coordinator, "revision": LATEST})
    each = ", and in ".join(f"{candidate.name}, which serves {candidate.serves}%" for candidate in serving)
    served = sum(candidate.serves for candidate in serving)
    evidence: dict[str, Value] = {"served without the fence": percent(served), "judged by": serving[0].basis}
    step = f"Move traffic to the newest revision as soon as the cause is fixed: {forward}"
    return FENCE.on(evidence).warns(f"NO FENCE in {each}: {DANGER}", step)
