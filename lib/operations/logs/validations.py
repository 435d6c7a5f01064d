"""Failed validations, compared with the table: an older validation also counts inactive rows."""

from __future__ import annotations

from collections.abc import Sequence

from lib.consolidation.upkeep.duplicates import DuplicateCount
from lib.operations.duplicate_counts import DuplicateCounts
from lib.operations.logs.events import EventKind
from lib.operations.logs.timeline import Consolidation, batch_names
from lib.verdict.check import Check, Question
from lib.verdict.section import or_fault
from lib.words.nouns import agreeing, counted


def invalid_runs(runs: Sequence[Consolidation]) -> list[Consolidation]:
    """Return the runs whose validation found duplicates."""
    return [run for run in runs if EventKind.VALIDATION_FAILED in run.events]


def invalid_check(question: Question, invalid: Sequence[Consolidation], counts: DuplicateCounts) -> Check:
    """Return FAIL, and whether readers see any of the duplicates."""
    days = sorted({day for run in invalid if (day := run.likely_game_date)})
    by_date, _ = or_fault(lambda: [counts.on(day) for day in days])
    since = min(run.started_at for run in invalid)
    summary = f"validation found duplicates in {counted(len(invalid), 'consolidation')}: {batch_names(invalid)}"
    if by_date and all(is_of_inactive_rows(count) for count in by_date):
        step = "No repair is needed. Make the validation count active rows only, and start what waits for it."
        return question.fails(f"{summary}; {'; '.join(map(in_words, by_date))}", step, since=since)
    step = "Their staging tables are kept: run duplicate_diagnosis for the date."
    return question.fails(summary, step, since=since)


def is_of_inactive_rows(count: DuplicateCount) -> bool:
    """Whether the date has duplicate keys, but none that readers see twice."""
    return bool(count.inactive_keys) and not count.duplicate_keys


def in_words(count: DuplicateCount) -> str:
    """Describe what a validation that counts all rows found on a date where `is_of_inactive_rows` holds."""
    return (
        f"0 active on {count.game_date}: {counted(count.inactive_keys, 'duplicate key')} of inactive rows "
        f"{agreeing(count.inactive_keys, 'is')} harmless: readers see each key once"
    )
