"""The deployment of the guide: the fix in both services, the revisions before it kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from lib.platform import Platform
from lib.ports.services import LATEST
from rehearsal.stage import embedded_warehouse

# The old ones are those that the guide rolls back to.
OLD_WORKER, NEW_WORKER = "prediction-worker-00065-jb8", "prediction-worker-00066-q4n"
OLD_COORDINATOR, NEW_COORDINATOR = "prediction-coordinator-00048-xyz", "prediction-coordinator-00049-m7d"
_ONE_WEEK = timedelta(days=7)


def deploy_fix(platform: Platform, deployed_at: datetime) -> None:
    """Both services run the fix with all traffic; the coordinator came ten minutes later."""
    from lib.embedded.deployment import Deployment, Revision

    services = platform.environment.services
    deployment = Deployment()
    for service, old, new, at in (
        (services.worker, OLD_WORKER, NEW_WORKER, deployed_at),
        (services.coordinator, OLD_COORDINATOR, NEW_COORDINATOR, deployed_at + timedelta(minutes=10)),
    ):
        fixed = replace(
            deployment.service(service),
            revisions=(Revision(new, at), Revision(old, at - _ONE_WEEK)),
            traffic={LATEST: 100},
        )
        deployment = deployment.with_service(service, fixed)
    deployment.save(embedded_warehouse(platform).path.parent)
