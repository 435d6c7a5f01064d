"""The coordinator's batch documents as JSON files in the state folder, exported by a program or an operator.

A file holds one document, a list of documents, or an object that maps batch ids to documents. A document has a
``batch_id``, unless its key or the file's name gives it, and may have the documents of its items in ``completions``:

    {"batch_2026-01-17_1768650000": {"game_date": "2026-01-17", "expected_players": ["a", "b"], "completed_count": 1,
     "completions": {"a": {"completed_at": "2026-01-18T02:40:00Z"}}}}
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from lib.errors import SourceUnavailable
from lib.ports.batch_documents import FIELDS, batch_state
from lib.ports.batch_states import BatchState, newest_first
from lib.words.brief import brief
from lib.words.nouns import counted

_MOST_FILES = 2_000
_LARGEST_BYTES = 50_000_000


class FileBatchStates:
    """A `BatchStates` port over a file, or over the ``*.json`` files of a folder.

    Args:
        path: The file or folder.
    """

    __repr__ = brief("place")

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def place(self) -> str:
        return f"{self._path} (batch_state.path)"

    def of_date(self, game_date: date) -> list[BatchState]:
        return newest_first([state for state in self._states() if state.game_date == game_date])

    def since(self, moment: datetime) -> list[BatchState]:
        return newest_first([state for state in self._states() if state.started_at and state.started_at >= moment])

    def batch(self, batch_id: str) -> BatchState | None:
        return next((state for state in self._states() if state.batch_id == batch_id), None)

    def _states(self) -> Iterator[BatchState]:
        for path in self._files():
            for name, document in _documents(path, _content(path)):
                completions = document.get("completions")
                yield batch_state(name, document, _moments(completions) if isinstance(completions, dict) else None)

    def _files(self) -> list[Path]:
        if not self._path.is_dir():
            return [self._path]
        try:
            found = sorted(path for path in self._path.iterdir() if path.suffix == ".json")
        except OSError as error:
            raise SourceUnavailable(f"{self._path} cannot be read: {error.strerror or error}") from error
        if len(found) > _MOST_FILES:
            raise SourceUnavailable(f"{self._path} has {counted(len(found), 'file')}; at most {_MOST_FILES:,} are read")
        return found


def _content(path: Path) -> Any:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise SourceUnavailable(f"{path} is larger than {_LARGEST_BYTES // 1_000_000} MB, so it was not read")
        return json.loads(path.read_bytes())
    except OSError as error:
        raise SourceUnavailable(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError):
        raise SourceUnavailable(f"{path} is not JSON; export it again, or correct batch_state.path") from None


def _documents(path: Path, content: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the documents of a file with their names."""
    if isinstance(content, dict) and content.keys().isdisjoint({"batch_id", *FIELDS}):
        named = [(name, document) for name, document in content.items()]
    else:
        listed = content if isinstance(content, list) else [content]
        named = [(path.stem, document) for document in listed]
    for name, document in named:
        if not isinstance(document, dict):
            raise SourceUnavailable(f"{path} contains something other than a batch document: {document!r:.60}")
        own = document.get("batch_id")
        yield (own if isinstance(own, str) and own else name), document


def _moments(completions: Mapping[str, Any]) -> dict[str, Any]:
    return {
        player: completion.get("completed_at") if isinstance(completion, dict) else None
        for player, completion in completions.items()
    }
