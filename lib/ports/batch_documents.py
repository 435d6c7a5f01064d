"""Read the coordinator's document of a batch as a `BatchState`, wherever it is stored.

The document is hostile input: a field of the wrong type is reported as a fault and counts as not recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from lib.ports.batch_states import MOST_PLAYERS, BatchState
from lib.ports.log_export import parse_time

FIELDS = (
    "game_date",
    "expected_players",
    "completed_players",
    "completed_count",
    "failed_players",
    "total_predictions",
    "is_complete",
    "start_time",
    "completion_time",
    "updated_at",
)
_LONGEST_NAME = 200
_LARGEST_COUNT = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Times outside these years cannot belong to a batch; within them no time zone conversion overflows.
_FIRST_YEAR, _LAST_YEAR = 2000, 2200


def batch_state(batch_id: str, fields: Mapping[str, Any], completions: Mapping[str, Any] | None = None) -> BatchState:
    """Return the state that a document describes.

    Args:
        batch_id: The document's name.
        fields: Its fields.
        completions: `completed_at` by item, for items that have their own document; None if not read.
    """
    read = _Fields(fields)
    expected, expected_names = read.players("expected_players", may_be_number=True)
    listed, done = read.players("completed_players")
    counts = [listed, read.count("completed_count")]
    moments: list[datetime] = []
    if completions is not None:
        done = tuple({*(done or ()), *(name[:_LONGEST_NAME] for name in completions)})
        counts.append(len(done))
        moments = [moment for value in completions.values() if (moment := _moment(value))]
    known = [count for count in counts if count is not None]
    completed = max(known, default=None)
    # If the count exceeds the names, some names are not recorded and would wrongly count as missing.
    has_names = expected_names is not None and done is not None and len(done) >= (completed or 0)
    _, failed = read.players("failed_players")
    return BatchState(
        batch_id=batch_id,
        game_date=read.day("game_date"),
        expected=expected,
        expected_names=expected_names,
        completed=completed,
        missing=tuple(sorted(set(expected_names or ()) - set(done or ()))) if has_names else None,
        failed=failed or (),
        predictions=read.count("total_predictions"),
        is_complete=read.flag("is_complete"),
        started_at=read.moment("start_time"),
        completed_at=read.moment("completion_time"),
        updated_at=read.moment("updated_at"),
        last_done_at=max(moments, default=None),
        faults=tuple(read.faults),
    )


def needs_completions(state: BatchState, fields: Mapping[str, Any]) -> bool:
    """Return whether the batch is not marked complete and only the items' own documents show its progress."""
    listed = fields.get("completed_players")
    return not state.is_complete and not (isinstance(listed, list) and len(listed) >= max(1, state.completed or 0))


class _Fields:
    """The fields of a document; an invalid field is None and adds a line to `faults`."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields
        self.faults: list[str] = []

    def players(self, name: str, *, may_be_number: bool = False) -> tuple[int | None, tuple[str, ...] | None]:
        """Return how many distinct items a field lists, and their names; None for what is not recorded."""
        value = self._fields.get(name)
        if may_be_number and not isinstance(value, list | tuple):
            return self.count(name), None
        if value is None:
            return None, None
        if not isinstance(value, list | tuple):
            self._misfit(name, value, "a list")
            return None, None
        if len(value) > MOST_PLAYERS:
            self.faults.append(f"{name} lists {len(value):,} names; at most {MOST_PLAYERS:,} are read")
            return len(value), None
        names = tuple(dict.fromkeys(each[:_LONGEST_NAME] for each in value if isinstance(each, str) and each))
        if others := sum(not (isinstance(each, str) and each) for each in value):
            self.faults.append(f"{name} has {others:,} entries that are not names")
        return len(names), names

    def count(self, name: str) -> int | None:
        value = self._fields.get(name)
        if value is None:
            return None
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= _LARGEST_COUNT or value != int(value):
            self._misfit(name, value, "a count")
            return None
        return int(value)

    def flag(self, name: str) -> bool:
        value = self._fields.get(name)
        if value is not None and not isinstance(value, bool):
            self._misfit(name, value, "true or false")
        return value is True

    def moment(self, name: str) -> datetime | None:
        value = self._fields.get(name)
        found = _moment(value)
        if value is not None and found is None:
            self._misfit(name, value, "a time")
        return found

    def day(self, name: str) -> date | None:
        value = self._fields.get(name)
        if value is None:
            return None
        try:
            known = value if isinstance(value, datetime) else parse_time(value)
            return known.date() if known else date.fromisoformat(value)
        except (TypeError, ValueError):
            self._misfit(name, value, "a date")
            return None

    def _misfit(self, name: str, value: object, wanted: str) -> None:
        self.faults.append(f"{name} is not {wanted} but {type(value).__name__} {repr(value)[:40]}")


def _moment(value: object) -> datetime | None:
    """Return a plain datetime in UTC, also from subclasses; without a zone it is UTC. None if it is not a time."""
    if isinstance(value, str):
        value = parse_time(value)
    if not isinstance(value, datetime) or not _FIRST_YEAR <= value.year < _LAST_YEAR:
        return None
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return _EPOCH + timedelta(microseconds=(aware - _EPOCH) // timedelta(microseconds=1))
