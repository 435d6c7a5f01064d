"""What a staging table records of itself: its batch, and the main table that it is for.

A line of text that people may read and write too: the friendly name of a table in BigQuery, a comment in DuckDB.
"""

from __future__ import annotations

import re

from lib.consolidation.identifiers import TableName

_NOTE = re.compile(r"staging of batch (?P<batch_id>[A-Za-z0-9_-]+) for (?P<main_table>\w+\.\w+)(, loaded)?", re.ASCII)
_LOADED = ", loaded"


def staging_note(batch_id: str, main_table: TableName) -> str:
    """``staging of batch BATCH for DATASET.TABLE``, as a person may mark a table of another writer."""
    return f"staging of batch {batch_id} for {main_table}"


def loaded_note(batch_id: str, main_table: TableName) -> str:
    """The note of our own writer, whose tables are loaded whole and never added to."""
    return staging_note(batch_id, main_table) + _LOADED


def read_staging_note(text: str) -> tuple[str, str]:
    """The batch and the main table; both empty where the text is something else, as another writer's is."""
    found = _NOTE.fullmatch(text)
    return (found["batch_id"], found["main_table"]) if found else ("", "")


def is_loaded_note(text: str) -> bool:
    """Whether our own writer wrote it."""
    return text.endswith(_LOADED) and _NOTE.fullmatch(text) is not None
