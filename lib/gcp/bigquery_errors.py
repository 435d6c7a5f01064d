"""What BigQuery's client raises, as errors of the warehouse.

The reason that BigQuery gives counts before the HTTP status: "no access", "quota used
up" and "interface disabled" all come as 403. Messages of transactions are read only
where BigQuery has no reason of its own for them.
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
from lib.gcp.errors import BIGQUERY_ROWS, cause_of, message, said_by

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
        TableNotFound: A table is not there.
        DatasetNotFound: A dataset is not there, or is in another location than was asked.
        WarehouseUnavailable: Anything else; the message says what to do.
    """
    try:
        yield
    except CLIENT_ERRORS as error:
        raise translated(error, project_id) from error


def translated(error: Exception, project_id: str) -> RunbookError:
    """The warehouse's error for one of the client's."""
    said = said_by(cause_of(error))
    if _CONFLICT.search(said):
        return TransactionConflict(f"a rival transaction won: {said}")
    missing = _MISSING.search(said)
    if missing and missing[1].lower() == "table":
        return TableNotFound(f"there is no such table in project {project_id}: {said}")
    if missing:
        return DatasetNotFound(_no_dataset(said, missing[2], project_id))
    return WarehouseUnavailable(message(error, BIGQUERY_ROWS, project_id))


def _no_dataset(said: str, location: str | None, project_id: str) -> str:
    """BigQuery has the same words for a dataset that is elsewhere and for one that does not exist."""
    make = f"make it with: bq mk --location={location or 'REGION'} --dataset {project_id}:DATASET"
    if not location:
        return f"there is no such dataset in project {project_id}: {said}; {make}"
    return (
        f"no such dataset in location {location} of project {project_id}: {said}; if it is in another location "
        f"(bq show {project_id}:DATASET), set google.bigquery_location to that; if it does not exist, {make}"
    )
