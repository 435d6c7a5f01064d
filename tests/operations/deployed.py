"""A deployment to change: on the embedded platform, and the same on Google's services."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from lib.embedded.adapters import EmbeddedAdapters
from lib.embedded.deployment import Deployment, Revision
from lib.gcp.clients import GoogleClients
from lib.gcp.cloud_run import CloudRunServices
from lib.gcp.iam import ProjectPermissions
from lib.platform import Platform
from lib.ports.services import LATEST
from tests.gcp.double import GoogleDouble, serving
from tests.gcp.story import deploy

WORKER, COORDINATOR = "prediction-worker", "prediction-coordinator"
OLD, NEW = f"{COORDINATOR}-00048-xyz", f"{COORDINATOR}-00049-m7d"
OLD_DAY, NEW_DAY = datetime(2026, 1, 10, tzinfo=UTC), datetime(2026, 1, 17, tzinfo=UTC)


def with_two_revisions() -> Deployment:
    """The coordinator's fix serves as the latest revision; the previous one is kept."""
    deployment = Deployment()
    revisions = (Revision(NEW, NEW_DAY), Revision(OLD, OLD_DAY))
    coordinator = replace(deployment.service(COORDINATOR), revisions=revisions, traffic={LATEST: 100})
    return deployment.with_service(COORDINATOR, coordinator)


def having(platform: Platform, **adapters: Any) -> Platform:
    """The embedded platform with some of its adapters replaced."""
    exchanged = platform.adapters
    assert isinstance(exchanged, EmbeddedAdapters)
    vars(exchanged).update(adapters)
    return platform


@contextmanager
def on_google(platform: Platform, deployment: Deployment) -> Iterator[Platform]:
    """The platform with Google's services and permissions, in this deployment."""
    google = GoogleDouble()
    deploy(google, deployment, platform, "http://127.0.0.1:1")
    with serving(google) as address:
        clients = GoogleClients(
            platform.environment.project_id, emulator_host=address, outage_seconds=0.3, quota_seconds=1.0
        )
        services = CloudRunServices(clients, platform.environment.region)
        yield having(platform, services=services, permissions=ProjectPermissions(clients))
