"""Translates errors of Google's clients into errors of the ports, with the command that mends them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError, TransportError

from lib.errors import ChangedMeanwhile, SourceUnavailable
from lib.gcp.reasons import DISABLED, ENABLE, FIXES, bigquery_reason, consumer_of, reason_of
from lib.words.text import one_line


class AccessDenied(SourceUnavailable):
    """A permission is missing."""

    fix = (
        "grant access with: gcloud projects add-iam-policy-binding {project} "
        "--member={member} --role={role}; if it was granted in the last few minutes, try again"
    )


class ApiDisabled(SourceUnavailable):
    """The API is disabled in the project."""

    fix = ENABLE


class NotLoggedIn(SourceUnavailable):
    """There are no usable credentials."""

    fix = "log in with: gcloud auth application-default login; or run as a service account"


class QuotaExceeded(SourceUnavailable):
    """Too many requests."""

    fix = "wait a minute, or raise the quota of {api} for {project} under IAM & Admin > Quotas"


class ResourceMissing(SourceUnavailable):
    """The requested resource does not exist."""

    fix = "check the project, region and names in params/environments"


class Unreachable(SourceUnavailable):
    """The service did not respond."""

    fix = "check https://status.cloud.google.com and the network, then try again"


class RequestRefused(SourceUnavailable):
    """Any other error: the service rejected the request."""

    fix = ResourceMissing.fix


@dataclass(frozen=True)
class Source:
    """A Google API, used for one purpose.

    Attributes:
        name: Name in messages.
        api: Service name, for ``gcloud services enable``.
        role: The narrowest predefined role for this purpose, by default for reading.
        fixes: Advice for errors with a special meaning here; the first match wins.
    """

    name: str
    api: str
    role: str
    fixes: tuple[tuple[type[Exception], str], ...] = ()


CLOUD_LOGGING = Source("Cloud Logging", "logging.googleapis.com", "roles/logging.viewer")
CLOUD_RUN = Source("Cloud Run", "run.googleapis.com", "roles/run.viewer")
RESOURCE_MANAGER = Source("IAM policy", "cloudresourcemanager.googleapis.com", "roles/iam.securityReviewer")
CLOUD_RUN_CHANGE = Source("Change in Cloud Run", "run.googleapis.com", "roles/run.developer")
POLICY_CHANGE = Source(
    "Change of the IAM policy", "cloudresourcemanager.googleapis.com", "roles/resourcemanager.projectIamAdmin"
)
SERVICE_USAGE = Source("Service Usage", "serviceusage.googleapis.com", "roles/serviceusage.serviceUsageViewer")
FIRESTORE = Source(
    "Firestore",
    "firestore.googleapis.com",
    "roles/datastore.user",
    (
        (
            exceptions.NotFound,
            "create the database with: gcloud firestore databases create --project={project} --location=REGION",
        ),
        (exceptions.FailedPrecondition, "the database must be in Native mode and open to Firestore's own clients"),
    ),
)
FIRESTORE_READ = replace(FIRESTORE, role="roles/datastore.viewer")
BIGQUERY = Source("BigQuery", "bigquery.googleapis.com", "roles/bigquery.metadataViewer")
# Reading rows needs two roles, so two commands.
BIGQUERY_ROWS = Source(
    "BigQuery",
    "bigquery.googleapis.com",
    "roles/bigquery.dataEditor, then again with --role=roles/bigquery.jobUser",
)
BIGQUERY_DATASETS = Source("BigQuery datasets", "bigquery.googleapis.com", "roles/bigquery.user")
BIGQUERY_JOBS = Source("BigQuery jobs", "bigquery.googleapis.com", "roles/bigquery.resourceViewer")

_Kind = type[AccessDenied | ApiDisabled | NotLoggedIn | QuotaExceeded | ResourceMissing | Unreachable | RequestRefused]
# The first match wins.
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
# The BigQuery client appends lines with location and job id, and repeats the error as "; reason: …".
_APPENDIX = re.compile(r"\n\s*(?:Location|Job ID): |; reason: ")
# gRPC reports expired credentials that cannot be refreshed as an unavailable service.
_NO_CREDENTIALS = "Getting metadata from plugin failed"
_SECRET = re.compile(
    r"ya29\.[\w.-]+|eyJ[\w-]+\.[\w.-]+|1//[\w-]{20,}|AIza[\w-]{30,}|-----BEGIN[^-]*-----.*?(-----END[^-]*-----|$)"
    r"|(?<=Bearer )\S+|(?<=[?&]key=)[^&\s]+",
    re.DOTALL,
)


@contextmanager
def google_errors(source: Source, project_id: str, member: str) -> Iterator[None]:
    """Translate every error of a client; `member` is the caller as a ``gcloud`` member.

    Raises:
        SourceUnavailable: One of the subclasses above; its message contains no credentials.
    """
    try:
        yield
    except (exceptions.GoogleAPIError, GoogleAuthError, OSError) as error:
        kind = _kind(cause_of(error))
        raise kind(message(error, source, project_id, member, otherwise=kind.fix)) from error


@contextmanager
def google_changes(source: Source, project_id: str, member: str) -> Iterator[None]:
    """Translate errors of a request that changes a shared resource.

    Raises:
        ChangedMeanwhile: The resource no longer has the etag that was read; nothing was changed.
        SourceUnavailable: Any other error; the change may have been made.
    """
    with google_errors(source, project_id, member):
        try:
            yield
        except exceptions.Aborted as error:
            raise ChangedMeanwhile(
                f"{source.name} of project {project_id}: {text_of(error):.300}; someone else has changed it since it "
                "was read, so nothing was changed"
            ) from error


def message(
    error: Exception, source: Source, project_id: str, member: str = "serviceAccount:ACCOUNT", otherwise: str = ""
) -> str:
    """Return one line: the source, the client's error, and advice; `otherwise` if no advice is known."""
    cause = cause_of(error)
    name = bigquery_reason(cause) or type(cause).__name__
    fix = advice(cause, source, project_id, member) or otherwise
    return "; ".join(filter(None, [f"{source.name} of project {project_id}: {name}: {text_of(cause):.300}", fix]))


