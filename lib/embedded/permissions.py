"""Roles of service accounts on the embedded platform, from ``deployment.json``."""

from __future__ import annotations

from pathlib import Path

from lib.embedded.deployment import Deployment
from lib.operations.ports import RoleBindings


class LocalPermissions:
    """A `Permissions` port over the state folder."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def roles_of(self, service_account: str) -> RoleBindings:
        deployment = Deployment.load(self._home)
        return RoleBindings(frozenset(deployment.roles.get(service_account, ())), dict(deployment.unresolved_members))
