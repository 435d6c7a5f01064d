"""The configurations in which the model is checked: with certain events, and without certain defences."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Configuration:
    """One exhaustive search.

    Attributes:
        title: What is different from the others.
        switches: See the head of ``lock_and_fence.pml``.
        breaks: A part of the assertion that must be violated; if empty, none may be violated.
        because: What a violation means.
        liveness: Whether to check only that everything is consolidated in the end.
    """

    title: str
    switches: tuple[str, ...]
    breaks: str = ""
    because: str = ""
    liveness: bool = False


def _sized(coordinators: int, batches: int, *switches: str) -> tuple[str, ...]:
    return (f"COORDINATORS={coordinators}", f"BATCHES={batches}", *switches)


_ALL_EVENTS = _sized(2, 1, "PAUSES=1")

OURS = (
    Configuration("two coordinators of one batch; pause, crash, lost answer, forced release", _ALL_EVENTS),
    Configuration("two coordinators of two batches; the same events", _sized(2, 2, "PAUSES=1")),
    Configuration("three coordinators of two batches; pauses, lost answers", _sized(3, 2, "NO_STEAL", "NO_CRASH")),
    Configuration("three coordinators without the lock; crashes", _sized(3, 2, "NO_LOCK")),
    Configuration("three coordinators, two with another date column", _sized(3, 2, "NO_LOCK", "MIXED_SPECS")),
    Configuration("two coordinators; leases never expire", _sized(2, 2, "NO_EXPIRY", "NO_CRASH")),
    Configuration(
        "two coordinators of two lines of a player; pauses", _sized(2, 2, "PAUSES=1", "LINES_MOVE", "NO_CRASH")
    ),
    Configuration("three coordinators of three lines without the lock", _sized(3, 3, "NO_LOCK", "LINES_MOVE")),
    Configuration("progress: pauses, lost answers, a crash", _sized(2, 1, "PAUSES=1", "NO_STEAL"), liveness=True),
    Configuration("progress without the lock", _sized(2, 2, "NO_LOCK"), liveness=True),
)

_TWO_ROWS = ("copies<=1", "two rows of one key: the incident")
_TWO_LINES = ("(lines&(lines-1))==0", "two active lines of one player")
_FENCE_BACK = ("token>=(", "the fence moves back: an old holder writes after a newer one")

WITHOUT = (
    Configuration("without the fence", (*_ALL_EVENTS, "NO_FENCE"), *_TWO_ROWS),
    Configuration("without fence and lock: the code before the fix", _sized(2, 2, "NO_LOCK", "NO_FENCE"), *_TWO_ROWS),
    Configuration("the fence is read, not updated", (*_ALL_EVENTS, "READ_FENCE"), *_TWO_ROWS),
    Configuration(
        "only one of two racing fence rows is updated, no lock", _sized(2, 1, "NO_LOCK", "ONE_FENCE_ROW"), *_TWO_ROWS
    ),
    Configuration("a setting decides which fence row is moved", _sized(2, 2, "NO_LOCK", "MIXED_SCOPE"), *_TWO_ROWS),
    Configuration(
        "a spec other than the recorded one is accepted", _sized(2, 2, "NO_LOCK", "MIXED_SPECS", "ANY_SPEC"), *_TWO_ROWS
    ),
    Configuration("lines move, without the fence", _sized(2, 2, "NO_LOCK", "LINES_MOVE", "NO_FENCE"), *_TWO_LINES),
    Configuration(
        "lines move, the fence is read, not updated", _sized(2, 2, "NO_LOCK", "LINES_MOVE", "READ_FENCE"), *_TWO_LINES
    ),
    Configuration("old lines are set inactive afterwards", _sized(2, 2, "LINES_MOVE", "AFTERWARDS"), *_TWO_LINES),
    Configuration("a stale token is not refused", (*_ALL_EVENTS, "ANY_TOKEN"), *_FENCE_BACK),
    Configuration(
        "a forced release does not move the fence",
        (*_ALL_EVENTS, "STEAL_ONLY"),
        "token>=shut_out",
        "a holder writes after its lock was released by force",
    ),
    Configuration(
        "a release deletes the record of any holder",
        (*_ALL_EVENTS, "DELETE_ANY"),
        "believers<=1",
        "two holders believe that they hold the lock",
    ),
    Configuration(
        "a lease is trusted after it has expired",
        (*_ALL_EVENTS, "TRUST_TOO_LONG"),
        "believers<=1",
        "two holders believe that they hold the lock",
    ),
    Configuration(
        "the ledger is not read", (*_ALL_EVENTS, "NO_LEDGER"), "!(is_in_ledger[batch])", "a batch is merged twice"
    ),
    Configuration(
        "staging is dropped before the commit",
        (*_ALL_EVENTS, "DROP_FIRST"),
        "is_staged[batch]||is_in_ledger[batch]",
        "staged rows are lost",
    ),
    Configuration(
        "progress: the record is not read after a lost answer, and leases never expire",
        _sized(2, 1, "NO_READ_BACK", "NO_EXPIRY", "NO_CRASH", "NO_STEAL"),
        "acceptance cycle",
        "a holder locks itself out forever",
        liveness=True,
    ),
    Configuration(
        "progress: a dead holder, and leases never expire",
        _sized(2, 1, "NO_EXPIRY", "NO_STEAL"),
        "invalid end state",
        "all wait for a dead holder forever",
    ),
)
