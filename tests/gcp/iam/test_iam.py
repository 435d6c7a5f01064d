"""Role bindings, read from a policy as IAM sends it."""

import pytest
from google.iam.v1.policy_pb2 import Binding, Policy
from google.type.expr_pb2 import Expr

from lib.errors import SourceUnavailable
from lib.gcp.clients import GoogleClients
from lib.gcp.iam import ProjectPermissions
from lib.ports.permissions import Permissions
from tests.gcp.double import GoogleDouble
from tests.ports.permissions_suite import VIEWER, PermissionsSuite

ACCOUNT = "worker@nba-props-platform.iam.gserviceaccount.com"
USER = "roles/datastore.user"


def test_roles_are_those_bound_to_the_account_itself(google: GoogleDouble, clients: GoogleClients) -> None:
    google.policy = Policy(
        bindings=[
            Binding(role=USER, members=["user:a@example.com", f"serviceAccount:{ACCOUNT}"]),
            Binding(role="roles/run.invoker", members=[f"serviceAccount:{ACCOUNT.upper()}"]),
            Binding(role="roles/owner", members=[f"user:{ACCOUNT}", f"serviceAccount:x{ACCOUNT}"]),
            Binding(role="roles/editor", members=[f"deleted:serviceAccount:{ACCOUNT}?uid=1"]),
        ]
    )
    found = ProjectPermissions(clients).roles_of(ACCOUNT)
    assert found.roles == {USER, "roles/run.invoker"}
    assert found.unresolved_members == {}


def test_groups_and_conditions_do_not_count_as_a_role(google: GoogleDouble, clients: GoogleClients) -> None:
    members = [f"serviceAccount:{ACCOUNT}", "group:ops@example.com"]
    google.policy = Policy(
        bindings=[
            Binding(role=USER, members=members, condition=Expr(title="until June", expression="request.time < x")),
            Binding(role="roles/viewer", members=["group:ops@example.com", "user:b@example.com"]),
            Binding(role="roles/viewer", members=["group:dev@example.com"]),
        ]
    )
    found = ProjectPermissions(clients).roles_of(ACCOUNT)
    assert found.roles == frozenset()
    assert found.unresolved_members == {
        USER: f"serviceAccount:{ACCOUNT} (if until June), group:ops@example.com (if until June)",
        "roles/viewer": "group:ops@example.com, group:dev@example.com",
    }


def test_a_service_without_its_own_account_is_not_judged(google: GoogleDouble, clients: GoogleClients) -> None:
    with pytest.raises(SourceUnavailable, match="the project's default account"):
        ProjectPermissions(clients).roles_of("")
    assert not google.calls


class TestProjectPermissions(PermissionsSuite):
    """The conformance suite on the double."""

    @pytest.fixture
    def permissions(self, google: GoogleDouble, clients: GoogleClients) -> Permissions:
        google.policy = Policy(bindings=[Binding(role=VIEWER, members=[f"serviceAccount:{ACCOUNT}"])])
        return ProjectPermissions(clients)


def test_a_grant_keeps_every_other_binding(google: GoogleDouble, clients: GoogleClients) -> None:
    limited = Binding(role=USER, members=["user:a@example.com"], condition=Expr(title="until June", expression="x"))
    others = [limited, Binding(role="roles/owner", members=["user:b@example.com"])]
    google.policy = Policy(version=3, bindings=others)
    permissions = ProjectPermissions(clients)
    permissions.grant(ACCOUNT, USER, version=permissions.roles_of(ACCOUNT).version)
    granted = Binding(role=USER, members=[f"serviceAccount:{ACCOUNT}"])
    assert list(google.policy.bindings) == [*others, granted]
    permissions.revoke(ACCOUNT, USER, version=permissions.roles_of(ACCOUNT).version)
    assert list(google.policy.bindings) == others


def test_roles_from_above_the_project_are_reported_as_unseen(google: GoogleDouble, clients: GoogleClients) -> None:
    assert "organization" in ProjectPermissions(clients).roles_of(ACCOUNT).unseen
