"""A proof: what was tried so far on a warehouse, and what it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lib.consolidation.errors import TransactionConflict
from lib.consolidation.identifiers import plain_identifier
from lib.consolidation.trials.race import Arena, Ended, Race
from lib.errors import Unavailable, UserError
from lib.operations.scope import Scope
from lib.ports.scratch import ScratchDatasets
from lib.verdict.check import Check, Question
from lib.verdict.findings import Findings
from lib.words.brief import brief

NOTE = "made by runbook prove"  # how the note of a proof's dataset begins


@dataclass(frozen=True)
class Cancelled:
    """A transaction that was rolled back because of its rival.

    Attributes:
        job_id: The warehouse's name for it.
        found_at: The statement at which the warehouse found the conflict; empty: not known.
        words: How it said so. Hostile input.
        is_recognised: Whether we took it for a conflict, which is tried again.
    """

    job_id: str
    found_at: str
    words: str
    is_recognised: bool


@dataclass(frozen=True)
class Proof:
    """One run's trials, in a dataset of their own.

    Attributes:
        scope: The run.
        arena: The dataset.
        cancelled: All transactions that a rival has ended so far.
    """

    scope: Scope
    arena: Arena
    cancelled: list[Cancelled] = field(default_factory=list)

    __repr__ = brief("arena.dataset", "cancelled")

    @property
    def findings(self) -> Findings:
        return self.scope.findings

    @property
    def scratch(self) -> ScratchDatasets:
        return self.scope.platform.scratch

    def losers_of(self, race: Race) -> list[Cancelled]:
        """Those of a race that its rival has ended; they are kept.

        Raises:
            RunbookError: One ended for another reason.
        """
        found = list(self._losers(race))
        self.cancelled.extend(found)
        return found

    def _losers(self, race: Race) -> Iterator[Cancelled]:
        is_won = any(each.error is None for each in race.ended)
        for each in race.ended:
            if each.error is None:
                continue
            failed = self._failed_statement(each)
            if not isinstance(each.error, TransactionConflict) and not (failed and is_won):
                raise each.error
            where, words = failed or ("", str(each.error))
            yield Cancelled(each.job_id, where, words, isinstance(each.error, TransactionConflict))

    def _failed_statement(self, ended: Ended) -> tuple[str, str] | None:
        try:
            runs = self.scratch.statements(ended.job_id)
        except Unavailable:  # it is known all the same that a conflict was recognised, but not where it was found
            return None
        return next(((run.words, run.error) for run in runs if run.error), None)


@dataclass(frozen=True)
class Claim:
    """Something that has to hold on a warehouse, and how that is tried.

    Attributes:
        question: Its name says what has to hold.
        why: What rests on it.
        readings: How often a statement reads a table for it, about: that is what is billed.
        attempt: Tries it; raises `CouldNotLook` when it could not be tried.
        needs_jobs: It is about jobs, so it is not tried on a warehouse without them.
    """

    question: Question
    why: str
    readings: int
    attempt: Callable[[Proof, Question], Check]
    needs_jobs: bool = False


def proof_in(scope: Scope, dataset: str) -> Proof:
    """A proof in the dataset that ``runbook prove`` has made for it.

    Raises:
        UserError: It has not, so nothing is written to it.
    """
    scratch = scope.platform.scratch
    plain_identifier(dataset, "dataset name")
    if not (scratch.note_of(dataset) or "").startswith(NOTE):
        start = scope.platform.commands.looking("prove", "--dataset", dataset)
        raise UserError(f"{dataset!r:.80} is not a dataset that was made for a proof; start with: {start}")
    return Proof(scope, Arena(dataset, scratch.new_warehouse, scratch.delay))
