"""``google:``, settings of the Google platform."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lib.environment.strict import STRICT
from lib.errors import UserError
from lib.words.brief import brief

_MOST_GIGABYTES = 1_000_000
_COLLECTION = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,199}", re.ASCII)


@dataclass(frozen=True)
class GoogleSettings:
    """Settings of the Google platform.

    Attributes:
        bigquery_location: The dataset's location, such as ``us-west2``. If empty, BigQuery determines it,
            which works only in the multi-regions US and EU.
        maximum_bytes_billed: BigQuery refuses a job that would be billed for more bytes, including
            consolidations; None means no limit.
        query_limit_gb: A runbook does not run a query that would read more gigabytes than this.
        firestore_database: The database that holds the locks.
        lock_collections: Collections with locks of other services, which are displayed but never released.
    """

    __pydantic_config__ = STRICT

    bigquery_location: str = ""
    maximum_bytes_billed: int | None = None
    query_limit_gb: float = 10
    firestore_database: str = "(default)"
    lock_collections: tuple[str, ...] = ()

    __repr__ = brief()

    def __post_init__(self) -> None:
        for name in self.lock_collections:
            if not _COLLECTION.fullmatch(name) or name.startswith("consolidation_lock"):
                raise UserError(f"google.lock_collections: {name!r:.80} is not another service's collection; remove it")
        if self.maximum_bytes_billed is not None and self.maximum_bytes_billed <= 0:
            raise UserError(f"google.maximum_bytes_billed: {self.maximum_bytes_billed} would refuse every query")
        if not 0 < self.query_limit_gb <= _MOST_GIGABYTES:
            raise UserError(
                f"google.query_limit_gb: must be above 0 and at most {_MOST_GIGABYTES}, got {self.query_limit_gb:g}"
            )

    @property
    def query_limit_bytes(self) -> int:
        """`query_limit_gb` in bytes; a gigabyte is 10⁹ bytes."""
        return max(1, int(self.query_limit_gb * 1e9))
