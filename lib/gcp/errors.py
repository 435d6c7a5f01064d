"""What Google's clients raise, as errors of the ports: what failed, and what to type.

SourceUnavailable
├── AccessDenied     a permission is missing
├── ApiDisabled      the API is switched off in the project
├── NotLoggedIn      no usable credentials
├── QuotaExceeded    too many requests
├── ResourceMissing  what was asked for is not there
├── Unreachable      no answer
└── RequestRefused   anything else: the request itself was not taken
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError, TransportError

from lib.errors import ChangedMeanwhile, SourceUnavailable


class AccessDenied(SourceUnavailable):
    """A permission is missing."""

    fix = (
        "grant access with: gcloud projects add-iam-policy-binding {project} "
        "--member={member} --role={role}; or try again if it was granted in the last minutes"
    )


class ApiDisabled(SourceUnavailable):
    """The API is switched off in the project."""

    fix = "enable it with: gcloud services enable {api} --project={project}"


class NotLoggedIn(SourceUnavailable):
    """There are no usable credentials."""

    fix = "log in with: gcloud auth application-default login; or run as a service account"


class QuotaExceeded(SourceUnavailable):
    """Too many requests."""

    fix = "wait a minute, or raise the quota of {api} under IAM & Admin > Quotas of {project}"


class ResourceMissing(SourceUnavailable):
    """What was asked for is not there."""

    fix = "see that project, region and names in params/environments are right"


class Unreachable(SourceUnavailable):
    """There was no answer."""

    fix = "see https://status.cloud.google.com and the network, then try again"


class RequestRefused(SourceUnavailable):
    """The request itself was not taken."""

    fix = "see that project, region and names in params/environments are right"


@dataclass(frozen=True)
class Source:
    """A Google API, for one use of it.

    Attributes:
        name: What people call it.
        api: Its service name, for ``gcloud services enable``.
        role: The narrowest predefined role that may use it so; to read it, if nothing else is said.
    """

    name: str
    api: str
    role: str


CLOUD_LOGGING = Source("Cloud Logging", "logging.googleapis.com", "roles/logging.viewer")
CLOUD_RUN = Source("Cloud Run", "run.googleapis.com", "roles/run.viewer")
RESOURCE_MANAGER = Source("IAM policy", "cloudresourcemanager.googleapis.com", "roles/iam.securityReviewer")
CLOUD_RUN_CHANGE = Source("Change in Cloud Run", "run.googleapis.com", "roles/run.developer")
POLICY_CHANGE = Source(
    "Change of the IAM policy", "cloudresourcemanager.googleapis.com", "roles/resourcemanager.projectIamAdmin"
)
SERVICE_USAGE = Source("Service Usage", "serviceusage.googleapis.com", "roles/serviceusage.serviceUsageViewer")
FIRESTORE = Source("Firestore", "firestore.googleapis.com", "roles/datastore.user")
BIGQUERY = Source("BigQuery", "bigquery.googleapis.com", "roles/bigquery.metadataViewer")
# Rows need two roles, and so two commands.
BIGQUERY_ROWS = Source(
    "BigQuery",
    "bigquery.googleapis.com",
    "roles/bigquery.dataEditor, and the same with --role=roles/bigquery.jobUser",
)
BIGQUERY_JOBS = Source("BigQuery jobs", "bigquery.googleapis.com", "roles/bigquery.resourceViewer")

_Kind = type[AccessDenied | ApiDisabled | NotLoggedIn | QuotaExceeded | ResourceMissing | Unreachable | RequestRefused]
# The first that fits counts.
_KINDS: tuple[tuple[type[Exception], _Kind], ...] = (
    (exceptions.Forbidden, AccessDenied),
    (exceptions.Unauthorized, NotLoggedIn),
    (exceptions.TooManyRequests, QuotaExceeded),
    (exceptions.NotFound, ResourceMissing),
    (exceptions.ServerError, Unreachable),
    (exceptions.Cancelled, Unreachable),
    (exceptions.RetryError, Unreachable),
    (TransportError, Unreachable),
    (GoogleAuthError, NotLoggedIn),
    (OSError, Unreachable),
)
# By ErrorInfo.reason (https://docs.cloud.google.com/php/docs/reference/common-protos/latest/Api.ErrorReason)
# or BigQuery's own reason (https://cloud.google.com/bigquery/docs/error-messages); names with spaces are ours.
_QUOTA_PROJECT = "gcloud auth application-default set-quota-project {project}"
_BUSY = "too many requests at once: wait a minute and try again"
_BILLING = "enable billing with: gcloud billing projects link {consumer} --billing-account=ACCOUNT"
_BY_REASON = {
    "SERVICE_DISABLED": ApiDisabled.fix,
    "accessNotConfigured": ApiDisabled.fix,
    "disabled elsewhere": (
        "enable it where requests are counted: gcloud services enable {api} --project={consumer}; or count requests "
        f"for this project: {_QUOTA_PROJECT}"
    ),
    "no quota project": f"these credentials name no quota project: {_QUOTA_PROJECT}",
    "USER_PROJECT_DENIED": (
        "you may not use the quota project: ask for roles/serviceusage.serviceUsageConsumer on project {consumer}, "
        f"or name another: {_QUOTA_PROJECT}"
    ),
    "SECURITY_POLICY_VIOLATED": (
        "VPC Service Controls refused it, which no role changes: run inside the perimeter, or ask its administrators "
        "for a rule and give them the identifier in this message"
    ),
    "policy tag": (
        "the column is protected by a policy tag: ask for roles/datacatalog.categoryFineGrainedReader on that tag"
    ),
    "BILLING_DISABLED": _BILLING,
    "billingNotEnabled": _BILLING,
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": (
        "log in with: gcloud auth application-default login --scopes=https://www.googleapis.com/auth/cloud-platform"
    ),
    "quotaExceeded": "a quota is used up: wait, or raise it under IAM & Admin > Quotas of {project}",
    "rateLimitExceeded": _BUSY,
    "jobRateLimitExceeded": _BUSY,
    "bytesBilledLimitExceeded": "it would read more than maximum_bytes_billed allows: raise that, or read less",
    "resourcesExceeded": "the statement needs more than BigQuery gives it: split the batch",
    "stopped": "it was cancelled and rolled back; try again",
    "timeout": "it took longer than it may and was rolled back; try again",
}
_DISABLED = ("SERVICE_DISABLED", "accessNotConfigured", "disabled elsewhere")
# What a 403 says where it has no reason, or BigQuery's "accessDenied", which is for everything. The first counts.
_BY_WORDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(words, re.IGNORECASE), reason)
    for words, reason in (
        ("requires a quota project, which is not set", "no quota project"),
        ("required permission to use project", "USER_PROJECT_DENIED"),
        ("VPC Service Controls|vpcServiceControlsUniqueIdentifier", "SECURITY_POLICY_VIOLATED"),
        ("protected by policy tag", "policy tag"),
        ("requires billing to be enabled|billing has not been enabled", "BILLING_DISABLED"),
        ("API has not been used in project|it is disabled", "SERVICE_DISABLED"),
    )
)
# gcloud's own project, which requests are counted for when the credentials of a person name none.
_GCLOUDS_PROJECT = "764086051850"
# gRPC reports credentials that cannot be refreshed as a service that is unavailable.
_NO_CREDENTIALS = "Getting metadata from plugin failed"
_SECRET = re.compile(
    r"ya29\.[\w.-]+|eyJ[\w-]+\.[\w.-]+|1//[\w-]{20,}|AIza[\w-]{30,}|-----BEGIN[^-]*-----.*?(-----END[^-]*-----|$)"
    r"|(?<=Bearer )\S+|(?<=[?&]key=)[^&\s]+",
    re.DOTALL,
)


@contextmanager
def google_errors(source: Source, project_id: str, member: str) -> Iterator[None]:
    """Translate every error of a client.

    Args:
        source: What is read.
        project_id: For the commands in the messages.
        member: Who reads, as ``gcloud`` writes members.

    Raises:
        SourceUnavailable: One of the kinds above; its message has no credential in it.
    """
    try:
        yield
    except (exceptions.GoogleAPIError, GoogleAuthError, OSError) as error:
        cause = _cause(error)
        kind = _kind(cause)
        said = without_secrets(" ".join(str(cause).split()))
        fix = advice(error, source, project_id, member) or kind.fix
        raise kind(f"{source.name} of project {project_id}: {type(cause).__name__}: {said:.300}; {fix}") from error


@contextmanager
def google_changes(source: Source, project_id: str, member: str) -> Iterator[None]:
    """As `google_errors`, for a request that changes something that others may change too.

    Raises:
        ChangedMeanwhile: It no longer has the etag that was read; nothing was changed.
        SourceUnavailable: As above; the change may have been made.
    """
    with google_errors(source, project_id, member):
        try:
            yield
        except exceptions.Aborted as error:
            said = without_secrets(" ".join(str(error).split()))
            raise ChangedMeanwhile(
                f"{source.name} of project {project_id}: {said:.300}; it was changed since it was looked at, "
                "nothing was changed"
            ) from error


def advice(error: Exception, source: Source, project_id: str, member: str = "serviceAccount:ACCOUNT") -> str:
    """What to do about an error of any of Google's clients, with the command to type; empty: not known.

    Args:
        error: As the client raised it.
        source: What was asked.
        project_id: Where.
        member: Who asked, as ``gcloud`` writes members.
    """
    cause = _cause(error)
    reason = _reason(cause, project_id)
    kind = _kind(cause)
    fix = _BY_REASON.get(reason) or ("" if kind is RequestRefused else kind.fix)
    consumer = shlex.quote(_consumer(cause) or project_id)
    project = shlex.quote(project_id)
    return fix.format(project=project, consumer=consumer, member=member, role=source.role, api=source.api)


def bigquery_reason(error: BaseException) -> str:
    """The reason that BigQuery gives; empty: none."""
    details = getattr(error, "errors", None) or [{}]
    return str(details[0].get("reason", "")) if isinstance(details[0], dict) else ""


def _reason(error: Exception, project_id: str = "") -> str:
    """A key of `_BY_REASON`, or a reason without an entry there."""
    told = str(getattr(error, "reason", None) or "")
    if told not in _BY_REASON and isinstance(error, exceptions.Forbidden):
        told = next((reason for words, reason in _BY_WORDS if words.search(str(error))), "")
    consumer = _consumer(error)
    if told == "SERVICE_DISABLED" and consumer == _GCLOUDS_PROJECT:
        return "no quota project"
    if told == "SERVICE_DISABLED" and consumer not in ("", project_id):
        return "disabled elsewhere"
    return told or bigquery_reason(error)


def _consumer(error: Exception) -> str:
    """The project, by id or number, that the request is counted for; empty: not known."""
    metadata = getattr(error, "metadata", None) or {}
    return str(metadata.get("consumer", "")).removeprefix("projects/")[:100]


def without_secrets(text: str) -> str:
    """The text with anything that looks like a token or a key blotted out."""
    return _SECRET.sub("[secret]", text)


def _cause(error: Exception) -> Exception:
    """A retry that gave up says less than what it gave up on."""
    if isinstance(error, exceptions.RetryError) and isinstance(error.cause, Exception):
        return error.cause
    return error


def _kind(error: Exception) -> _Kind:
    if isinstance(error, exceptions.Forbidden) and _reason(error) in _DISABLED:
        return ApiDisabled
    if _NO_CREDENTIALS in str(error):
        return NotLoggedIn
    return next((kind for fits, kind in _KINDS if isinstance(error, fits)), RequestRefused)
