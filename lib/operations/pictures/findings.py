"""One sentence that says what a picture shows."""

from __future__ import annotations

from collections.abc import Sequence

from lib.locking.store import LockRecord
from lib.operations.pictures.overlaps import Shared
from lib.operations.pictures.parts import Drawn
from lib.verdict.timeline.data import Ending
from lib.words.nouns import counted
from lib.words.quantities import spoken_seconds


def finding_of(shared: Sequence[Shared], chosen: Sequence[Drawn], held: Sequence[LockRecord]) -> str:
    """Return the sentence; needs at least one consolidation in `chosen`, or one held lock."""
    if is_about_overlap(chosen, shared):
        return _overlap_in_words(shared[0])
    if chosen:
        keys = [record.claim.lock_key for record in held if record.claim.batch_id == chosen[0].run.batch_id]
        return f"{_run_in_words(chosen[0])}{f'; it still holds {keys[0]}' if keys else ''}"
    names = ", ".join(record.claim.lock_key for record in held[:3])
    return f"{counted(len(held), 'lock', 'is')} held, and their holders logged nothing: {names}"


def is_about_overlap(chosen: Sequence[Drawn], shared: Sequence[Shared]) -> bool:
    """Whether a chosen consolidation took part in the longest overlap."""
    return bool(shared) and any(one in shared[0].members for one in chosen)


def _overlap_in_words(shared: Shared) -> str:
    """``The MERGEs of batch_1 and batch_2 overlapped for 1.3 s, without the lock``."""
    number, names = len(shared.members), list(dict.fromkeys(one.batch for one in shared.runs))
    merges = f"{number} MERGEs"
    if all(names) and len(names) == 1:
        merges = f"{number} MERGEs of {names[0]}"
    elif all(names) and number == 2:
        merges = f"The MERGEs of {names[0]} and {names[1]}"
    without = sum(one.run.merged_without_lock for one in shared.members)
    lock = {0: "", number: ", without the lock"}.get(without, f", {without} of them without the lock")
    return f"{merges} overlapped for {spoken_seconds(shared.seconds)}{lock}"


def _run_in_words(one: Drawn) -> str:
    run, name = one.run, one.run.batch_id or "an unnamed batch"
    if run.failure:
        return f"{name}: {run.failure.kind}"
    if one.ending is Ending.UNFINISHED:
        return f"{name} logged nothing after: {run.latest}"
    if one.ending is Ending.RUNNING:
        return f"{name} is still running: {run.latest}"
    waited = f", {spoken_seconds(run.lock_wait_seconds)} of it waiting for the lock" if run.lock_wait_seconds else ""
    return f"{name} took {spoken_seconds((one.end - one.start).total_seconds())}{waited}"
