"""The project's IAM policy. Needs `roles/iam.securityReviewer` (or `roles/browser`).

Only what is bound in the project is seen: a role that comes from the folder or the
organization above it is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lib.gcp.clients import GoogleClients
from lib.gcp.errors import RESOURCE_MANAGER
from lib.operations.ports import RoleBindings, SourceUnavailable

# Whose members can't be listed from here, and may include a service account.
_OPAQUE = ("group:", "principalSet:", "allUsers", "allAuthenticatedUsers")
# Older policies hide their conditions.
_POLICY_VERSION = 3


class ProjectPermissions:
    """A `Permissions` port over the policy of a project.

    Args:
        clients: Of the project.
    """

    def __init__(self, clients: GoogleClients) -> None:
        self._clients = clients

    def roles_of(self, service_account: str) -> RoleBindings:
        if "@" not in service_account:
            raise SourceUnavailable(
                f"{service_account!r:.80} is no service account; a service without one of its own runs as the "
                "project's default account: see gcloud iam service-accounts list "
                f"--project={self._clients.project_id}"
            )
        request = {
            "resource": f"projects/{self._clients.project_id}",
            "options": {"requested_policy_version": _POLICY_VERSION},
        }
        with self._clients.errors(RESOURCE_MANAGER):
            policy = self._clients.projects.get_iam_policy(request, **self._clients.reading)
        return _bindings_of(f"serviceAccount:{service_account}", policy.bindings)


def _bindings_of(account: str, bindings: Iterable[Any]) -> RoleBindings:
    roles: set[str] = set()
    unresolved: dict[str, list[str]] = {}
    for binding in bindings:
        is_named = account.casefold() in (member.casefold() for member in binding.members)
        opaque = [member for member in binding.members if member.startswith(_OPAQUE)]
        if binding.HasField("condition"):
            # Whether a condition holds depends on the request.
            named = [account] if is_named else []
            opaque = [f"{member} (if {_spoken(binding.condition)})" for member in (*named, *opaque)]
        elif is_named:
            roles.add(binding.role)
        if opaque:
            unresolved.setdefault(binding.role, []).extend(opaque)
    return RoleBindings(frozenset(roles), {role: ", ".join(members) for role, members in unresolved.items()})


def _spoken(condition: Any) -> str:
    return str(condition.title or condition.expression)
