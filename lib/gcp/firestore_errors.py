"""What Firestore's client raises, as errors of the lock.

"Somebody else was first" never comes here: the store asks for it with a
precondition and takes the refusal as its answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError

from lib.gcp.errors import FIRESTORE, message
from lib.locking.errors import LockOutcomeUnknown, LockServiceUnavailable

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
        raise kind(message(error, FIRESTORE, project_id)) from error
