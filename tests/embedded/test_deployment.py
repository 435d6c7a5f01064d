"""Changes of the embedded platform's deployment conform to the ports, also across processes."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lib.embedded.deployment import Deployment, Revision
from lib.embedded.services import LocalPermissions, LocalServices
from lib.errors import ChangedMeanwhile, SourceUnavailable
from lib.ports.permissions import Permissions
from lib.ports.services import LATEST, Services
from tests.ports.permissions_suite import ACCOUNT, VIEWER, PermissionsSuite
from tests.ports.services_suite import LABELS, NEW, OLD, SERVICE, ServicesSuite

SERVICES = (SERVICE, "another")


class TestLocalServices(ServicesSuite):
    """The conformance suite on a fresh state folder."""

    @pytest.fixture
    def services(self, tmp_path: Path) -> Services:
        deployment = Deployment()
        moments = (datetime(2026, 1, day, tzinfo=UTC) for day in (17, 10))
        new, old = map(Revision, (NEW, OLD), moments)
        deployed = replace(
            deployment.service(SERVICE),
            revisions=(replace(new, labels=LABELS), old),
            traffic={LATEST: 100},
            labels=LABELS,
        )
        deployment.with_service(SERVICE, deployed).save(tmp_path)
        return LocalServices(tmp_path, SERVICES)


class TestLocalPermissions(PermissionsSuite):
    """The conformance suite on a fresh state folder."""

    @pytest.fixture
    def permissions(self, tmp_path: Path) -> Permissions:
        Deployment().with_roles(ACCOUNT, [VIEWER]).save(tmp_path)
        return LocalPermissions(tmp_path, SERVICES)


def test_only_one_of_several_concurrent_changes_is_made(tmp_path: Path) -> None:
    version = LocalServices(tmp_path, SERVICES).describe(SERVICE).version

    def change(number: int) -> bool:
        try:
            LocalServices(tmp_path, SERVICES).set_variable(SERVICE, "N", str(number), version=version)
        except ChangedMeanwhile:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(change, range(16))) == 1
    assert len(LocalServices(tmp_path, SERVICES).describe(SERVICE).revisions) == 2


def test_a_copy_of_a_revision_that_does_not_start_does_not_start_either(tmp_path: Path) -> None:
    broken = Revision(f"{SERVICE}-00050-bad", is_ready=False, reason="No module named lock")
    Deployment().with_revision(SERVICE, broken, traffic_percent=0).save(tmp_path)
    services = LocalServices(tmp_path, SERVICES)
    with pytest.raises(SourceUnavailable, match="No module named lock"):
        services.set_variable(SERVICE, "N", "1", version=services.describe(SERVICE).version)
    assert services.variable(SERVICE, "N") is None
