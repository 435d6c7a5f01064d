"""What Firestore's client raises, as errors of the lock.

"Somebody else was first" never comes here: the store asks for it with a
precondition and takes the refusal as its answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError

from lib.locking.errors import LockOutcomeUnknown, LockServiceUnavailable

_LOG_IN = "log in with: gcloud auth application-default login; or run as a service account"
_TRY_LATER = "see https://status.cloud.google.com and the network, then try again"
# The first that fits counts.
_FIXES: tuple[tuple[type[Exception], str], ...] = (
    (
        exceptions.Forbidden,
        "grant access with: gcloud projects add-iam-policy-binding {project} "
        "--member=serviceAccount:ACCOUNT --role=roles/datastore.user",
    ),
    (exceptions.Unauthorized, _LOG_IN),
    (GoogleAuthError, _LOG_IN),
    (exceptions.TooManyRequests, "a quota is used up: wait, or raise it under IAM & Admin > Quotas of {project}"),
    (
        exceptions.NotFound,
        "create the database with: gcloud firestore databases create --project={project} --location=REGION",
    ),
    (exceptions.FailedPrecondition, "the database must be in Native mode"),
    (exceptions.ServerError, _TRY_LATER),
    (exceptions.RetryError, _TRY_LATER),
)
_ENABLE = "enable it with: gcloud services enable firestore.googleapis.com --project={project}"
# After these a write may have taken effect, or (Aborted) may simply be sent again.
_OUTCOME_UNKNOWN = (exceptions.ServerError, exceptions.RetryError, exceptions.Cancelled, exceptions.Aborted)


@contextmanager
def firestore_errors(project_id: str, *, writing: bool = False) -> Iterator[None]:
    """Translate every error of the client.

    Args:
        project_id: For the commands in the messages.
        writing: Whether a lost answer leaves the outcome open.

    Raises:
        LockOutcomeUnknown: A write's answer was lost.
        LockServiceUnavailable: Nothing was written; the message says what to do.
    """
    try:
        yield
    except (exceptions.GoogleAPIError, GoogleAuthError) as error:
        kind = LockOutcomeUnknown if writing and isinstance(error, _OUTCOME_UNKNOWN) else LockServiceUnavailable
        raise kind(_message(error, project_id)) from error


def _message(error: Exception, project_id: str) -> str:
    said = " ".join(str(error).split())
    message = f"Firestore of project {project_id} did not answer ({type(error).__name__}): {said:.300}"
    fix = _fix(error)
    return f"{message}; {fix.format(project=project_id)}" if fix else message


def _fix(error: Exception) -> str:
    if getattr(error, "reason", None) == "SERVICE_DISABLED":
        return _ENABLE
    return next((fix for kind, fix in _FIXES if isinstance(error, kind)), "")
