"""The state of a batch: complete and consolidated, complete but not consolidated, in progress, or stuck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lib.environment.nouns import Nouns
from lib.operations.batches.outcome import Outcome
from lib.ports.batch_states import BatchState
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from lib.words.nouns import agreeing, counted, plural
from lib.words.text import one_line

_MOST_NAMED = 10
_LONGEST_NAME = 60
_ITEM = "item"


class Standing(StrEnum):
    """The states of a batch, worst first."""

    WAITING = "complete, NOT consolidated"
    GONE = "complete, rows not found"
    STUCK = "stuck"
    NOT_KNOWN = "unknown"
    UNSEEN = "complete, no sign of a consolidation"
    PARTLY = "stuck, consolidated as it was"
    GIVEN_UP = "stuck, replaced by a later batch"
    MOVING = "in progress"
    DUE = "complete, consolidation due"
    COMPLETE = "complete"
    EMPTY = "complete, nothing expected"
    CONSOLIDATED = "complete and consolidated"


VERDICTS: Mapping[Standing, Verdict] = {
    **dict.fromkeys(Standing, Verdict.PASS),
    Standing.WAITING: Verdict.FAIL,
    Standing.GONE: Verdict.FAIL,
    Standing.STUCK: Verdict.FAIL,
    Standing.NOT_KNOWN: Verdict.UNKNOWN,
    Standing.UNSEEN: Verdict.UNKNOWN,
    Standing.PARTLY: Verdict.WARN,
    Standing.GIVEN_UP: Verdict.WARN,
}


@dataclass(frozen=True)
class Judged:
    """A batch, its state, and the evidence."""

    state: BatchState
    standing: Standing
    outcome: Outcome

    @property
    def verdict(self) -> Verdict:
        return VERDICTS[self.standing]

    @property
    def name(self) -> str:
        return shown(self.state.batch_id)


def judge(
    states: Sequence[BatchState],
    outcomes: Mapping[str, Outcome] | None,
    *,
    now: datetime,
    stuck_after: timedelta,
) -> list[Judged]:
    """Judge the batches of one date and return them worst first.

    Args:
        states: All batches of the date.
        outcomes: The outcome of each batch by its id; None if the rows were not searched for.
        now: The current time (UTC).
        stuck_after: A batch without progress for longer than this is stuck.
    """
    judged = []
    for state in states:
        outcome = (outcomes or {}).get(state.batch_id, Outcome())
        if not state.is_done:
            standing = _unfinished(state, now, stuck_after)
            standing = _made_up_for(state, states, outcome) if standing is Standing.STUCK else standing
        elif outcomes is None:
            standing = Standing.COMPLETE
        else:
            standing = _complete(state, outcome, now, stuck_after)
        judged.append(Judged(state, standing, outcome))
    order = list(Standing)
    return sorted(judged, key=lambda one: (-one.verdict.badness, order.index(one.standing)))


def _complete(state: BatchState, outcome: Outcome, now: datetime, stuck_after: timedelta) -> Standing:
    if outcome.merged:
        return Standing.CONSOLIDATED
    if outcome.fault:
        return Standing.NOT_KNOWN
    if state.expected == 0 and not (state.predictions or outcome.rows):
        return Standing.EMPTY
    if (ended_at := _ended_at(state, outcome)) and now - ended_at <= stuck_after:
        return Standing.DUE
    if outcome.tables:
        return Standing.WAITING
    return Standing.GONE if outcome.is_gone else Standing.UNSEEN


def _ended_at(state: BatchState, outcome: Outcome) -> datetime | None:
    """A document without a completion time may still be written long after the last rows."""
    if state.completed_at or outcome.written_at is None:
        return state.ended_at
    return min(state.ended_at or outcome.written_at, outcome.written_at)


def _unfinished(state: BatchState, now: datetime, stuck_after: timedelta) -> Standing:
    if state.moved_at is None:
        return Standing.NOT_KNOWN
    return Standing.STUCK if _is_stuck(state, state.moved_at, now, stuck_after) else Standing.MOVING


def _made_up_for(state: BatchState, states: Sequence[BatchState], outcome: Outcome) -> Standing:
    """A stuck batch no longer waits once it was consolidated as it was, or a later batch replaced it."""
    if outcome.merged:
        return Standing.PARTLY
    return Standing.GIVEN_UP if any(_makes_up_for(later, state) for later in states) else Standing.STUCK


def _makes_up_for(later: BatchState, state: BatchState) -> bool:
    """Whether a complete batch that started later has everything that is missing."""
    if not (later.is_done and later.started_at and state.started_at and later.started_at > state.started_at):
        return False
    there = set(later.expected_names or ()) - set(later.missing or ())
    return state.missing is not None and there.issuperset(state.missing)


def _is_stuck(state: BatchState, moved_at: datetime, now: datetime, stuck_after: timedelta) -> bool:
    """Each retry writes the document, so a batch seems to move while everything missing keeps failing."""
    if now - moved_at > stuck_after:
        return True
    all_failed = bool(state.missing) and set(state.missing or ()) <= set(state.failed)
    return all_failed and state.started_at is not None and now - state.started_at > stuck_after


def in_words(one: Judged, zone: str, nouns: Nouns) -> str:
    """Return a clause with the batch's id and the deciding figures.

    Such as ``b1 is stuck at 87%: 17 of 130 players missing since 21:40: a, b, c and 14 more``.

    Args:
        one: The batch.
        zone: The zone in which times are shown.
        nouns: The environment's nouns.
    """
    state, outcome = one.state, one.outcome
    complete = f"{one.name} is complete{_of(state, nouns, ' ({})')}"
    ended_at = _ended_at(state, outcome)
    since = f" since {local_time(ended_at, zone)}" if ended_at else ""
    match one.standing:
        case Standing.WAITING:
            return (
                f"{complete}{since} but not consolidated: {counted(outcome.rows, 'row')} in "
                f"{counted(outcome.tables, 'staging table')} {agreeing(outcome.rows, 'waits')}"
            )
        case Standing.GONE:
            return f"{complete}{since}, but none of its rows are staged or in the table{_recorded(state)}"
        case Standing.UNSEEN:
            return f"{complete}{since}, but no staging table, ledger row or log line shows a consolidation"
        case Standing.STUCK | Standing.PARTLY | Standing.GIVEN_UP:
            at = f" at {_percent(state)}" if state.percent is not None else ""
            merged = f"; consolidated without them: {outcome.merged}" if outcome.merged else ""
            return f"{one.name} is stuck{at}: {_missing(state, zone, nouns)}{merged}"
        case Standing.MOVING:
            last = local_time(state.moved_at, zone)
            return f"{one.name} is in progress: {_percent(state)}{_of(state, nouns, ', {}')}; last progress {last}"
        case Standing.NOT_KNOWN:
            why = outcome.fault or "; ".join(state.faults[:2]) or "its document has no time and no count"
            if state.is_done:
                return f"{complete}; could not check its rows: {why}"
            return f"{one.name} cannot be read: {one_line(why)}"
    return f"{complete}{f' and consolidated: {outcome.merged}' if outcome.merged else since}{_left_out(state, nouns)}"


def entities(number: float, nouns: Nouns) -> str:
    """Return the number with the environment's noun, such as ``17 players``."""
    return nouns.entities(number, _ITEM)


