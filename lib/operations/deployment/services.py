"""Is the lock deployed, allowed and alive? Guide, deployment steps 1 and 3."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from lib.operations import by_hand
from lib.operations.deployment.health import judge_health
from lib.ports.permissions import RoleBindings
from lib.ports.services import ServiceStatus
from lib.verdict.check import Check
from lib.verdict.section import Section, section
from lib.verdict.table import Table
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from lib.words.durations import spoken_seconds

if TYPE_CHECKING:
    from lib.platform import Platform

# Any of these lets an account read and write Firestore documents.
_SUFFICIENT_ROLES = frozenset({by_hand.DATASTORE_USER, "roles/datastore.owner", "roles/editor", "roles/owner"})
_DEPLOYED_TOGETHER = timedelta(hours=24)


@section("Firestore access")
def firestore_access(platform: Platform) -> Section:
    """Whether each service's account may use the lock's store."""
    services = [platform.services.describe(name) for name in platform.environment.services.both]
    accounts: dict[str, list[str]] = {}
    for service in services:
        accounts.setdefault(service.service_account, []).append(service.name)
    bindings = {account: platform.iam.roles_of(account) for account in accounts}
    checks = [_access_check(platform, account, names, bindings[account]) for account, names in accounts.items()]
    rows = [
        (account, ", ".join(names), ", ".join(sorted(bindings[account].roles)) or "none")
        for account, names in accounts.items()
    ]
    return Section(tuple(checks), (Table("Service accounts", ("Account", "Runs", "Roles"), rows),))


def _access_check(platform: Platform, account: str, services: list[str], bindings: RoleBindings) -> Check:
    name = f"Firestore access of {' and '.join(services)}"
    held = sorted(bindings.roles & _SUFFICIENT_ROLES)
    through = {role: member for role, member in bindings.unresolved_members.items() if role in _SUFFICIENT_ROLES}
    commands = [by_hand.list_roles(platform.environment, account)]
    evidence = {"service account": account, "roles": ", ".join(sorted(bindings.roles)) or "none"}
    if held:
        return Check(name, Verdict.PASS, f"it holds {held[0]}", evidence, commands=commands)
    if through:
        role, member = next(iter(through.items()))
        summary = f"{member} holds {role}; whether the account belongs to it can't be seen from here"
        step = f"See whether {account} is a member of {member}; if not, add the role."
        return Check(name, Verdict.UNKNOWN, summary, evidence, step, commands)
    if custom := sorted(role for role in bindings.roles if not role.startswith("roles/")):
        summary = f"it holds {custom[0]}, a role of your own; whether that allows Firestore documents can't be seen"
        step = f"See whether it includes datastore.entities.*: {by_hand.describe_role(custom[0])}"
        return Check(name, Verdict.UNKNOWN, summary, evidence, step, commands)
    if bindings.unseen:
        summary = f"{account} lacks {by_hand.DATASTORE_USER} in the project; a role from {bindings.unseen} is not seen"
        step = f"Unless it has the role from there, add it: {_addition(platform, account)}"
        return Check(name, Verdict.UNKNOWN, summary, evidence, step, commands)
    return Check(
        name,
        Verdict.FAIL,
        f"{account} lacks {by_hand.DATASTORE_USER}: no lock can be taken",
        evidence,
        f"Add the role: {_addition(platform, account)}",
        commands,
    )


def _addition(platform: Platform, account: str) -> str:
    plan = by_hand.runbook("deploy_verify", platform.environment, {"role_binding": "add", "account": account})
    if platform.environment.platform == "embedded":
        return plan
    return f"{plan} shows the plan; or by hand: {by_hand.add_role(platform.environment, account)}"


@section("Revisions and traffic")
def revisions(platform: Platform) -> Section:
    """Which revision of each service was deployed, started, and serves; both together."""
    services = [platform.services.describe(name) for name in platform.environment.services.both]
    zone = platform.environment.timezone
    rows = [
        (
            service.name,
            service.latest_created_revision,
            {True: "ready", False: "not ready", None: "not told"}[service.is_ready],
            ", ".join(f"{share.revision} {share.percent}%" for share in service.traffic) or "none",
            local_time(service.deployed_at, zone),
        )
        for service in services
    ]
    columns = ("Service", "Deployed last", "State", "Serves", "Deployed at")
    checks = [_serving_check(platform, service) for service in services]
    return Section((*checks, _together_check(platform, services)), (Table("Revisions", columns, rows),))


def _serving_check(platform: Platform, service: ServiceStatus) -> Check:
    name = f"Revision of {service.name}"
    newest = service.latest_created_revision
    percent = sum(share.percent for share in service.traffic if share.revision == newest)
    evidence = {
        "deployed last": newest,
        "ready": service.latest_ready_revision,
        "reason": service.reason or "none given",
        "traffic": ", ".join(f"{share.revision}={share.percent}%" for share in service.traffic) or "none",
    }
    commands = [by_hand.describe_service(platform.environment, service.name)]
    back = by_hand.send_all_traffic(platform.environment, service.name, service.latest_ready_revision or "REVISION")
    forward = by_hand.send_all_traffic(platform.environment, service.name, newest)
    if service.is_ready is False:
        summary = f"{newest} is not ready: {service.reason or 'no reason given'}"
        return Check(
            name, Verdict.FAIL, summary, evidence, f"Fix the image and deploy again, or go back: {back}", commands
        )
    if service.is_ready is None:
        summary = f"the platform does not say whether {newest} is ready"
        return Check(name, Verdict.UNKNOWN, summary, evidence, "Look again in a minute.", commands)
    if percent == 0:
        summary = f"{newest} is ready, but gets no traffic: old code serves"
        return Check(name, Verdict.FAIL, summary, evidence, f"Send it the traffic: {forward}", commands)
    if percent < 100:
        summary = f"{newest} gets {percent}% of the traffic, old code the rest"
        return Check(name, Verdict.WARN, summary, evidence, f"Send it all traffic: {forward}", commands)
    return Check(name, Verdict.PASS, f"{newest} is ready and serves all traffic", evidence, commands=commands)


def _together_check(platform: Platform, services: list[ServiceStatus]) -> Check:
    name = "Both services deployed"
    timezone = platform.environment.timezone
    commands = [by_hand.describe_service(platform.environment, service.name) for service in services]
    moments = {service.name: service.deployed_at for service in services}
    evidence = {service: local_time(moment, timezone) for service, moment in moments.items()}
    known = sorted((moment, service) for service, moment in moments.items() if moment is not None)
    if len(known) < len(services):
        step = "See when each was deployed (commands below)."
        return Check(name, Verdict.UNKNOWN, "when they were deployed is not told", evidence, step, commands)
    apart = known[-1][0] - known[0][0]
    if apart > _DEPLOYED_TOGETHER:
        older, newer = known[0][1], known[-1][1]
        summary = f"only {newer} was deployed: {older} is {spoken_seconds(apart.total_seconds())} older"
        step = f"If {older} is to carry the lock too, deploy it now: until then it may run without."
        return Check(name, Verdict.WARN, summary, evidence, step)
    return Check(name, Verdict.PASS, f"deployed within {spoken_seconds(apart.total_seconds())} of each other", evidence)


@section("Health")
def health(platform: Platform, service: str) -> Section:
    """What the service's health and deep health endpoints answer."""
    url = platform.services.describe(service).url
    checks, exhibits = [], []
    for path, word in (("/health", "Health"), ("/health/deep", "Deep health")):
        response = platform.services.health(service, path)
        judgement = judge_health(response)
        needs_token = response.status_code in (401, 403)
        checks.append(
            Check(
                f"{word} of {service}",
                judgement.verdict,
                judgement.summary,
                {
                    "status": response.status_code if response.status_code is not None else "no answer",
                    "answered in": f"{response.duration_ms:.0f} ms",
                },
                judgement.next_step,
                [by_hand.ask_health(platform.environment, f"{url}{path}", with_token=needs_token)],
            )
        )
        if judgement.parts:
            rows = [(part.name, part.status, part.detail) for part in judgement.parts]
            exhibits.append(Table(f"Deep health of {service}", ("Check", "Status", "Detail"), rows))
    return Section(tuple(checks), tuple(exhibits))
