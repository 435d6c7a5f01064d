"""A gRPC server that responds to the adapters' requests as Google does.

It uses the official message classes, has a state that tests set up, raises
faults on demand, and records every request. It does not authenticate, and it knows no
other parts of the APIs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc
from google.api import service_pb2  # noqa: F401 - registers the message that Service Usage embeds
from google.cloud.firestore_admin_v1 import types as firestore_admin
from google.cloud.firestore_v1 import types as firestore
from google.cloud.logging_v2 import types as logging
from google.cloud.run_v2 import types as run
from google.cloud.service_usage_v1 import types as usage
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.longrunning import operations_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from tests.gcp.logging_filter import matches
from tests.gcp.rollouts import Refused, etag_of, updated


@dataclass(frozen=True)
class Fault:
    """An error instead of a response, with Google's machine-readable reason and the project charged."""

    code: grpc.StatusCode
    message: str = "something went wrong"
    reason: str = ""
    consumer: str = ""

    def raise_in(self, context: grpc.ServicerContext) -> None:
        status = status_pb2.Status(code=self.code.value[0], message=self.message)
        if self.reason:
            detail = AnyMessage()
            metadata = {"consumer": self.consumer} if self.consumer else {}
            info = error_details_pb2.ErrorInfo(reason=self.reason, domain="googleapis.com", metadata=metadata)
            detail.Pack(info)
            status.details.append(detail)
        context.abort_with_status(rpc_status.to_status(status))


@dataclass
class GoogleDouble:
    """The state of a project.

    Attributes:
        log: Stored log entries, in any order.
        empty_pages: Number of empty pages with a token before the first page with entries.
        services: Services by full name.
        revisions: Revisions of all services; the name of each contains its service.
        policy: The project's IAM policy.
        permissions: The caller's permissions in the project.
        enabled_apis: Names such as ``run.googleapis.com``.
        database: The Firestore database, if there is one.
        documents: Documents of each collection, all returned for every query; the name of each contains its id.
        ttl_fields: Fields of ``consolidation_locks`` that have a TTL policy.
        faults: Errors for the next calls of each RPC, in order; with `lasting`, the last one is permanent.
        calls: Number of calls of each RPC.
    """

    log: list[logging.LogEntry] = field(default_factory=list)
    empty_pages: int = 0
    services: dict[str, run.Service] = field(default_factory=dict)
    revisions: list[run.Revision] = field(default_factory=list)
    policy: policy_pb2.Policy = field(default_factory=policy_pb2.Policy)
    permissions: set[str] = field(default_factory=set)
    enabled_apis: set[str] = field(default_factory=set)
    database: firestore_admin.Database | None = None
    documents: dict[str, list[firestore.Document]] = field(default_factory=dict)
    ttl_fields: list[firestore_admin.Field] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    lasting: dict[str, Fault] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    requests: list[Any] = field(default_factory=list)

    def list_log_entries(self, request: Any, _: grpc.ServicerContext) -> Any:
        found = [entry for entry in self.log if matches(request.filter, logging.LogEntry.pb(entry))]
        found.sort(key=lambda entry: entry.timestamp, reverse=request.order_by == "timestamp desc")
        start = int(request.page_token or 0)
        if self.calls["ListLogEntries"] <= self.empty_pages:
            return logging.ListLogEntriesResponse(next_page_token=str(start))
        end = start + (request.page_size or 50)
        token = str(end) if end < len(found) else ""
        return logging.ListLogEntriesResponse(entries=found[start:end], next_page_token=token)

    def get_service(self, request: Any, context: grpc.ServicerContext) -> Any:
        if request.name not in self.services:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Resource '{request.name}' was not found")
        found = run.Service(self.services[request.name])
        found.etag = etag_of(found)
        return found

    def update_service(self, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            service = updated(self.services, self.revisions, request)
        except Refused as error:
            context.abort(error.code, str(error))
        self.services[service.name] = service
        operation = operations_pb2.Operation(name="operations/rollout", done=True)
        operation.response.Pack(run.Service.pb(service))
        return operation

    def list_revisions(self, request: Any, _: grpc.ServicerContext) -> Any:
        found = [revision for revision in self.revisions if revision.name.startswith(f"{request.parent}/")]
        start = int(request.page_token or 0)
        token = str(start + 2) if start + 2 < len(found) else ""
        return run.ListRevisionsResponse(revisions=found[start : start + 2], next_page_token=token)

    def get_iam_policy(self, request: Any, _: grpc.ServicerContext) -> Any:
        shown = policy_pb2.Policy()
        shown.CopyFrom(self.policy)
        if request.options.requested_policy_version < 3:
            for binding in shown.bindings:
                binding.ClearField("condition")
        shown.etag = etag_of(self.policy).encode()
        return shown

    def set_iam_policy(self, request: Any, context: grpc.ServicerContext) -> Any:
        if request.policy.etag and request.policy.etag != etag_of(self.policy).encode():
            context.abort(grpc.StatusCode.ABORTED, "There were concurrent policy changes.")
        kept = [binding for binding in request.policy.bindings if binding.members]
        self.policy = policy_pb2.Policy(version=request.policy.version, bindings=kept)
        return self.policy

    def tested_permissions(self, request: Any, _: grpc.ServicerContext) -> Any:
        held = [permission for permission in request.permissions if permission in self.permissions]
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=held)

    def batch_get_services(self, request: Any, _: grpc.ServicerContext) -> Any:
        states = {True: usage.State.ENABLED, False: usage.State.DISABLED}
        listed = [
            usage.Service(name=name, state=states[name.rpartition("/")[2] in self.enabled_apis])
            for name in request.names
        ]
        return usage.BatchGetServicesResponse(services=listed)

    def get_database(self, request: Any, context: grpc.ServicerContext) -> Any:
        if self.database is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"{request.name} does not exist")
        return self.database

    def list_fields(self, request: Any, context: grpc.ServicerContext) -> Any:
        if request.filter != "ttlConfig:*" or not request.parent.endswith("/collectionGroups/consolidation_locks"):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not supported here")
        return firestore_admin.ListFieldsResponse(fields=self.ttl_fields)

    def run_query(self, request: Any, _: grpc.ServicerContext) -> Iterator[Any]:
        collection = request.structured_query.from_[0].collection_id
        for document in self.documents.get(collection, ()):
            name = f"{request.parent}/{collection}/{document.name}"
            found = firestore.Document(document, name=name, create_time=datetime.now(UTC))
            yield firestore.RunQueryResponse(document=found, read_time=datetime.now(UTC))
        yield firestore.RunQueryResponse(read_time=datetime.now(UTC))

    def answer(self, rpc: str, respond: Callable[[Any, grpc.ServicerContext], Any]) -> Callable[..., Any]:
        """Return the method, preceded by faults, with its requests recorded."""

        def handle(request: Any, context: grpc.ServicerContext) -> Any:
            self.calls[rpc] += 1
            self.requests.append(request)
            if self.faults.get(rpc):
                self.faults[rpc].pop(0).raise_in(context)
            if rpc in self.lasting:
                self.lasting[rpc].raise_in(context)
            return respond(request, context)

        return handle


