"""Translates errors of the BigQuery client into errors of the warehouse port.

BigQuery's own reason takes precedence over the HTTP status, because missing access, an exhausted quota and a
disabled API are all 403. Message texts are matched only where BigQuery has no reason of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError

from lib.consolidation.errors import DatasetNotFound, TableNotFound, TransactionConflict, WarehouseUnavailable
from lib.errors import RunbookError
from lib.gcp.errors import BIGQUERY_ROWS, cause_of, message, text_of

_CONFLICT = re.compile(
    r"aborted due to concurrent update|could not serialize access|too many dml statements outstanding", re.IGNORECASE
)
_MISSING = re.compile(r"not found: (table|dataset)(?:.* in location ([\w-]+))?", re.IGNORECASE)

CLIENT_ERRORS = (exceptions.GoogleAPIError, GoogleAuthError, requests.RequestException, ConnectionError)


@contextmanager
def bigquery_errors(project_id: str) -> Iterator[None]:
    """Translate every error of the client.

    Raises:
        TransactionConflict: A rival transaction won.
        TableNotFound: A table does not exist.
        DatasetNotFound: A dataset does not exist in the location asked.
        WarehouseUnavailable: Anything else, with advice in the message.
    """
    try:
        yield
    except CLIENT_ERRORS as error:
        raise translated(error, project_id) from error


def translated(error: Exception, project_id: str) -> RunbookError:
    """Return the warehouse error for an error of the client."""
    said = text_of(cause_of(error))
    if _CONFLICT.search(said):
        return TransactionConflict(f"a rival transaction won: {said}")
    missing = _MISSING.search(said)
    if missing and missing[1].lower() == "table":
        return TableNotFound(f"there is no such table in project {project_id}: {said}")
    if missing:
        return DatasetNotFound(_no_dataset(said, missing[2], project_id))
    return WarehouseUnavailable(message(error, BIGQUERY_ROWS, project_id))


def _no_dataset(said: str, location: str | None, project_id: str) -> str:
    """Word a missing dataset. BigQuery reports a dataset in another location as not found, too."""
    make = f"create it with: bq mk --location={location or 'REGION'} --dataset {project_id}:DATASET"
    if not location:
        return f"there is no such dataset in project {project_id}: {said}; {make}"
    return (
        f"no such dataset in location {location} of project {project_id}: {said}; if it is in another location "
        f"(bq show {project_id}:DATASET), set google.bigquery_location to that one; if it does not exist, {make}"
    )
