"""The conformance suite of changes through the `Permissions` port, for every adapter.

An adapter's test file subclasses `PermissionsSuite`, with `VIEWER` granted to `ACCOUNT`.
"""

from __future__ import annotations

import abc

import pytest

from lib.errors import ChangedMeanwhile
from lib.ports.permissions import Permissions

ACCOUNT = "worker@nba-props-platform.iam.gserviceaccount.com"
ANOTHER = f"another-{ACCOUNT}"
VIEWER, USER = "roles/viewer", "roles/datastore.user"


class PermissionsSuite(abc.ABC):
    """One binding is changed at a time, and only in the policy that was read."""

    @pytest.fixture
    @abc.abstractmethod
    def permissions(self) -> Permissions:
        """Permissions of a project in which `ACCOUNT` has `VIEWER`."""

    def test_a_role_is_granted_and_revoked(self, permissions: Permissions) -> None:
        before = permissions.roles_of(ACCOUNT)
        permissions.grant(ACCOUNT, USER, version=before.version)
        granted = permissions.roles_of(ACCOUNT)
        assert granted.roles == {VIEWER, USER}
        assert permissions.roles_of(ANOTHER).roles == frozenset()
        permissions.revoke(ACCOUNT, USER, version=granted.version)
        assert permissions.roles_of(ACCOUNT).roles == before.roles

    def test_others_of_the_role_keep_it(self, permissions: Permissions) -> None:
        for account in (ACCOUNT, ANOTHER):
            permissions.grant(account, USER, version=permissions.roles_of(account).version)
        permissions.revoke(ACCOUNT, USER, version=permissions.roles_of(ACCOUNT).version)
        assert permissions.roles_of(ANOTHER).roles == {USER}
        assert permissions.roles_of(ACCOUNT).roles == {VIEWER}

    def test_a_role_that_is_held_is_granted_once(self, permissions: Permissions) -> None:
        permissions.grant(ACCOUNT, VIEWER, version=permissions.roles_of(ACCOUNT).version)
        permissions.revoke(ACCOUNT, VIEWER, version=permissions.roles_of(ACCOUNT).version)
        assert permissions.roles_of(ACCOUNT).roles == frozenset()

    def test_roles_that_were_changed_since_are_not_changed(self, permissions: Permissions) -> None:
        seen = permissions.roles_of(ACCOUNT)
        permissions.grant(ANOTHER, USER, version=seen.version)
        with pytest.raises(ChangedMeanwhile):
            permissions.grant(ACCOUNT, USER, version=seen.version)
        with pytest.raises(ChangedMeanwhile):
            permissions.revoke(ACCOUNT, VIEWER, version=seen.version)
        assert permissions.roles_of(ACCOUNT).roles == {VIEWER}
