"""What most likely happened to one key, in a sentence, and what to check next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from lib.consolidation.upkeep.duplicates import DuplicateGroup, DuplicateKind
from lib.operations.investigation.key_sources import Sources, Writer
from lib.operations.scope import Scope
from lib.words.dates import local_time
from lib.words.nouns import counted
from lib.words.quantities import spoken_seconds

_MOST_NAMED = 3


def most_likely(scope: Scope, rows: int, superseded: int, group: DuplicateGroup | None, sources: Sources) -> str:
    """Return one sentence about what most likely happened.

    Args:
        scope: The run.
        rows: Number of rows that readers see.
        superseded: Number of stored rows that readers do not see.
        group: How the visible rows differ; None: there are fewer than two.
        sources: Where the rows came from.
    """
    hidden = f"; {counted(superseded, 'more row', 'is')} stored and inactive" if superseded else ""
    if rows == 0:
        return f"{_of_no_row(superseded)}{_waiting(sources)}"
    if rows == 1 or group is None:
        return f"One row, so it is not a duplicate{_by(sources.writers)}{hidden}"
    return f"{_cause(group, sources)}{_apart(group)}{_how(scope, sources)}{hidden}"


def next_look(scope: Scope, rows: int, superseded: int, sources: Sources) -> str:
    """Return what to check next, with its command."""
    commands, day = scope.platform.commands, scope.game_date
    if rows > 1:
        diagnose = commands.run("duplicate_diagnosis", {"date": day})
        if is_past_the_fence(scope, sources):
            verify = commands.run("deploy_verify", {"date": day})
            return f"See the repair: {diagnose}; then what still writes without the fence: {verify}"
        return f"See the repair and the date's timeline: {diagnose}"
    waiting = [copy.batch_id for copy in sources.copies if copy.is_merged is False and copy.batch_id]
    if rows == 0 and waiting and " or " not in waiting[0]:
        return f"See what consolidating its batch would do: {commands.consolidate_dry_run(waiting[0], day)}"
    if rows == 0 and superseded:
        return "If it should be visible, check which row replaced it, and the recorded changes."
    if rows == 0:
        return "Check the values and the date: scope.explain() lists keys of the date."
    key = ", ".join(scope.platform.table.key_columns)
    return f"If readers see it twice, look downstream for a join that leaves out one of {key}."


def _of_no_row(superseded: int) -> str:
    if superseded:
        return f"Readers see no row of this key: {counted(superseded, 'row', 'is')} stored, and none is active"
    return "The date has no row with this key"


def _waiting(sources: Sources) -> str:
    if not sources.copies:
        return ""
    names = _named([copy.batch_id or copy.table for copy in sources.copies])
    if any(copy.is_merged for copy in sources.copies):
        return f"; staging still holds it ({names}), and the ledger lists it as merged: it has been removed since"
    known = " and it is not merged yet" if all(copy.is_merged is False for copy in sources.copies) else ""
    return f"; staging holds it ({names}){known}"


def _cause(group: DuplicateGroup, sources: Sources) -> str:
    names = _certain(sources.writers)
    batches, times = _named(names), "twice" if group.rows == 2 else f"{group.rows} times"
    if len(names) > 1:
        return f"{batches} {'raced' if sources.overlap else 'each inserted the key'}"
    if group.kind is DuplicateKind.SAME_ID:
        return f"{batches or 'One batch'} was consolidated {times}"
    if group.kind is DuplicateKind.IDENTICAL:
        return f"The same row was written {times}{f' by {batches}' if names else ''}"
    if any(writer.rows == group.rows for writer in sources.writers):
        return f"{batches} inserted the key {times}, with rows that differ"
    of = f", one of them from {batches}" if names else ""
    return f"Two generations of the row, or two batches, were inserted for one key{of}"


def _how(scope: Scope, sources: Sources) -> str:
    """Add what the logs and the ledger show."""
    shown = []
    if sources.overlap:
        _, second = sources.overlap
        without = ", without the lock" if any(run.merged_without_lock for run in sources.overlap) else ""
        at = local_time(second.started_at, scope.platform.environment.timezone)
        shown.append(f"two MERGEs overlapped from {at}{without}")
    if is_past_the_fence(scope, sources):
        shown.append("the ledger has no such consolidation, so the fence did not guard it")
    if not sources.writers:
        shown.append("no source shows what wrote them")
    elif not _certain(sources.writers):
        shown.append(f"the date has {counted(len(sources.writers), 'batch')}, and no row shows which one wrote it")
    return "".join(f"; {one}" for one in shown)


def is_past_the_fence(scope: Scope, sources: Sources) -> bool:
    """Whether the ledger lacks the row of their batches that a fenced consolidation would have written."""
    kept_days = scope.platform.table.retention.ledger_days
    is_kept = kept_days is None or scope.game_date > (scope.now - timedelta(days=kept_days)).date()
    return bool(_certain(sources.writers)) and is_kept and not sources.ledger and "ledger" not in sources.not_read


def _apart(group: DuplicateGroup) -> str:
    """How far apart they were created; a batch that was written twice has a single time."""
    return f", created {spoken_seconds(group.gap_ms / 1000)} apart" if group.gap_ms else ""


def _by(writers: Sequence[Writer]) -> str:
    names = _certain(writers)
    return f"; {_named(names)} wrote it" if names else ""


def _certain(writers: Sequence[Writer]) -> list[str]:
    return list(dict.fromkeys(writer.batch_id for writer in writers if writer.is_certain))


def _named(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    if len(unique) > _MOST_NAMED:
        return f"{', '.join(unique[:_MOST_NAMED])} and {len(unique) - _MOST_NAMED} more"
    return " and ".join([", ".join(unique[:-1]), unique[-1]] if len(unique) > 1 else unique)
