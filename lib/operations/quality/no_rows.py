"""A date without rows, in the daily check: what ran, what the services logged, and whether rows were due."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from lib.consolidation.ledger import MOST_RUNS, is_cut, ledger_runs
from lib.operations.due.no_rows import Reason, why_no_rows
from lib.operations.logs.history import says_nothing_due
from lib.operations.quality.night import Night
from lib.ports.logs import LogEntry
from lib.verdict.check import Check, Question
from lib.verdict.section import or_fault
from lib.verdict.verdict import Verdict
from lib.words.text import text_of

VOLUME = Question(
    "volume",
    "Volume",
    affects="readers of the date: rows are missing",
    can_wait="until readers need the date",
)
_HALF_A_DAY = timedelta(hours=12)


def without_rows(night: Night) -> Check:
    """Decide whether no rows were due, they are not due yet, or they were lost; UNKNOWN without evidence."""
    batches = _batches(night)
    question = VOLUME.on({"due": str(night.due), "batches": batches}, night.row_count)
    if night.units != 0 and batches and night.is_over:
        step = f"Find out what happened to them: {night.monitoring}"
        return question.fails(f"no rows, although batches ran: {', '.join(batches[:3])}", step)
    reason = _reason(night)
    return question.answer(reason.verdict, f"no rows: {reason.words}", reason.next_step)


def _reason(night: Night) -> Reason:
    """Unreadable logs make the answer UNKNOWN only if it depends on them."""
    if night.due.is_due is False or not night.platform.environment.services.is_named:
        return why_no_rows(night.scope, night.game_date, night.due)
    coordinator, unit = night.platform.environment.services.coordinator, night.platform.environment.unit
    lines, fault = or_fault(
        lambda: list(_lines(night, night.platform.environment.services.both, [str(night.game_date)]))
    )
    said = [line for line in lines or () if line.service == coordinator and says_nothing_due(line, unit)]
    words = f"{coordinator} logged: {text_of(said[-1].message)[:120]}" if said else ""
    reason = why_no_rows(night.scope, night.game_date, night.due, words)
    if night.due.is_due or night.scope.due.settings or reason.verdict is Verdict.PASS:
        return reason
    if fault:
        return Reason(Verdict.UNKNOWN, f"could not read the logs: {fault}", reason.next_step)
    if not night.is_over:
        return reason
    if lines:
        spoke = f"the services logged lines about the date: {text_of(lines[-1].message)[:120]}"
        return Reason(Verdict.UNKNOWN, spoke, f"Read what they were doing: {night.monitoring}")
    if next(iter(_lines(night, [coordinator])), None) is None:
        return Reason(Verdict.UNKNOWN, f"{coordinator} logged nothing that day", reason.next_step)
    return reason


def _batches(night: Night) -> list[str]:
    platform = night.platform
    runs = ledger_runs(platform.warehouse, platform.table, game_date=night.game_date, most=MOST_RUNS)
    names = list(dict.fromkeys([*(run.batch_id for run in runs if run.staged_rows), *night.waiting_batches]))
    return [*names, f"others older than the newest {MOST_RUNS} runs"] if is_cut(runs) else names


def _lines(night: Night, services: Sequence[str], containing: Sequence[str] = ()) -> Iterable[LogEntry]:
    """Batches of a date start the evening before at the earliest, and end in the night after it."""
    since, until = night.starts_at - _HALF_A_DAY, night.ends_at + _HALF_A_DAY
    return night.platform.logs.entries(services, since=since, until=until, containing=containing)
