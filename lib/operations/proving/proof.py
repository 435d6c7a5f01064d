"""A proof: the trials so far on a warehouse, and their results."""

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
    """A transaction that was rolled back because of a concurrent one.

    Attributes:
        job_id: Its job id in the warehouse.
        found_at: The statement at which the warehouse found the conflict; empty: not known.
        words: The warehouse's error message. Hostile input.
        is_recognised: Whether it was recognised as a conflict, which is retried.
    """

    job_id: str
    found_at: str
    words: str
    is_recognised: bool


@dataclass(frozen=True)
class Proof:
    """The trials of one run, in their own dataset.

    Attributes:
        scope: The run.
        arena: The dataset.
        cancelled: All transactions that were cancelled so far because of a concurrent one.
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
        """Return, and remember, the transactions of a race that the other one cancelled.

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
        except Unavailable:  # the conflict is known, but not the statement where it was found
            return None
        return next(((run.words, run.error) for run in runs if run.error), None)


@dataclass(frozen=True)
class Claim:
    """Something that must hold on a warehouse, and how it is tried.

    Attributes:
        question: Its name states the claim.
        why: Why it matters.
        readings: About how many table reads it costs, which are billed.
        attempt: Tries it; raises `CouldNotLook` if it could not be tried.
        needs_jobs: Whether it is about jobs, and so not tried on a warehouse without them.
    """

    question: Question
    why: str
    readings: int
    attempt: Callable[[Proof, Question], Check]
    needs_jobs: bool = False


def proof_in(scope: Scope, dataset: str) -> Proof:
    """Return a proof in the dataset that ``runbook prove`` created for it.

    Raises:
        UserError: The dataset was not created for a proof, so nothing is written to it.
    """
    scratch = scope.platform.scratch
    plain_identifier(dataset, "dataset name")
    if not (scratch.note_of(dataset) or "").startswith(NOTE):
        start = scope.platform.commands.looking("prove", "--dataset", dataset)
        raise UserError(f"{dataset!r:.80} is not a dataset that was made for a proof; start with: {start}")
    return Proof(scope, Arena(dataset, scratch.new_warehouse, scratch.delay))
