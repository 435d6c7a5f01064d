"""The project's IAM policy. Needs `roles/iam.securityReviewer` (or `roles/browser`).

Shows only roles bound on the project, not those inherited from its folder or organization.
Binding a role needs `roles/resourcemanager.projectIamAdmin`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lib.errors import SourceUnavailable
from lib.gcp.clients import GoogleClients
from lib.gcp.errors import POLICY_CHANGE, RESOURCE_MANAGER
from lib.ports.permissions import RoleBindings
from lib.words.brief import brief

# Kinds of members that may include a service account but cannot be listed from here.
_OPAQUE = ("group:", "principalSet:", "allUsers", "allAuthenticatedUsers")
# Older policy versions omit conditions.
_POLICY_VERSION = 3


class ProjectPermissions:
    """A `Permissions` port over the policy of a project."""

    __repr__ = brief()

    def __init__(self, clients: GoogleClients) -> None:
        self._clients = clients

    def roles_of(self, service_account: str) -> RoleBindings:
        if "@" not in service_account:
            raise SourceUnavailable(
                f"{service_account!r:.80} is not a service account; a service without its own runs as the "
                "project's default account; list them with: gcloud iam service-accounts list "
                f"--project={self._clients.project_id}"
            )
        policy = self._policy()
        return _bindings_of(_member(service_account), policy)

    def grant(self, service_account: str, role: str, *, version: str) -> None:
        policy = self._policy()
        members = _unconditional(policy, role) or policy.bindings.add(role=role).members
        if not _is_among(_member(service_account), members):
            members.append(_member(service_account))
        self._write(policy, version)

    def revoke(self, service_account: str, role: str, *, version: str) -> None:
        policy = self._policy()
        for binding in policy.bindings:
            if binding.role == role and not binding.HasField("condition"):
                kept = [member for member in binding.members if not _same(member, _member(service_account))]
                binding.members[:] = kept
        self._write(policy, version)

    def _policy(self) -> Any:
        request = {"resource": self._resource, "options": {"requested_policy_version": _POLICY_VERSION}}
        with self._clients.errors(RESOURCE_MANAGER):
            return self._clients.projects.get_iam_policy(request, **self._clients.reading)

    def _write(self, policy: Any, version: str) -> None:
        """Replace the policy that has this etag. IAM drops bindings without members."""
        if not version:
            raise SourceUnavailable("the IAM policy was not changed: it was returned without an etag; try again")
        policy.version, policy.etag = _POLICY_VERSION, bytes.fromhex(version)
        with self._clients.changing(POLICY_CHANGE):
            request = {"resource": self._resource, "policy": policy}
            self._clients.projects.set_iam_policy(request, **self._clients.writing)

    @property
    def _resource(self) -> str:
        return f"projects/{self._clients.project_id}"


def _bindings_of(account: str, policy: Any) -> RoleBindings:
    roles: set[str] = set()
    unresolved: dict[str, list[str]] = {}
    for binding in policy.bindings:
        is_named = _is_among(account, binding.members)
        opaque = [member for member in binding.members if member.startswith(_OPAQUE)]
        if binding.HasField("condition"):
            # A condition is evaluated for each request.
            named = [account] if is_named else []
            condition = binding.condition.title or binding.condition.expression
            opaque = [f"{member} (if {condition})" for member in (*named, *opaque)]
        elif is_named:
            roles.add(binding.role)
        if opaque:
            unresolved.setdefault(binding.role, []).extend(opaque)
    return RoleBindings(
        frozenset(roles),
        {role: ", ".join(members) for role, members in unresolved.items()},
        unseen="the folder or organization above the project",
        version=policy.etag.hex(),
    )


def _member(service_account: str) -> str:
    return f"serviceAccount:{service_account}"


def _is_among(member: str, members: Iterable[str]) -> bool:
    return any(_same(member, other) for other in members)


def _same(member: str, other: str) -> bool:
    return member.casefold() == other.casefold()


def _unconditional(policy: Any, role: str) -> Any:
    """Return the role's binding without a condition; None if there is none."""
    plain = (item for item in policy.bindings if item.role == role and not item.HasField("condition"))
    return next((item.members for item in plain), None)
