"""Names of staging tables: find a table's batch from its name if its writer recorded none."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from lib.consolidation.errors import InvalidIdentifier
from lib.consolidation.identifiers import TableName, is_batch_id, is_plain_identifier
from lib.errors import UserError
from lib.words.brief import brief
from lib.words.dates import date_in

# Our own writer's tables start with this, whatever the configured pattern is.
STAGING_PREFIX = "_staging_"
_PLACES = re.compile(r"\{(batch|worker)\}")
_REVISION = r"_\d{5}_[a-z0-9]{3}_[0-9a-f]{8}"
_DATE = re.compile(r"(?<![A-Za-z0-9])\d{4}_\d\d_\d\d(?![A-Za-z0-9])", re.ASCII)


def spelled_in_names(batch_id: str) -> str:
    """Return the batch id as spelled in table names, which cannot contain hyphens."""
    return batch_id.replace("-", "_")


def staging_prefix(batch_id: str) -> str:
    """Return the prefix of a batch's staging tables, as our own writer names them."""
    return f"{STAGING_PREFIX}{spelled_in_names(batch_id)}_"


def staging_table_name(main: TableName, batch_id: str, worker_id: str) -> TableName:
    """Return a new table name for our own writer. Its last part has no underscore, to separate it from the batch.

    Args:
        main: The main table.
        batch_id: The batch.
        worker_id: The worker.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", worker_id, re.ASCII):
        raise InvalidIdentifier(f"worker id {worker_id!r:.80} is not valid: use letters, digits, - and _")
    worker = re.sub(r"[^A-Za-z0-9]", "", worker_id)
    return main.sibling(f"{staging_prefix(batch_id)}{worker}x{uuid.uuid4().hex[:8]}")


def _with_hyphens(spelled: str) -> str:
    """Return the batch's likely id: table names lose hyphens, and those of dates are restored."""
    return _DATE.sub(lambda found: found[0].replace("_", "-") if date_in(found[0]) else found[0], spelled)


@dataclass(frozen=True)
class StagingNames:
    """The naming pattern of staging tables that do not record their batch.

    Attributes:
        name: The pattern of a table name, with ``{batch}`` and ``{worker}``.
        workers: Regular expressions of a worker as spelled in table names; ``{service}`` is replaced by the service.
            The first one that fits a name decides. The default: a Cloud Run revision of the service and eight
            hexadecimal digits; the same of any service; or letters and digits, as our own writer uses.
        service: The service whose instances write the tables.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    name: str = STAGING_PREFIX + "{batch}_{worker}"
    workers: tuple[str, ...] = ("{service}" + _REVISION, "[a-z][a-z0-9_]*" + _REVISION, "[A-Za-z0-9]+")
    service: str = "worker"

    __repr__ = brief("name")

    def __post_init__(self) -> None:
        parts = _PLACES.split(self.name)
        if sorted(parts[1::2]) != ["batch", "worker"]:
            raise UserError(f"staging.name: {self.name!r:.80} must contain {{batch}} and {{worker}}, each once")
        if not is_plain_identifier(parts[0]) or not is_plain_identifier("".join(parts)):
            raise UserError(
                f"staging.name: {self.name!r:.80} must start with fixed letters or underscores, such as "
                f"{STAGING_PREFIX}, and contain only letters, digits and underscores besides {{batch}} and {{worker}}"
            )
        if not parts[2]:
            raise UserError(f"staging.name: {self.name!r:.80} must have something between {{batch}} and {{worker}}")
        if not self.workers:
            raise UserError("staging.workers: write at least one regular expression")
        for expression in self.workers:
            self._checked(expression)

    def _checked(self, expression: str) -> re.Pattern[str]:
        try:
            compiled = re.compile(expression.replace("{service}", re.escape(spelled_in_names(self.service))), re.ASCII)
        except (re.error, RecursionError, OverflowError) as error:
            raise UserError(f"staging.workers: {expression!r:.80} is not a regular expression: {error}") from error
        if compiled.fullmatch(""):
            raise UserError(f"staging.workers: {expression!r:.80} would also match an empty worker name")
        return compiled

    @cached_property
    def _workers(self) -> tuple[re.Pattern[str], ...]:
        return tuple(map(self._checked, self.workers))

    @property
    def prefixes(self) -> tuple[str, ...]:
        """The prefixes of all staging tables; our own writer's is always among them."""
        return tuple(dict.fromkeys((STAGING_PREFIX, _PLACES.split(self.name)[0])))

    def prefixes_of(self, batch_id: str) -> tuple[str, ...]:
        """Return the prefixes of the batch's staging tables; other tables may start with them too."""
        before, first, between, *_ = _PLACES.split(self.name)
        start = f"{before}{spelled_in_names(batch_id)}{between}" if first == "batch" else before
        return tuple(dict.fromkeys((staging_prefix(batch_id), start)))

    def readings(self, table: str) -> tuple[str, ...]:
        """Return the batches that fit this table name, as spelled in names; empty if it does not fit the pattern."""
        splits = list(self._splits(table))
        for worker in self._workers:
            if found := [names["batch"] for names in splits if worker.fullmatch(names["worker"])]:
                return tuple(found)
        return ()

    def _splits(self, table: str) -> Iterator[dict[str, str]]:
        """Yield each way to split a name into batch and worker."""
        before, first, between, second, after = _PLACES.split(self.name)
        if not (table.startswith(before) and table.endswith(after)):
            return
        middle = table[len(before) : len(table) - len(after)]
        for found in re.finditer(f"(?={re.escape(between)})", middle):
            names = {first: middle[: found.start()], second: middle[found.start() + len(between) :]}
            if is_batch_id(names["batch"]):
                yield names

    def batches(self, table: str, known: Mapping[str, Collection[str]]) -> tuple[str, ...]:
        """Return the ids of the batches that fit this table name.

        Args:
            table: The table's name.
            known: Ids of existing batches, by their spelling in names; if any fits, only these are returned.
        """
        readings = self.readings(table)
        certain = [batch_id for reading in readings for batch_id in sorted(known.get(reading, ()))]
        return tuple(certain or map(_with_hyphens, readings))
