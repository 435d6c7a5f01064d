"""Lines about the lock, a MERGE or staging that no dialect recognises: services change what they log."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lib.operations.logs.dialects import LONGEST_MESSAGE
from lib.operations.logs.events import EventKind
from lib.operations.logs.lines import is_error, is_lock_service_error, without_prefix
from lib.operations.logs.timeline import FAILURES, Consolidation, Progress, batch_names
from lib.ports.logs import LogEntry
from lib.verdict.check import Check, Question
from lib.verdict.section import Table
from lib.words.dates import local_time
from lib.words.nouns import counted
from lib.words.quantities import Value
from lib.words.text import text_of

if TYPE_CHECKING:
    from lib.operations.logs.history import LogHistory

UNREAD = Question(
    "unread_lines",
    "Unrecognised log lines",
    affects="the checks that read logs: they do not count these lines",
    can_wait="yes: no row depends on it",
)
# In these spellings, since log readers match case.
SUBJECT_WORDS = ("consolidation", "CONSOLIDATION", "MERGE", "staging", "Staging", "STAGING")

_SUBJECT = re.compile(r"consolidation[ _]locks?|lock consolidation_|\bMERGE\b|(?-i:\b_?[Ss]taging|STAGING)", re.I)
# Words with digits, numbers and quoted text: they differ from line to line.
_VARIABLE = re.compile(r"'[^']{0,200}'|\"[^\"]{0,200}\"|[\w.-]{0,200}\d[\w.-]{0,200}|[0-9a-f]{8,200}")
_LONGEST_SHAPE = 200
_KNOWN_FOR = timedelta(days=7)
_DETAILS_WITHIN = timedelta(seconds=1)
_ENDS = FAILURES | {EventKind.NOT_VALIDATED, EventKind.LOCK_SERVICE_ERROR}


def speaks_of_it(message: str) -> bool:
    """Whether a line is about the lock, a MERGE or staging."""
    return _SUBJECT.search(message[:LONGEST_MESSAGE]) is not None


def shape_of(message: str) -> str:
    """Return the line without its prefix, numbers and names: similar lines have the same shape."""
    return _VARIABLE.sub("#", text_of(without_prefix(message[:LONGEST_MESSAGE]))[:_LONGEST_SHAPE])


def unread_lines(history: LogHistory) -> list[LogEntry]:
    """Return such lines of the period, except those right after a failure: they are its details, like a traceback.

    Raises `SourceUnavailable`.
    """
    found: list[LogEntry] = []
    failed_at: dict[tuple[str, str], datetime] = {}
    for entry in history.entries:
        source, known = (entry.service, entry.instance), history.dialects.found(entry.message)
        if known is None and speaks_of_it(entry.message) and not is_lock_service_error(entry, history.dialects):
            before = failed_at.get(source)
            if before is None or entry.timestamp - before > _DETAILS_WITHIN:
                found.append(entry)
        elif known and known[1] in _ENDS:
            failed_at[source] = entry.timestamp
    return found


def closes_nothing(history: LogHistory, run: Consolidation) -> bool:
    """Whether the run stopped logging, and unrecognised lines of its instance followed: one may be its end."""
    if history.progress(run) is not Progress.UNFINISHED:
        return False
    source = (run.service, run.instance)
    return any((entry.service, entry.instance) == source and entry.timestamp >= run.last_at for entry in history.unread)


def unread_check(history: LogHistory) -> Check | None:
    """Return UNKNOWN if such a line is an error or may end a run; WARN for a new shape; None: there are none.

    A shape that was logged in the week before is not new. Raises `SourceUnavailable`.
    """
    if not history.unread:
        return None
    unclosed = [run for run in history.consolidations if closes_nothing(history, run)]
    failing = [entry for entry in history.unread if is_error(entry, history.dialects)]
    new = {shape_of(entry.message) for entry in history.unread} - _known_shapes(history)
    evidence: dict[str, Value] = {
        "lines": len(history.unread),
        "of them errors": len(failing),
        "new shapes": len(new),
        "last": text_of(history.unread[-1].message[:_LONGEST_SHAPE]),
    }
    service = history.unread[-1].service
    question = UNREAD.on(evidence, [history.platform.commands.read_any_log(service)])
    step = "Read them, and add their meaning to one of the environment's dialects (params/dialects)."
    if unclosed:
        return question.unknown(
            f"{counted(len(history.unread), 'line')}; one may be the end of {batch_names(unclosed)}", step
        )
    if failing:
        return question.unknown(
            f"{counted(len(failing), 'error line')}, the last: {text_of(failing[-1].message[:160])}", step
        )
    if new:
        return question.warns(f"{counted(len(history.unread), 'line')}, {counted(len(new), 'new shape')}", step)
    return question.passes(f"{counted(len(history.unread), 'line')}, no new shapes and no errors")


def unread_table(history: LogHistory) -> Table:
    """Return a table of the shapes and how often each was logged, the most frequent first."""
    times = Counter(shape_of(entry.message) for entry in history.unread)
    last = {shape_of(entry.message): entry for entry in history.unread}
    zone = history.platform.environment.timezone
    rows = [
        (last[shape].service, count, local_time(last[shape].timestamp, zone), last[shape].message)
        for shape, count in times.most_common()
    ]
    note = "Lines about the lock, a MERGE or staging. Similar lines are counted together."
    return Table(UNREAD.name, ("Service", "Times", "Last", "Last line"), rows, note, shown=15)


def _known_shapes(history: LogHistory) -> set[str]:
    """Return the shapes of the week before."""
    before: Iterable[LogEntry] = history.platform.logs.entries(
        history.platform.environment.services.both,
        since=history.since - _KNOWN_FOR,
        until=history.since,
        containing=SUBJECT_WORDS,
    )
    return {shape_of(entry.message) for entry in before if speaks_of_it(entry.message)}