def items(nouns: Nouns) -> str:
    """Return the environment's noun in the plural, such as ``players``."""
    return plural(nouns.entity or _ITEM)


def shown(name: str) -> str:
    """Return an id or a name, which may be any text, as one bounded line."""
    line = one_line(name) or "(no name)"
    return line if len(line) <= _LONGEST_NAME else f"{line[:_LONGEST_NAME]}…"


def first_named(names: Sequence[str]) -> str:
    """Return the first ten names, such as ``a, b, c and 7 more``."""
    more = len(names) - _MOST_NAMED
    return ", ".join(map(shown, names[:_MOST_NAMED])) + (f" and {more} more" if more > 0 else "")


def _percent(state: BatchState) -> str:
    """Never 100% while something is missing."""
    return "share unknown" if state.percent is None else f"{min(99, round(state.percent))}%"


def _of(state: BatchState, nouns: Nouns, form: str) -> str:
    if state.expected is None or state.missing_count is None:
        return ""
    return form.format(f"{state.expected - state.missing_count:,} of {entities(state.expected, nouns)}")


def _missing(state: BatchState, zone: str, nouns: Nouns) -> str:
    since = f"since {local_time(state.moved_at, zone)}"
    if state.missing_count is None:
        return f"no progress {since}; the number of missing {items(nouns)} is not recorded"
    count = f"{state.missing_count:,} of {entities(state.expected or 0, nouns)} missing"
    failed = f"; failed: {first_named(state.failed)}" if state.failed else ""
    if state.missing is None:
        return f"{count} {since} (names not recorded{failed})"
    each = ", all failed" if set(state.missing) <= set(state.failed) else ""
    return f"{count} {since}{each}: {first_named(state.missing)}"


def _recorded(state: BatchState) -> str:
    return "" if state.predictions is None else f"; it records {counted(state.predictions, 'row')}"


def _left_out(state: BatchState, nouns: Nouns) -> str:
    """What is missing from a batch that its coordinator closed."""
    if not state.missing_count:
        return ""
    names = f": {first_named(state.missing)}" if state.missing else " (names not recorded)"
    return f"; without {entities(state.missing_count, nouns)}{names}"
