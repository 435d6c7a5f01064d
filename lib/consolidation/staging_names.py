"""How staging tables are named: which batch a table is of, where its writer recorded none."""

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

# What the names of our own writer's tables start with, whatever the pattern.
STAGING_PREFIX = "_staging_"
_PLACES = re.compile(r"\{(batch|worker)\}")
_REVISION = r"_\d{5}_[a-z0-9]{3}_[0-9a-f]{8}"
_DATE = re.compile(r"(?<![A-Za-z0-9])\d{4}_\d\d_\d\d(?![A-Za-z0-9])", re.ASCII)


def spelled_in_names(batch_id: str) -> str:
    """The batch as names of tables spell it, which hold no hyphen."""
    return batch_id.replace("-", "_")


def staging_prefix(batch_id: str) -> str:
    """What the names of a batch's staging tables start with, as our own writer names them."""
    return f"{STAGING_PREFIX}{spelled_in_names(batch_id)}_"


def staging_table_name(main: TableName, batch_id: str, worker_id: str) -> TableName:
    """A fresh name for our own writer. Its last part has no underscore, so that the batch can be told from it."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", worker_id, re.ASCII):
        raise InvalidIdentifier(f"worker id {worker_id!r:.80} is not valid: use letters, digits, - and _")
    worker = re.sub(r"[^A-Za-z0-9]", "", worker_id)
    return main.sibling(f"{staging_prefix(batch_id)}{worker}x{uuid.uuid4().hex[:8]}")


def _with_hyphens(spelled: str) -> str:
    """The batch's likely id: names have lost its hyphens, and those of a date are put back."""
    return _DATE.sub(lambda found: found[0].replace("_", "-") if date_in(found[0]) else found[0], spelled)


@dataclass(frozen=True)
class StagingNames:
    """The names of staging tables that record no batch.

    Attributes:
        name: A table's name, with ``{batch}`` and ``{worker}`` in it.
        workers: Regular expressions of a worker as names spell it, ``{service}`` for the service. The first one that
            fits a name decides. The default: a revision of the service and eight hexadecimal digits, as Cloud Run
            names them; that of any service; or letters and digits, as our own writer names them.
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
            raise UserError(f"staging.name: {self.name!r:.80} must hold {{batch}} and {{worker}}, each once")
        if not is_plain_identifier(parts[0]) or not is_plain_identifier("".join(parts)):
            raise UserError(
                f"staging.name: {self.name!r:.80} must begin with letters or underscores of its own, such as "
                f"{STAGING_PREFIX}, and hold only letters, digits and underscores beside {{batch}} and {{worker}}"
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
            raise UserError(f"staging.workers: {expression!r:.80} would fit a table without a worker")
        return compiled

    @cached_property
    def _workers(self) -> tuple[re.Pattern[str], ...]:
        return tuple(map(self._checked, self.workers))

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What the names of all staging tables start with; our own writer's always count."""
        return tuple(dict.fromkeys((STAGING_PREFIX, _PLACES.split(self.name)[0])))

    def prefixes_of(self, batch_id: str) -> tuple[str, ...]:
        """What the names of the batch's staging tables start with; not only theirs do."""
        before, first, between, *_ = _PLACES.split(self.name)
        start = f"{before}{spelled_in_names(batch_id)}{between}" if first == "batch" else before
        return tuple(dict.fromkeys((staging_prefix(batch_id), start)))

    def readings(self, table: str) -> tuple[str, ...]:
        """The batches that a table of this name may be of, as names spell them; none: it is not such a name."""
        splits = list(self._splits(table))
        for worker in self._workers:
            if found := [names["batch"] for names in splits if worker.fullmatch(names["worker"])]:
                return tuple(found)
        return ()

    def _splits(self, table: str) -> Iterator[dict[str, str]]:
        """Each way to divide a name into batch and worker."""
        before, first, between, second, after = _PLACES.split(self.name)
        if not (table.startswith(before) and table.endswith(after)):
            return
        middle = table[len(before) : len(table) - len(after)]
        for found in re.finditer(f"(?={re.escape(between)})", middle):
            names = {first: middle[: found.start()], second: middle[found.start() + len(between) :]}
            if is_batch_id(names["batch"]):
                yield names

    def batches(self, table: str, known: Mapping[str, Collection[str]]) -> tuple[str, ...]:
        """The ids of the batches that a table of this name may be of.

        Args:
            table: Its name.
            known: Ids of batches that there are, by their spelling in names; they come before all others.
        """
        readings = self.readings(table)
        certain = [batch_id for reading in readings for batch_id in sorted(known.get(reading, ()))]
        return tuple(certain or map(_with_hyphens, readings))