@contextmanager
def serving(double: GoogleDouble) -> Iterator[str]:
    """Yield the address of a local server for the double."""
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    for handler in _handlers(double):
        server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=None).wait()


def _handlers(double: GoogleDouble) -> Iterator[grpc.GenericRpcHandler]:
    unary, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
    methods = {
        "google.logging.v2.LoggingServiceV2": [
            ("ListLogEntries", double.list_log_entries, logging.ListLogEntriesRequest, unary)
        ],
        "google.cloud.run.v2.Services": [
            ("GetService", double.get_service, run.GetServiceRequest, unary),
            ("UpdateService", double.update_service, run.UpdateServiceRequest, unary),
        ],
        "google.cloud.run.v2.Revisions": [("ListRevisions", double.list_revisions, run.ListRevisionsRequest, unary)],
        "google.cloud.resourcemanager.v3.Projects": [
            ("GetIamPolicy", double.get_iam_policy, iam_policy_pb2.GetIamPolicyRequest, unary),
            ("SetIamPolicy", double.set_iam_policy, iam_policy_pb2.SetIamPolicyRequest, unary),
            ("TestIamPermissions", double.tested_permissions, iam_policy_pb2.TestIamPermissionsRequest, unary),
        ],
        "google.api.serviceusage.v1.ServiceUsage": [
            ("BatchGetServices", double.batch_get_services, usage.BatchGetServicesRequest, unary)
        ],
        "google.firestore.admin.v1.FirestoreAdmin": [
            ("GetDatabase", double.get_database, firestore_admin.GetDatabaseRequest, unary),
            ("ListFields", double.list_fields, firestore_admin.ListFieldsRequest, unary),
        ],
        "google.firestore.v1.Firestore": [("RunQuery", double.run_query, firestore.RunQueryRequest, stream)],
    }
    for service, served in methods.items():
        yield grpc.method_handlers_generic_handler(
            service,
            {
                rpc: kind(
                    double.answer(rpc, respond),
                    request_deserializer=getattr(request, "deserialize", None) or request.FromString,
                    response_serializer=_serialized,
                )
                for rpc, respond, request, kind in served
            },
        )


def _serialized(message: Any) -> bytes:
    is_plain = hasattr(message, "SerializeToString")
    data: bytes = message.SerializeToString() if is_plain else type(message).serialize(message)
    return data
