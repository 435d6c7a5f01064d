"""Staged rows as one relation: tables with equal columns form a group, and the groups form one SELECT."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lib.consolidation.identifiers import TableName
from lib.consolidation.key import quoted
from lib.consolidation.schema import tables_by_columns
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column


@dataclass(frozen=True)
class StagedGroup:
    """Staging tables with equal columns, gathered under one name.

    Workers of different revisions stage different columns; each row updates only the
    columns that its worker staged.
    """

    relation: TableName
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class StagedRows:
    """All groups of a batch, read as one relation with the main table's types.

    Attributes:
        spec: The main table.
        main_columns: The main table's columns.
        groups: The groups.
        is_of_one_date: True if rows of other dates are refused; False if they are not read.
    """

    spec: TableSpec
    main_columns: tuple[Column, ...]
    groups: tuple[StagedGroup, ...]
    is_of_one_date: bool = True

    @property
    def columns(self) -> list[Column]:
        """The columns that any group has, in the main table's order."""
        staged = {column.name for group in self.groups for column in group.columns}
        # Columns that the MERGE sets itself are not read: a staged value there has no meaning, not even its age.
        wanted = staged - {*self.spec.stamped}
        return [column for column in self.main_columns if column.name in wanted]

    @property
    def partly_staged(self) -> list[str]:
        """The columns that some group lacks."""
        owned = [{column.name for column in group.columns} for group in self.groups]
        return [column.name for column in self.columns if not all(column.name in names for names in owned)]

    @property
    def sql(self) -> str:
        """A SELECT of all staged rows, with a flag for each partly staged column: whether the row owns it."""
        owned = self.partly_staged
        return self._union(self.columns, owned)

    @property
    def ranked(self) -> list[Column]:
        """The columns that `sql` selects; the flags are included because rows may differ only in them."""
        return [*self.columns, *(Column(f"staged__{name}", "BOOL") for name in self.partly_staged)]

    def of(self, *names: str) -> str:
        """Return a SELECT of only these columns of all staged rows."""
        needed = [column for column in self.columns if column.name in names]
        return self._union(needed, ())

    def _union(self, columns: Iterable[Column], owned: Iterable[str]) -> str:
        of_date = "" if self.is_of_one_date else f" WHERE {self.spec.dates.of_day()}"
        return " UNION ALL ".join(f"{select(group, columns, owned)}{of_date}" for group in self.groups)


def select(group: StagedGroup, columns: Iterable[Column], owned: Iterable[str], *more: str) -> str:
    """Return a SELECT of one group's rows, with NULL for columns that it lacks.

    Args:
        group: The group.
        columns: The columns to select.
        owned: The columns to flag: whether a row owns them.
        more: Further items to select.
    """
    types = {column.name: column.type for column in group.columns}
    items = [_item(column, types.get(column.name)) for column in columns]
    items += [f"{'TRUE' if name in types else 'FALSE'} AS {ownership(name)}" for name in owned]
    return f"SELECT {', '.join([*items, *more])} FROM {group.relation.sql}"


def _item(column: Column, staged_type: str | None) -> str:
    name = quoted(column.name)
    if staged_type is None:
        return f"CAST(NULL AS {column.type}) AS {name}"
    return name if staged_type == column.type else f"CAST({name} AS {column.type}) AS {name}"


def ownership(name: str) -> str:
    """Return the name of the flag for whether a row owns the column."""
    return quoted(f"staged__{name}")


def staged_groups(
    columns: Mapping[TableName, tuple[Column, ...]], relation_prefix: TableName
) -> dict[StagedGroup, list[TableName]]:
    """Group tables whose columns and storage are equal, each group under its own name."""
    return {
        StagedGroup(relation_prefix.sibling(f"{relation_prefix.table}_{number}"), shape): tables
        for number, (shape, tables) in enumerate(tables_by_columns(columns).items())
    }
