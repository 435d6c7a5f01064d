"""Rollback option B: move a service's traffic to a named revision, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lib.consolidation.upkeep.audit import ActionRecord
from lib.errors import UserError
from lib.operations.changes.action import Applied, ensure_made
from lib.operations.changes.plan import Plan
from lib.operations.fences import DANGER, Candidate, Fence, candidates
from lib.platform import Platform
from lib.ports.services import LATEST, ServiceStatus
from lib.verdict.check import Check, Question
from lib.verdict.section import Table
from lib.words.dates import local_time

ROLLBACK_OPTION = Question(
    "rollback_option",
    "Rollback option",
    affects="requests to the service: a revision other than the planned one may answer them",
    can_wait="as long as the revision that answers is acceptable",
)
FENCE_AFTER_CHANGE = Question(
    "fence_after_change",
    "Fence after this change",
    affects="concurrent consolidations of a date: only the lock keeps them apart",
    can_wait="as long as every consolidation takes the lock",
)

ACTION = "traffic"
_PERCENT = re.compile(r"[1-9][0-9]{0,2}")
_FENCE_WORDS = {
    Fence.NO: f"NO FENCE, so {DANGER}",
    Fence.UNKNOWN: f"NOT KNOWN to have the fence; without it {DANGER}",
    Fence.YES: "it has the fence",
    Fence.NOT_NEEDED: "no fence is needed there",
}


def wanted_traffic(text: str) -> dict[str, int]:
    """Return percent by target, from ``REVISION``, ``LATEST`` or ``REVISION=PERCENT,…`` as gcloud writes it.

    Raises:
        UserError: It has another form, or does not add up to 100 percent.
    """
    shares: dict[str, int] = {}
    for part in text.split(","):
        target, _, percent = part.strip().partition("=")
        share = percent or "100"
        if not target or target in shares or not _PERCENT.fullmatch(share):
            raise UserError(f"revision={text!r:.80} is not a split; write REVISION, LATEST or REVISION=60,REVISION=40")
        shares[target] = int(share)
    if sum(shares.values()) != 100:
        raise UserError(f"revision={text!r:.80} does not add up to 100 percent; nothing was changed")
    return shares


def spoken_traffic(percent_by_target: Mapping[str, int]) -> str:
    """Return the text that `wanted_traffic` reads; ``nothing`` if no revision gets traffic."""
    if list(percent_by_target.values()) == [100]:
        return next(iter(percent_by_target))
    return ",".join(f"{target}={percent}" for target, percent in sorted(percent_by_target.items())) or "nothing"


def traffic_now(platform: Platform, service: str) -> dict[str, str]:
    """Return the revisions that serve, as the record of a change keeps them."""
    return {"serves": spoken_traffic(platform.services.describe(service).routed)}


@dataclass(frozen=True)
class TrafficRouting:
    """Sends all requests of a service to these revisions, in one change."""

    platform: Platform
    service: str
    wanted: Mapping[str, int]
    keeps_own_record: bool = False

    def plan(self) -> Plan:
        """Raises `UserError` if there is no such revision, or it does not start."""
        status = self.platform.services.describe(self.service)
        chosen = self._chosen(status)
        fences = "; ".join(dict.fromkeys(_FENCE_WORDS[candidate.fence] for candidate in chosen))
        to = spoken_traffic(self.wanted)
        traffic = {"serves": spoken_traffic(status.routed)}
        back = {"service": self.service, "revision": traffic["serves"]}
        return Plan(
            question=ROLLBACK_OPTION,
            runbook="rollback",
            action=ACTION,
            act=f"Send the traffic to {to}",
            target=self.service,
            parameters={"service": self.service, "revision": to},
            summary=f"send the traffic of {self.service} to {to} ({fences})",
            state={**traffic, "deployed last": status.latest_created_revision, "version": status.version},
            undo=self.platform.commands.run("rollback", back),
            exhibits=(_costs(chosen, self.platform.environment.timezone),),
            cautions=self._cautions(chosen),
            nothing_to_do=f"{to} already serves" if status.routed == self.wanted else "",
            found=status,
        )

    def apply(self, plan: Plan, record: ActionRecord) -> Applied:
        services, version = self.platform.services, plan.found.version
        ensure_made(
            lambda: services.route_traffic(self.service, self.wanted, version=version),
            lambda: services.describe(self.service).routed == self.wanted,
        )
        serves = spoken_traffic(self.wanted)
        return Applied(f"traffic sent to {serves}", {"serves": serves})

    def verify(self, plan: Plan, applied: Applied) -> str:
        serves, wanted = traffic_now(self.platform, self.service)["serves"], spoken_traffic(self.wanted)
        return "" if serves == wanted else f"the traffic goes to {serves}, not to {wanted}"

    def _cautions(self, chosen: list[Candidate]) -> tuple[Check, ...]:
        """Empty where the fence guards against the risk of the change."""
        risky = [candidate for candidate in chosen if candidate.fence in (Fence.NO, Fence.UNKNOWN)]
        if not risky:
            return ()
        lead = min(risky, key=lambda candidate: candidate.fence is not Fence.NO)
        step = (
            "Do this only if the revision that serves now is worse. Meanwhile, run one consolidation of a date at a "
            f"time, and check for duplicates after each: {self.platform.commands.run('day1_monitoring')}"
        )
        summary = f"{lead.name}: {_FENCE_WORDS[lead.fence]}"
        return (FENCE_AFTER_CHANGE.on({"judged by": lead.basis}).warns(summary, step),)

    def _chosen(self, status: ServiceStatus) -> list[Candidate]:
        """Return the revisions that would serve."""
        known = {candidate.name: candidate for candidate in candidates(self.platform, status)}
        names = [status.latest_ready_revision if target == LATEST else target for target in self.wanted]
        if missing := [name for name in names if name not in known]:
            raise UserError(
                f"{self.service} has no revision {missing[0]!r:.80}; there are {', '.join(known)}; nothing was changed"
            )
        if dead := [name for name in names if known[name].is_ready is False]:
            raise UserError(f"{dead[0]} of {self.service} does not start; nothing was changed")
        return [known[name] for name in names]


def _costs(chosen: list[Candidate], timezone: str) -> Table:
    rows = [
        (candidate.name, local_time(candidate.deployed_at, timezone), candidate.fence, candidate.basis)
        for candidate in chosen
    ]
    note = (
        "Requests in progress finish on their revision. Whatever newer revisions fixed is broken again, and later "
        "deployments get no traffic until it goes to LATEST again."
    )
    return Table("Option B: what would serve", ("Revision", "Deployed at", "Fence", "Judged by"), rows, note)
