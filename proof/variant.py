"""A way to consolidate that the proof is put to: ours, ours with a defence taken away, the original."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from lib.consolidation.result import ConsolidationResult

if TYPE_CHECKING:
    from proof.program import Program


class Consolidator(Protocol):
    """The one call of a consolidation."""

    def consolidate_batch(self, *, batch_id: str, game_date: date, use_lock: bool) -> ConsolidationResult: ...


@dataclass(frozen=True)
class Variant:
    """One way to consolidate.

    Attributes:
        name: For the command line.
        title: What is different, in words.
        patches: Object, attribute and stand-in, put in place while a schedule runs.
        consolidator: Who consolidates in a program; None: the library's.
        has_ledger: Whether it keeps a ledger and a fence at all.
        not_asked: Promises that say nothing of it, since what they are about was taken away.
        lines_move: Whether the table keeps one row of each player active: a line that moves supersedes the old one.
    """

    name: str
    title: str
    patches: Sequence[tuple[Any, str, Any]] = ()
    consolidator: Callable[[Program], Consolidator] | None = None
    has_ledger: bool = True
    not_asked: frozenset[str] = frozenset()
    lines_move: bool = False


OURS = Variant("ours", "the library as it is")
OURS_MOVING = Variant("ours-lines-move", "the same on a table where a line that moves supersedes", lines_move=True)
