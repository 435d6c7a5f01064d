"""Is the lock deployed, allowed and alive? Deployment steps 1 and 3."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from lib.errors import CouldNotLook
from lib.operations.deployment.health import judge_health
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.ports.permissions import LOCK_ROLE, RoleBindings
from lib.ports.services import ServiceStatus
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, section
from lib.words.dates import local_time
from lib.words.quantities import Value, percent, seconds, spoken_seconds

FIRESTORE_ACCESS = Question(
    "firestore_access",
    "Firestore access",
    affects="consolidations by that account: they cannot take the lock",
    can_wait="until the next batch",
)
REVISIONS = Question(
    "revisions",
    "Revisions and traffic",
    affects="requests to the service: an old revision answers some or all of them",
    can_wait="as long as the old revision may serve traffic",
)
DEPLOYED_TOGETHER = Question(
    "deployed_together",
    "Both services deployed",
    affects="requests to the older service: it may lack what the newer one needs",
    can_wait="until the next batch",
)
HEALTH = Question(
    "health",
    "Health",
    affects="requests to the service",
    can_wait="until the next batch needs it",
)
# Any of these lets an account read and write Firestore documents.
_SUFFICIENT_ROLES = frozenset({LOCK_ROLE, "roles/datastore.owner", "roles/editor", "roles/owner"})
_DEPLOYED_TOGETHER = timedelta(hours=24)


@section(FIRESTORE_ACCESS)
def firestore_access(scope: Scope) -> Section:
    """Check whether each service's account may use the lock's store."""
    platform = scope.platform
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
    evidence: dict[str, Value] = {"service account": account, "roles": sorted(bindings.roles)}
    question = _access_question(platform, services).on(evidence, [platform.commands.list_roles(account)])
    held = sorted(bindings.roles & _SUFFICIENT_ROLES)
    through = {role: member for role, member in bindings.unresolved_members.items() if role in _SUFFICIENT_ROLES}
    if held:
        return question.passes(f"the account has {held[0]}")
    if through:
        role, member = next(iter(through.items()))
        summary = f"{member} has {role}; unknown whether the account is one of its members"
        return question.unknown(summary, f"Check whether {account} is a member of {member}; if not, add the role.")
    if custom := sorted(role for role in bindings.roles if not role.startswith("roles/")):
        summary = f"the account has the custom role {custom[0]}; unknown whether it allows Firestore documents"
        command = platform.commands.describe_role(custom[0])
        return question.unknown(summary, f"Check whether it includes datastore.entities.*: {command}")
    addition = _addition(platform, account)
    if bindings.unseen:
        summary = f"{account} lacks {LOCK_ROLE} in the project; roles from {bindings.unseen} cannot be seen"
        return question.unknown(summary, f"Unless it has the role from there, add it: {addition}")
    return question.fails(f"{account} lacks {LOCK_ROLE}: no lock can be taken", f"Add the role: {addition}")


def _access_question(platform: Platform, services: list[str]) -> Question:
    """One question for both services if they run as one account."""
    roles = map(platform.environment.services.role_of, services)
    own = FIRESTORE_ACCESS if len(services) > 1 else replace(FIRESTORE_ACCESS, id=f"firestore_access_{next(roles)}")
    return own.named(f"Firestore access of {' and '.join(services)}")


def _addition(platform: Platform, account: str) -> str:
    plan = platform.commands.run("deploy_verify", {"role_binding": "add", "account": account})
    by_hand = platform.commands.add_role(account)
    return f"{plan} shows the plan; or by hand: {by_hand}" if by_hand else plan


@section(REVISIONS)
def revisions(scope: Scope) -> Section:
    """Check which revision of each service was deployed, started and serves, and whether both were deployed."""
    platform = scope.platform
    services = [platform.services.describe(name) for name in platform.environment.services.both]
    zone = platform.environment.timezone
    rows = [
        (
            service.name,
            service.latest_created_revision,
            {True: "ready", False: "not ready", None: "unknown"}[service.is_ready],
            ", ".join(f"{share.revision} {share.percent}%" for share in service.traffic) or "none",
            local_time(service.deployed_at, zone),
        )
        for service in services
    ]
    columns = ("Service", "Deployed last", "State", "Serves", "Deployed at")
    checks = [_serving_check(platform, service) for service in services]
    return Section((*checks, _together_check(platform, services)), (Table("Revisions", columns, rows),))


def _serving_check(platform: Platform, service: ServiceStatus) -> Check:
    newest = service.latest_created_revision
    served_percent = sum(share.percent for share in service.traffic if share.revision == newest)
    evidence: dict[str, Value] = {
        "deployed last": newest,
        "ready": service.latest_ready_revision,
        "reason": service.reason or "none given",
        "serves": [share.revision for share in service.traffic],
        "traffic to the last deployed": percent(served_percent),
    }
    role, send = platform.environment.services.role_of(service.name), platform.commands.send_all_traffic
    question = replace(REVISIONS, id=f"revision_{role}", name=f"Revision of {service.name}")
    question = question.on(evidence, [platform.commands.describe_service(service.name)])
    if service.is_ready is False:
        back = send(service.name, service.latest_ready_revision or "REVISION")
        summary = f"{newest} is not ready: {service.reason or 'no reason given'}"
        step = f"Fix the image and deploy again, or go back: {back}"
        return question.fails(summary, step, since=service.deployed_at)
    if service.is_ready is None:
        summary = f"the platform does not report whether {newest} is ready"
        return question.unknown(summary, "Check again in a minute.")
    if served_percent == 0:
        summary = f"{newest} is ready but gets no traffic: an old revision serves"
        step = f"Send it all traffic: {send(service.name, newest)}"
        return question.fails(summary, step, since=service.deployed_at)
    if served_percent < 100:
        summary = f"{newest} gets {served_percent}% of the traffic, old revisions the rest"
        step = f"Send it all traffic: {send(service.name, newest)}"
        return question.warns(summary, step, since=service.deployed_at)
    return question.passes(f"{newest} is ready and serves all traffic")


def _together_check(platform: Platform, services: list[ServiceStatus]) -> Check:
    timezone = platform.environment.timezone
    evidence: dict[str, Value] = {service.name: local_time(service.deployed_at, timezone) for service in services}
    known = sorted((service.deployed_at, service.name) for service in services if service.deployed_at is not None)
    if len(known) < len(services):
        commands = [platform.commands.describe_service(service.name) for service in services]
        step = "Check when each was deployed (commands below)."
        return DEPLOYED_TOGETHER.on(evidence, commands).unknown("their deployment times are unknown", step)
    apart = known[-1][0] - known[0][0]
    spoken = spoken_seconds(apart.total_seconds())
    question = DEPLOYED_TOGETHER.on({**evidence, "apart": seconds(apart.total_seconds())})
    if apart <= _DEPLOYED_TOGETHER:
        return question.passes(f"deployed within {spoken} of each other")
    older, newer = known[0][1], known[-1][1]
    step = f"If {older} needs the lock too, deploy it now: until then it may run without it."
    return question.warns(f"only {newer} was deployed: {older} is {spoken} older", step, since=known[-1][0])


@section(HEALTH)
def health(scope: Scope, service: str) -> Section:
    """Judge the answers of the service's health and deep health endpoints."""
    platform = scope.platform
    role = platform.environment.services.role_of(service)
    try:
        url = platform.services.describe(service).url
    except CouldNotLook as error:  # one answer for each service
        return Section((replace(HEALTH, id=f"health_{role}").could_not_look(error),))
    checks, exhibits = [], []
    for path, kind, word in (("/health", "health", "Health"), ("/health/deep", "deep_health", "Deep health")):
        response = platform.services.health(service, path)
        judgement, code = judge_health(response), response.status_code
        evidence: dict[str, Value] = {
            "status": f"HTTP {code}" if code is not None else "no answer",
            "answered in": seconds(response.duration_ms / 1000),
        }
        commands = [platform.commands.ask_health(f"{url}{path}", with_token=code in (401, 403))]
        question = replace(HEALTH, id=f"{kind}_{role}", name=f"{word} of {service}").on(evidence, commands)
        checks.append(question.answer(judgement.verdict, judgement.summary, judgement.next_step))
        if judgement.parts:
            rows = [(part.name, part.status, part.detail) for part in judgement.parts]
            exhibits.append(Table(f"Deep health of {service}", ("Check", "Status", "Detail"), rows))
    return Section(tuple(checks), tuple(exhibits))
