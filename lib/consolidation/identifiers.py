"""Names that become part of SQL or file names: always checked first, always quoted."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lib.consolidation.errors import InvalidIdentifier

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}", re.ASCII)
_BATCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", re.ASCII)


@dataclass(frozen=True, order=True)
class TableName:
    """A table in a dataset. Both parts are plain identifiers, so quoting is safe."""

    dataset: str
    table: str

    def __post_init__(self) -> None:
        for part in (self.dataset, self.table):
            plain_identifier(part, "table name")

    @classmethod
    def parse(cls, text: str) -> TableName:
        """Parse ``dataset.table``."""
        dataset, dot, table = text.partition(".")
        if not dot:
            raise InvalidIdentifier(f"table name {text!r} has no dataset; write dataset.table")
        if "." in table:
            raise InvalidIdentifier(f"table name {text!r:.200} has more than two parts; write dataset.table")
        return cls(dataset, table)

    def sibling(self, table: str) -> TableName:
        """Return the name of another table in the same dataset."""
        return TableName(self.dataset, table)

    @property
    def sql(self) -> str:
        """The name, quoted for GoogleSQL."""
        return f"`{self.dataset}`.`{self.table}`"

    def __str__(self) -> str:
        return f"{self.dataset}.{self.table}"


def is_plain_identifier(text: str) -> bool:
    """Return whether the text is letters, digits and underscores and does not start with a digit."""
    return _PLAIN.fullmatch(text) is not None


def shown_name(name: str) -> str:
    """Return a name for a one-line message; quoted, escaped and cut if it is not a plain identifier."""
    return name if is_plain_identifier(name) else f"{name!r:.80}"


def plain_identifier(text: str, what: str) -> str:
    """Return the text if it is a plain identifier; raise `InvalidIdentifier` otherwise."""
    if not is_plain_identifier(text):
        raise InvalidIdentifier(f"{what} {text!r:.80} is not a plain identifier (letters, digits and underscores)")
    return text


def is_batch_id(text: str) -> bool:
    """Return whether the text is at most 128 letters, digits, - and _, and starts with a letter or digit."""
    return _BATCH.fullmatch(text) is not None


def checked_batch_id(batch_id: str) -> str:
    """Return the batch id if it can be part of a table name; raise `InvalidIdentifier` otherwise."""
    if not isinstance(batch_id, str) or not is_batch_id(batch_id):
        raise InvalidIdentifier(
            f"batch id {batch_id!r:.80} is not valid: use letters, digits, hyphens and underscores, at most 128"
        )
    return batch_id