def text_of(error: Exception) -> str:
    """Return the text of a client's error as one line, without secrets and the BigQuery client's additions."""
    text = error.message if isinstance(error, exceptions.GoogleAPICallError) else str(error)
    return without_secrets(one_line(_APPENDIX.split(str(text).strip())[0]))


def advice(error: Exception, source: Source, project_id: str, member: str = "serviceAccount:ACCOUNT") -> str:
    """Return advice on an error of a Google client, with the command to run; empty if none is known."""
    cause = cause_of(error)
    reason = reason_of(cause, project_id)
    kind = _kind(cause)
    own = next((fix for fits, fix in source.fixes if isinstance(cause, fits)), "")
    fix = own or FIXES.get(reason) or ("" if kind is RequestRefused else kind.fix)
    consumer = shlex.quote(consumer_of(cause) or project_id)
    project = shlex.quote(project_id)
    return fix.format(project=project, consumer=consumer, member=member, role=source.role, api=source.api)


def without_secrets(text: str) -> str:
    """Mask everything in the text that looks like a token or a key."""
    return _SECRET.sub("[secret]", text)


def cause_of(error: Exception) -> Exception:
    """Return the last error of a retry that gave up, which says more than the retry's own."""
    if isinstance(error, exceptions.RetryError) and isinstance(error.cause, Exception):
        return error.cause
    return error


def _kind(error: Exception) -> _Kind:
    if isinstance(error, exceptions.Forbidden) and reason_of(error) in DISABLED:
        return ApiDisabled
    if _NO_CREDENTIALS in str(error):
        return NotLoggedIn
    return next((kind for fits, kind in _KINDS if isinstance(error, fits)), RequestRefused)
