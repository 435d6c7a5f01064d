"""The key that a user asks for: values in order, values by column, a key's text as a table shows it, or a row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lib.consolidation.table_spec import TableSpec
from lib.consolidation.values import is_missing, reader, shown_value
from lib.consolidation.warehouse import Column
from lib.errors import UserError
from lib.operations.duplicates.key_table import key_texts, shared_columns
from lib.words.choices import no_such
from lib.words.text import one_line

# What separates the values of a key that people type or copy.
_BETWEEN = re.compile(r"[\s,|]+")
_SEPARATORS = ("\t", " | ", ", ", None)
_NO_VALUE = "-"


@dataclass(frozen=True)
class AskedKey:
    """The key, or part of a key, that was asked for.

    Attributes:
        part: Values by key column, of the column's type, None for NULL; for all, some or no key columns.
        text: A text that may show a whole key; `part` then applies if it does not.
    """

    part: Mapping[str, Any]
    text: str = ""

    def is_whole(self, spec: TableSpec) -> bool:
        return len(self.part) == len(spec.key_columns)

    def shown_by(self, spec: TableSpec, keys: Sequence[Mapping[str, Any]]) -> list[int]:
        """Return the indexes of the keys that the text shows, whole or without the values that all keys share."""
        wanted, shared = _words(self.text), shared_columns(keys, spec.key_columns)
        rest = [name for name in spec.key_columns if name not in shared]
        forms = (spec.key_columns, rest)
        return [
            number
            for number, key in enumerate(keys)
            if any(_words(" ".join(key_texts(key, names))) == wanted for names in forms)
        ]


def asked_key(spec: TableSpec, columns: Sequence[Column], values: Sequence[Any], named: Mapping[str, Any]) -> AskedKey:
    """Interpret the arguments of `Scope.explain`.

    Args:
        spec: The table's spec.
        columns: The table's columns.
        values: In the order of the key columns; or one text, or one row of a DataFrame.
        named: By key column.

    Raises:
        UserError: The key column does not exist, a value is not of its type, or there are too many.
    """
    types = {column.name.lower(): column for column in columns}
    if len(values) == 1 and (row := _row(values[0])) is not None:
        names = {name.lower() for name in spec.key_columns}
        named = {**{str(name): value for name, value in row.items() if str(name).lower() in names}, **named}
        values = ()
        if not named:
            raise UserError(f"the row has none of the key columns: {', '.join(spec.key_columns)}")
    if len(values) == 1 and isinstance(values[0], str) and len(spec.key_columns) > 1 and not named:
        text = one_line(values[0])
        return AskedKey(_split(spec, types, values[0]) or _part(spec, types, [text], {}), text)
    return AskedKey(_part(spec, types, values, named))


def _row(value: Any) -> Mapping[str, Any] | None:
    """Return a mapping, a pandas row or one-row frame, or a named tuple as a mapping; None: it is a value."""
    if hasattr(value, "iloc") and getattr(value, "ndim", 0) == 2:
        if len(value) != 1:
            raise UserError(f"the frame has {len(value):,} rows; give one of them, such as frame.iloc[0]")
        value = value.iloc[0]
    if hasattr(value, "_asdict"):
        value = value._asdict()
    return dict(value.items()) if hasattr(value, "items") else None


def _part(
    spec: TableSpec, types: Mapping[str, Column], values: Sequence[Any], named: Mapping[str, Any]
) -> dict[str, Any]:
    """In the order of the key columns."""
    if len(values) > len(spec.key_columns):
        raise UserError(
            f"got {len(values)} values, but a key has {len(spec.key_columns)}: {', '.join(spec.key_columns)}"
        )
    by_lower = {name.lower(): name for name in spec.key_columns}
    given = dict(zip(spec.key_columns, values, strict=False))
    for name, value in named.items():
        column = by_lower.get(name.lower())
        if column is None:
            raise no_such("key column", name, spec.key_columns)
        if column in given:
            raise UserError(f"{column} is given twice; give it by position or by name")
        given[column] = value
    return {name: _typed(types.get(name.lower()), name, given[name]) for name in spec.key_columns if name in given}


def _typed(column: Column | None, name: str, value: Any) -> Any:
    if is_missing(value):
        return None
    if column and column.type == "STRING" and isinstance(value, str):
        return str(value)  # unchanged: staging reads a blank as NULL, but another writer may have stored one
    read = reader(column, exact=True) if column else None
    if read is None or column is None:
        return value
    try:
        return read(value)
    # Whatever error a foreign value's library raises, the value is not of the column's type.
    except Exception:
        raise UserError(f"{name}: {shown_value(value)} is not a value of its column, which is {column.type}") from None


def _split(spec: TableSpec, types: Mapping[str, Column], text: str) -> dict[str, Any] | None:
    """Return the values of a whole key in a text; None: the text is not a whole key."""
    for separator in _SEPARATORS:
        parts = [part.strip() for part in text.split(separator)]
        if len(parts) == len(spec.key_columns):
            pairs = zip(spec.key_columns, parts, strict=True)
            values = [None if part == _NO_VALUE and name in spec.nullable_keys else part for name, part in pairs]
            try:
                return _part(spec, types, values, {})
            except UserError:
                continue
    return None


def _words(text: str) -> list[str]:
    return [word for word in _BETWEEN.split(one_line(text)) if word]
