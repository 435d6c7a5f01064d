"""Roles of service accounts on the embedded platform, from ``deployment.json``."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from lib.embedded.deployment import Deployment
from lib.errors import ChangedMeanwhile
from lib.ports.permissions import RoleBindings


class LocalPermissions:
    """A `Permissions` port over the state folder."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def roles_of(self, service_account: str) -> RoleBindings:
        deployment = Deployment.load(self._home)
        return RoleBindings(
            frozenset(deployment.roles.get(service_account, ())),
            dict(deployment.unresolved_members),
            version=_version(deployment),
        )

    def grant(self, service_account: str, role: str, *, version: str) -> None:
        self._bind(service_account, role, version, bound=True)

    def revoke(self, service_account: str, role: str, *, version: str) -> None:
        self._bind(service_account, role, version, bound=False)

    def _bind(self, service_account: str, role: str, version: str, *, bound: bool) -> None:
        def change(deployment: Deployment) -> Deployment:
            if _version(deployment) != version:
                raise ChangedMeanwhile("the roles were changed since they were looked at; nothing was changed")
            others = [known for known in deployment.roles.get(service_account, ()) if known != role]
            return deployment.with_roles(service_account, [*others, role] if bound else others)

        Deployment.change(self._home, change)


def _version(deployment: Deployment) -> str:
    told = repr((sorted(deployment.roles.items()), sorted(deployment.unresolved_members.items())))
    return sha256(told.encode()).hexdigest()[:16]
