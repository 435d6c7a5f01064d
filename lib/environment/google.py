"""``google:``, what only the Google platform has."""

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
    """What only the Google platform has.

    Attributes:
        bigquery_location: Where the dataset is, such as ``us-west2``; empty: BigQuery
            finds out, which it cannot outside the multi-regions US and EU.
        maximum_bytes_billed: A job that would be billed for more bytes is refused by BigQuery,
            a consolidation's too; None: no limit.
        query_limit_gb: A runbook's query that would read more gigabytes is not run.
        firestore_database: The database that holds the locks.
        lock_collections: Collections beside ours whose locks are shown, and never released: other services' locks.
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
                raise UserError(
                    f"google.lock_collections: {name!r:.80} is not another service's collection; leave it out"
                )
        if self.maximum_bytes_billed is not None and self.maximum_bytes_billed <= 0:
            raise UserError(f"google.maximum_bytes_billed: {self.maximum_bytes_billed} would refuse every query")
        if not 0 < self.query_limit_gb <= _MOST_GIGABYTES:
            raise UserError(
                f"google.query_limit_gb: must be above 0 and at most {_MOST_GIGABYTES}, got {self.query_limit_gb:g}"
            )

    @property
    def query_limit_bytes(self) -> int:
        """`query_limit_gb` in bytes; a gigabyte is 10⁹ of them."""
        return max(1, int(self.query_limit_gb * 1e9))
