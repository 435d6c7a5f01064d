"""The port to roles and permissions in the project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

LOCK_ROLE = "roles/datastore.user"
"""The role that lets a service account take the lock in Firestore."""


@dataclass(frozen=True)
class RoleBindings:
    """The roles of one service account.

    Attributes:
        roles: Roles bound to the account itself at project level.
        unresolved_members: Groups and other members, by role, that may include the account
            but cannot be resolved.
        unseen: Where further roles may be bound that cannot be read from here; empty if nowhere.
        version: Changes with each change of any binding; opaque.
    """

    roles: frozenset[str]
    unresolved_members: Mapping[str, str] = field(default_factory=dict)
    unseen: str = ""
    version: str = ""


class Permissions(Protocol):
    """Roles and permissions in the project."""

    def roles_of(self, service_account: str) -> RoleBindings:
        """Return the project-level roles of a service account."""
        ...

    def grant(self, service_account: str, role: str, *, version: str) -> None:
        """Bind the role to the account in the project, without a condition.

        Args:
            service_account: The account.
            role: The role.
            version: The version of the bindings that were read.
        """
        ...

    def revoke(self, service_account: str, role: str, *, version: str) -> None:
        """Remove that binding; other bindings of the role, and conditional ones, stay.

        Args:
            service_account: The account.
            role: The role.
            version: The version of the bindings that were read.
        """
        ...
