"""Emulates how Cloud Run handles an update of a service."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import grpc
from google.cloud.run_v2 import types as run

LATEST = run.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST


class Refused(Exception):
    """The request is refused."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def etag_of(message: Any) -> str:
    """Return an etag that depends on the content."""
    plain = type(message).pb(message) if hasattr(type(message), "pb") else message
    copy = type(plain)()
    copy.CopyFrom(plain)
    copy.ClearField("etag")
    return sha256(copy.SerializeToString(deterministic=True)).hexdigest()[:16]


def updated(services: Mapping[str, run.Service], revisions: list[run.Revision], request: Any) -> run.Service:
    """Return the service after the update; a changed template adds a revision to the list.

    Raises:
        Refused: Cloud Run would refuse the update.
    """
    wanted = request.service
    if wanted.name not in services:
        raise Refused(grpc.StatusCode.NOT_FOUND, f"Resource '{wanted.name}' was not found")
    service = run.Service(services[wanted.name])
    if wanted.etag and wanted.etag != etag_of(service):
        raise Refused(grpc.StatusCode.ABORTED, f"Conflict for resource '{wanted.name}': version was specified")
    match list(request.update_mask.paths):
        case ["traffic"]:
            _route(service, revisions, wanted)
        case ["template"]:
            _deploy(service, revisions, wanted)
        case paths:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"not supported here: {paths}")
    _settle(service)
    return service


def _route(service: run.Service, revisions: list[run.Revision], wanted: run.Service) -> None:
    known = {revision.name.rpartition("/")[2] for revision in revisions}
    named = {target.revision for target in wanted.traffic if target.type_ != LATEST}
    if not named <= known or sum(target.percent for target in wanted.traffic) != 100:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "Traffic targets are invalid")
    service.traffic = wanted.traffic


def _deploy(service: run.Service, revisions: list[run.Revision], wanted: run.Service) -> None:
    own = [revision for revision in revisions if revision.name.startswith(f"{service.name}/")]
    if wanted.template.revision in {revision.name.rpartition("/")[2] for revision in own}:
        message = f"Revision named '{wanted.template.revision}' with different configuration already exists."
        raise Refused(grpc.StatusCode.ALREADY_EXISTS, message)
    service.template = wanted.template
    name = f"{service.name}/revisions/{service.name.rpartition('/')[2]}-{len(own) + 1:05}-new"
    ready = run.Condition(type_="Ready", state=run.Condition.State.CONDITION_SUCCEEDED)
    revisions.append(
        run.Revision(
            name=name,
            create_time=datetime.now(UTC),
            service_account=wanted.template.service_account,
            containers=wanted.template.containers,
            labels=wanted.template.labels,
            conditions=[ready],
        )
    )
    service.latest_created_revision = service.latest_ready_revision = name


def _settle(service: run.Service) -> None:
    """Make the serving state equal to the requested one."""
    service.traffic_statuses = [
        run.TrafficTargetStatus(type_=target.type_, revision=target.revision, percent=target.percent, tag=target.tag)
        for target in service.traffic
    ]
