"""A variant that the proof tests: the library, the library without one defence, or the original code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from lib.consolidation.result import ConsolidationResult

if TYPE_CHECKING:
    from proof.program import Program


class Consolidator(Protocol):
    """Anything that can consolidate a batch."""

    def consolidate_batch(self, *, batch_id: str, game_date: date, use_lock: bool) -> ConsolidationResult: ...


@dataclass(frozen=True)
class Variant:
    """One way to consolidate.

    Attributes:
        name: Its name on the command line.
        title: What is different.
        patches: Object, attribute and replacement, patched while a schedule runs.
        consolidator: What consolidates in a program; None for the library's.
        has_ledger: Whether it has a ledger and a fence.
        not_asked: Promises that do not apply, because their subject was removed.
        lines_move: Whether the table keeps one row of each player active: a moved line supersedes the old one.
    """

    name: str
    title: str
    patches: Sequence[tuple[Any, str, Any]] = ()
    consolidator: Callable[[Program], Consolidator] | None = None
    has_ledger: bool = True
    not_asked: frozenset[str] = frozenset()
    lines_move: bool = False


OURS = Variant("ours", "the unchanged library")
OURS_MOVING = Variant(
    "ours-lines-move", "the same, on a table where a moved line supersedes the old one", lines_move=True
)
